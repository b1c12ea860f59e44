-- The roll-ups that follow from a changed interruption are statements of the trigger's own: the server plans them once a connection. As texts
-- that were put together at each call, planning took more time than all that an outage's restoration writes.
do $do$
declare
  fresh constant text := '(select *, 1 as sign from fresh)';
  gone constant text := '(select *, -1 as sign from gone)';
begin
  execute format($f$
    create or replace function relight_rollup_interruption() returns trigger language plpgsql as $body$
    begin
      if tg_op = 'INSERT' then
        if exists (select from fresh where until_at is not null) then
          %s;
        end if;
      elsif tg_op = 'DELETE' then
        if exists (select from gone where until_at is not null) then
          %s;
        end if;
      else
        %s;
      end if;
      return null;
    end $body$
  $f$, relight_rollup_add(fresh), relight_rollup_add(gone),
    relight_rollup_add('(select *, -1 as sign from gone union all select *, 1 from fresh)'));
end $do$;
