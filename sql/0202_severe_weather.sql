-- Weather so severe that guaranteed standards give a utility longer (GB regulation 7), as a person has declared it from the faults that were
-- counted. Rows are never deleted: what was declared, by whom, and that it was withdrawn stays to be read.
create table severe_weather (
  id bigint generated always as identity primary key,
  area text,                                -- null: everywhere
  category text not null check (category in ('severe1', 'severe2')),
  from_at timestamptz not null,
  until_at timestamptz,                     -- exclusive; null: it goes on
  reason text not null,
  declared_by text not null,
  declared_at timestamptz not null,
  withdrawn_by text,
  withdrawn_at timestamptz,
  check (until_at > from_at)
);
