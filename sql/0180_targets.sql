-- What a utility wants, or is told, an index to be in a calendar year. One figure an index, rulebook and year; who set it stands in the
-- audit. A target is not a fact of the field: nothing is reckoned from it, it stands beside the figure.
create table reliability_target (
  year int not null,
  rulebook text not null,
  index text not null,                      -- symbol of the rulebook: SAIDI, ASAI-1
  value double precision not null check (value >= 0),
  set_by text not null,
  set_at timestamptz not null,
  primary key (year, rulebook, index)
);
