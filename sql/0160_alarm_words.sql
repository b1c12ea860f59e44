-- What dispatchers said about alarms that follow from the state: seen, or put aside until a time and why. An alarm is named by what it is
-- about, so that it is another one when the facts change. The last word about it counts; rows are never changed.
create table alarm_word (
  id bigint generated always as identity primary key,
  alarm text not null,
  at timestamptz not null,
  kind text not null check (kind in ('acknowledged', 'shelved', 'unshelved')),
  until_at timestamptz,                     -- shelved: from then on it shouts again
  reason text,
  by_subject text not null,
  check ((kind = 'shelved') = (until_at is not null)),
  check ((kind = 'shelved') = (reason is not null))
);
create index alarm_word_alarm on alarm_word (alarm, id);
create index alarm_word_at on alarm_word (at);
create trigger alarm_word_append_only before update or delete on alarm_word for each row execute function refuse_change();
