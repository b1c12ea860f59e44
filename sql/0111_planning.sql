-- What a utility sets for itself: guide ranges of the capacity ratio, the promise on notices, which wording of heavy and overload. One row a
-- subject; who changed what stands in the audit.
create table planning_setting (
  subject text primary key,
  value jsonb not null,
  set_by text not null,
  set_at timestamptz not null
);

-- Connections that were asked for and are not there yet: they count in the forecast of yearly peaks.
create sequence connection_number;
create table connection_request (
  id text primary key,
  point text not null,            -- feeder or substation that will supply it
  kw double precision not null check (kw > 0),
  year int not null,              -- first year in which it is there at the time of the peak
  coincidence double precision not null check (coincidence >= 0 and coincidence <= 1),
  class text,
  note text,
  state text not null check (state in ('asked', 'approved', 'connected', 'withdrawn')),
  asked_by text not null,
  asked_at timestamptz not null,
  changed_at timestamptz not null
);
create index connection_request_waiting on connection_request (point) where state in ('asked', 'approved');
