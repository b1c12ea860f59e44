-- Sums of interruptions that have ended, kept in the transaction that changes them, whoever changes them: a report over years reads
-- thousands of rows instead of millions. They follow from `interruption` alone (relight_rollups_recompute does it from the beginning).
-- Lengths are told apart at 180 s and at 300 s, exact limits being short. `flags`: 1 planned, 2 external, 4 source shortage.

create table rollup_feeder_day (
  local_day date not null,
  area text collate "C" not null,                       -- '' where there is none
  substation text collate "C" not null,
  feeder text collate "C" not null,
  flags smallint not null,
  n180 bigint not null,                     -- customers interrupted for up to 180 s, and their milliseconds
  ms180 bigint not null,
  n300 bigint not null,                     -- more than 180 s, up to 300 s
  ms300 bigint not null,
  n bigint not null,                        -- longer
  ms bigint not null,
  primary key (local_day, area, substation, feeder, flags)
);
create table rollup_feeder_month (
  month date not null,
  area text collate "C" not null,
  substation text collate "C" not null,
  feeder text collate "C" not null,
  flags smallint not null,
  n180 bigint not null, ms180 bigint not null, n300 bigint not null, ms300 bigint not null, n bigint not null, ms bigint not null,
  primary key (month, area, substation, feeder, flags)
);
create table rollup_area_day (
  local_day date not null,
  area text collate "C" not null,
  flags smallint not null,
  n180 bigint not null, ms180 bigint not null, n300 bigint not null, ms300 bigint not null, n bigint not null, ms bigint not null,
  primary key (local_day, area, flags)
);

-- What each supply group went through in a year, interruptions of more than 300 s only. Changes are noted by set and counted in when
-- the table is read: an outage of a hundred thousand groups must not write a hundred thousand rows while it is being restored.
create table rollup_group_year (
  year smallint not null,
  code int not null,
  customers double precision not null,
  interruptions int not null,
  ms bigint not null,
  over_8h int not null,                     -- of 8 hours and more
  primary key (year, code)
);
create table rollup_group_change (
  id bigint generated always as identity primary key,
  year smallint not null,
  members int[] not null,
  customers int not null,
  ms bigint not null,
  sign smallint not null
);

-- Days on which interruptions of a record overlap or continue each other: what belongs together is only known from the rows.
create table rollup_inexact (local_day date primary key);

-- The statements below are texts because a trigger's transition tables are visible in its own body only.

create function relight_rollup_by_day(source text) returns text language sql immutable as $f$
  select $q$select local_day, coalesce(area, '') collate "C" as area, coalesce(substation, '') collate "C" as substation,
      coalesce(feeder, '') collate "C" as feeder,
      ((nature = 'planned')::int + 2 * external::int + 4 * source_shortage::int)::smallint as flags,
      coalesce(sum(many) filter (where lasts <= 180000), 0) as n180, coalesce(sum(many * lasts) filter (where lasts <= 180000), 0) as ms180,
      coalesce(sum(many) filter (where lasts > 180000 and lasts <= 300000), 0) as n300,
      coalesce(sum(many * lasts) filter (where lasts > 180000 and lasts <= 300000), 0) as ms300,
      coalesce(sum(many) filter (where lasts > 300000), 0) as n, coalesce(sum(many * lasts) filter (where lasts > 300000), 0) as ms
    from (select local_day, area, substation, feeder, nature, external, source_shortage, sign * customers::bigint as many,
        round(date_part('epoch', until_at - from_at) * 1000)::bigint as lasts
      from $q$ || source || $q$ as s where until_at is not null) as ended
    group by 1, 2, 3, 4, 5$q$
$f$;

create function relight_rollup_by_group(source text) returns text language sql immutable as $f$
  select $q$select year, code, max(coalesce(g.customers, share)), sum(sign), sum(sign * ms),
      coalesce(sum(sign) filter (where ms >= 28800000), 0)
    from (select year, unnest(members) as code, customers::float8 / cardinality(members) as share, ms, sign from $q$ || source || $q$ as s) as t
    left join (select code, customers from supply_group where revision = (select max(revision) from supply_group)) g using (code)
    group by year, code order by year, code$q$
$f$;

create function relight_rollup_add(source text) returns text language sql immutable as $f$
  select $q$with by_day as materialized ($q$ || relight_rollup_by_day(source) || $q$), days as (
      insert into rollup_feeder_day as r select * from by_day order by 1, 2, 3, 4, 5
      on conflict (local_day, area, substation, feeder, flags) do update set
        n180 = r.n180 + excluded.n180, ms180 = r.ms180 + excluded.ms180, n300 = r.n300 + excluded.n300,
        ms300 = r.ms300 + excluded.ms300, n = r.n + excluded.n, ms = r.ms + excluded.ms
    ), months as (
      insert into rollup_feeder_month as r
      select date_trunc('month', local_day)::date, area, substation, feeder, flags,
        sum(n180), sum(ms180), sum(n300), sum(ms300), sum(n), sum(ms)
      from by_day group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
      on conflict (month, area, substation, feeder, flags) do update set
        n180 = r.n180 + excluded.n180, ms180 = r.ms180 + excluded.ms180, n300 = r.n300 + excluded.n300,
        ms300 = r.ms300 + excluded.ms300, n = r.n + excluded.n, ms = r.ms + excluded.ms
    ), areas as (
      insert into rollup_area_day as r
      select local_day, area, flags, sum(n180), sum(ms180), sum(n300), sum(ms300), sum(n), sum(ms)
      from by_day group by 1, 2, 3 order by 1, 2, 3
      on conflict (local_day, area, flags) do update set
        n180 = r.n180 + excluded.n180, ms180 = r.ms180 + excluded.ms180, n300 = r.n300 + excluded.n300,
        ms300 = r.ms300 + excluded.ms300, n = r.n + excluded.n, ms = r.ms + excluded.ms
    )
    insert into rollup_group_change (year, members, customers, ms, sign)
    select extract(year from local_day), members, customers, round(date_part('epoch', until_at - from_at) * 1000)::bigint, sign
    from $q$ || source || $q$ as s where members is not null and until_at - from_at > interval '300 s'$q$
$f$;

create function relight_rollup_interruption() returns trigger language plpgsql as $f$
begin
  if tg_op = 'INSERT' then
    if exists (select from fresh where until_at is not null) then
      execute relight_rollup_add('(select *, 1 as sign from fresh)');
    end if;
  elsif tg_op = 'DELETE' then
    if exists (select from gone where until_at is not null) then
      execute relight_rollup_add('(select *, -1 as sign from gone)');
    end if;
  else
    execute relight_rollup_add('(select *, -1 as sign from gone union all select *, 1 from fresh)');
  end if;
  return null;
end $f$;

create trigger interruption_inserted after insert on interruption referencing new table as fresh
  for each statement execute function relight_rollup_interruption();
create trigger interruption_deleted after delete on interruption referencing old table as gone
  for each statement execute function relight_rollup_interruption();
create trigger interruption_updated after update on interruption referencing old table as gone new table as fresh
  for each statement execute function relight_rollup_interruption();

-- The groups' changes counted in. One at a time: a second waits and finds nothing left.
create function relight_rollup_fold() returns void language plpgsql as $f$
begin
  if not exists (select from rollup_group_change) then return; end if;
  lock table rollup_group_year in share row exclusive mode;
  execute $q$with taken as (delete from rollup_group_change returning *)
    insert into rollup_group_year as r $q$ || relight_rollup_by_group('taken') || $q$
    on conflict (year, code) do update set customers = excluded.customers, interruptions = r.interruptions + excluded.interruptions,
      ms = r.ms + excluded.ms, over_8h = r.over_8h + excluded.over_8h$q$;
end $f$;

create function relight_rollups_recompute() returns void language plpgsql set work_mem = '256MB' set maintenance_work_mem = '256MB' as $f$
begin
  lock table interruption in share row exclusive mode;
  truncate rollup_feeder_day, rollup_feeder_month, rollup_area_day, rollup_group_year, rollup_group_change;
  -- An index made at the end is made faster.
  alter table rollup_feeder_day drop constraint rollup_feeder_day_pkey;
  alter table rollup_group_year drop constraint rollup_group_year_pkey;
  execute 'insert into rollup_feeder_day ' || relight_rollup_by_day('(select *, 1 as sign from interruption)') || ' order by 1';
  alter table rollup_feeder_day add primary key (local_day, area, substation, feeder, flags);
  insert into rollup_feeder_month
  select date_trunc('month', local_day)::date, area, substation, feeder, flags, sum(n180), sum(ms180), sum(n300), sum(ms300), sum(n), sum(ms)
  from rollup_feeder_day group by 1, 2, 3, 4, 5;
  insert into rollup_area_day
  select local_day, area, flags, sum(n180), sum(ms180), sum(n300), sum(ms300), sum(n), sum(ms)
  from rollup_feeder_day group by 1, 2, 3;
  execute 'insert into rollup_group_year ' || relight_rollup_by_group(
    $q$(select extract(year from local_day)::smallint as year, members, customers, 1 as sign,
        round(date_part('epoch', until_at - from_at) * 1000)::bigint as ms
      from interruption where members is not null and until_at - from_at > interval '300 s')$q$);
  alter table rollup_group_year add primary key (year, code);
  analyze rollup_feeder_day, rollup_feeder_month, rollup_area_day, rollup_group_year;
end $f$;

-- What was recorded before there were roll-ups.
select relight_rollups_recompute();
