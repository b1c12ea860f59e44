-- Storm mode: while it is declared for an area (null: for everywhere) no machine estimates a single outage there; a person gives one
-- estimate for all of it, or none. Rows are never deleted: what was promised, by whom, and when it ended stays to be read.
create table storm (
  id bigint generated always as identity primary key,
  area text,
  declared_at timestamptz not null,
  declared_by text not null,
  reason text,
  etr jsonb,                                -- the one in force: {at, earliest, latest, source: zone, issuedAt}; null: being assessed
  alarmed_at timestamptz,                   -- the estimate (its instant) of which the control room was told that it passes
  ended_at timestamptz,
  ended_by text
);
create unique index storm_declared on storm (coalesce(area, '')) where ended_at is null;

-- What happened to a storm: declared, estimates, ended. Append-only.
create table storm_event (
  id bigint generated always as identity primary key,
  storm bigint not null references storm (id),
  at timestamptz not null,
  kind text not null,                       -- declared, estimate, ended
  data jsonb not null,
  by_subject text not null
);
create index storm_event_storm on storm_event (storm, id);
create trigger storm_event_append_only before update or delete on storm_event for each row execute function refuse_change();
