-- Temperatures that a weather service gives, hour by hour: what was known of an hour at `issued_at`. Before the hour that is a forecast, from it on a
-- measurement. Forecasts are kept as they were made: what rests on them is judged by what could be known then.
create table temperature (
  place text not null,            -- area, substation or feeder
  at timestamptz not null,        -- beginning of the hour
  issued_at timestamptz not null,
  celsius real not null check (celsius between -90 and 60),
  primary key (place, at, issued_at)
);
