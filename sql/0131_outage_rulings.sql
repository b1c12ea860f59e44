-- What dispatchers ruled about which interruptions are one outage: facts beside the observations, and append-only as they are. An event is
-- named by the switch and the instant at which it first opened. The ledger follows from observations and rulings together.
create table outage_ruling (
  number bigint generated always as identity primary key,
  at timestamptz not null,                  -- when it was ruled
  by_subject text not null,
  -- joint: the two events are one outage. apart: a former joint of these two holds no more. boundary: openings of the switch before the
  -- instant, and from it on, are not one outage, however soon they follow each other.
  rules text not null check (rules in ('joint', 'apart', 'boundary')),
  device text,
  event_at timestamptz not null,
  other_device text,                        -- of joint and apart
  other_at timestamptz,
  check ((rules = 'boundary') = (other_at is null))
);

-- The outage that one is part of since a dispatcher said so; null for any other.
alter table outage add column merged_into text;
create index outage_merged_into on outage (merged_into) where merged_into is not null;
