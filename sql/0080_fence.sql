-- The fence of the one writer as a statement: what is sent behind it in the same transaction needs no answer to wait for. It fails where
-- this very write was committed before and only its answer was lost (RL001), and where another engine has taken over (RL002); the
-- transaction fails with it. A transaction of ours that a lost connection left open is waited for, and then seen.
create function relight_fence(my_term bigint, my_write bigint) returns void language plpgsql as $f$
begin
  update engine_term set writes = my_write where term = my_term and writes < my_write;
  if found then return; end if;
  if exists (select from engine_term where term = my_term) then
    raise exception 'this write is in the record already' using errcode = 'RL001';
  end if;
  raise exception 'another engine writes to this database now' using errcode = 'RL002';
end $f$;
