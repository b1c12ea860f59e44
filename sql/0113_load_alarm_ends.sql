-- A heavy load that becomes an overload ends as heavy because it is above that band, which none of the words so far said.
alter table load_alarm drop constraint load_alarm_ended_by_check;
alter table load_alarm add constraint load_alarm_ended_by_check check (ended_by in ('below', 'above', 'silent', 'removed'));
