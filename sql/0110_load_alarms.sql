-- Load alarms live. A quarter of an hour is judged once, when it is over and its readings have had time to arrive; what comes later is
-- kept and counted as late, and changes no alarm.
alter table load_quarter add column late_readings int not null default 0;

alter table load_alarm
  add column rated_kva double precision,
  add column feeder text,
  -- below: the load fell under its level; silent: it is not measured any more; removed: the point or its rating is gone from the network.
  add column ended_by text check (ended_by in ('below', 'silent', 'removed')),
  add column acknowledged_at timestamptz,
  add column acknowledged_by text;
create index load_alarm_from on load_alarm (from_at);

-- Up to where quarters have been judged (the start of the last one), and the runs that are under way: what a restart goes on from.
create table load_watch (one boolean primary key default true check (one), judged_at timestamptz not null);
create table load_watch_point (
  point text primary key,
  state jsonb not null
);
