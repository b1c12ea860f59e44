-- A finding goes from open to in hand to fixed (or is dismissed); every step is kept with who and when. What was seen on a round is kept by asset.
alter table finding
  add column state text not null default 'open' check (state in ('open', 'inHand', 'fixed', 'dismissed')),
  add column work text references work (id);
update finding set state = 'fixed' where closed_at is not null;
alter table finding add constraint finding_closed_says_so check ((closed_at is not null) = (state in ('fixed', 'dismissed')));
create index finding_due on finding (due_on) where closed_at is null;

create table finding_event (
  id bigint generated always as identity primary key,
  finding bigint not null references finding (id),
  at timestamptz not null,
  by_subject text not null,
  from_state text,
  to_state text not null,
  note text
);
create index finding_event_finding on finding_event (finding, id);

create table patrol_visit (
  patrol bigint not null references patrol (id),
  asset text not null,
  at timestamptz not null,
  by_subject text not null,
  primary key (patrol, asset)
);

-- Asked when the cause of an outage is confirmed: was a finding open there, and did it have to do with it?
create table outage_finding (
  outage text not null,
  finding bigint not null references finding (id),
  contributed boolean not null,
  answered_by text not null,
  answered_at timestamptz not null,
  primary key (outage, finding)
);
