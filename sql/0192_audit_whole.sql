-- Emptying a table is a change, too: rows were refused one by one, TRUNCATE was not.
create trigger audit_never_emptied before truncate on audit for each statement execute function refuse_change();
create trigger storm_event_never_emptied before truncate on storm_event for each statement execute function refuse_change();
create trigger alarm_word_never_emptied before truncate on alarm_word for each statement execute function refuse_change();
