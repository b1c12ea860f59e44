-- Periods that a planner has closed: the figures as filed, with the settings under which they were made. Later corrections of the ledger
-- do not change them; they appear beside them as restatements.
create table period_closed (
  month text not null,                      -- YYYY-MM of the utility's calendar
  rulebook text not null,
  by_group text not null,                   -- system, area, feeder
  closed_at timestamptz not null,
  by_subject text not null,
  time_zone text not null,
  report json not null,                     -- the whole report, indices in the order of the rulebook: json keeps it, jsonb does not
  primary key (month, rulebook, by_group)
);

-- Thresholds of the 2.5 beta method are reckoned once a year and then stand; what they rest on is kept.
create table major_day_threshold (
  year int not null,
  area text not null,                       -- '' for the whole system
  rulebook text not null,
  exclude text not null,                    -- what was left out, in the order of the alphabet
  alpha double precision not null,
  beta double precision not null,
  threshold_min double precision not null,
  history_days int not null,
  history jsonb not null,                   -- [[day, saidiMin]…]
  frozen_at timestamptz not null,
  primary key (year, area, rulebook, exclude)
);
