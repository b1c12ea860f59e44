-- Measured load in quarters of an hour. A quarter is a set of readings, so that late and doubled readings give the same row as readings in
-- order: `keys` says which readings are in it (64 bits of a digest over identity and content), and the sums are whole numbers (W, var, mA,
-- V), because whole numbers add up to the same in any order. Doing it twice is doing it once.
-- Partitioned by month: old months are dropped whole, and the months that are written stay small. The store makes a month when it is
-- first needed; whatever is older than 2020 (a device whose clock has never been set) falls into one partition.
create table load_quarter (
  point text not null,            -- switch at the head of a feeder, transformer or load point
  at timestamptz not null,        -- start of the quarter
  keys bigint[] not null,
  readings int not null,
  sum_w bigint not null,
  min_w bigint not null,          -- negative: power flowed back
  max_w bigint not null,
  var_readings int not null,      -- readings that said kvar, amps, kv: unknown is not 0
  sum_var bigint not null,
  amp_readings int not null,
  sum_ma_a bigint not null,
  sum_ma_b bigint not null,
  sum_ma_c bigint not null,
  max_ma bigint not null,         -- the largest current of any phase; 0 where none was said
  kv_readings int not null,
  sum_v bigint not null,
  primary key (point, at)
) partition by range (at);
create index load_quarter_at on load_quarter (at);
create table load_quarter_before partition of load_quarter for values from (minvalue) to ('2020-01-01 00:00+00');

-- Hours whose quarters have changed since they were last rolled up.
create table load_touched (at timestamptz primary key);

-- Roll-ups; each can be made again from the quarters. `peak_w` is the largest mean of a quarter: the figure that ratings are held against.
create table load_hour (
  point text not null,
  at timestamptz not null,
  quarters int not null,
  mean_w bigint not null,
  peak_w bigint not null,
  min_w bigint not null,
  mean_var bigint,
  primary key (point, at)
);
create index load_hour_at on load_hour (at);
create table load_day (
  point text not null,
  day date not null,              -- in the utility's calendar
  quarters int not null,
  mean_w bigint not null,
  peak_w bigint not null,
  peak_at timestamptz not null,
  min_w bigint not null,
  primary key (point, day)
);

-- A limit was passed long enough to say so. Open while until_at is null: at most one of a kind at a point, whoever asks and how often.
create table load_alarm (
  id bigint generated always as identity primary key,
  point text not null,
  kind text not null,             -- heavy, overload, longOverload
  from_at timestamptz not null,   -- when the level was crossed
  confirmed_at timestamptz not null,
  until_at timestamptz,
  peak_rate double precision not null,
  rule text not null
);
create unique index load_alarm_one_open on load_alarm (point, kind) where until_at is null;
create unique index load_alarm_once on load_alarm (point, kind, from_at);
