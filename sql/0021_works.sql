-- Planned work: the plan as a document, its state and window beside it for asking. Every change of state is kept with who and when.
create sequence work_number;
create table work (
  id text primary key,
  state text not null check (state in ('draft', 'submitted', 'approved', 'inProgress', 'finished', 'cancelled', 'overdue')),
  window_from timestamptz not null,
  window_until timestamptz not null check (window_until > window_from),
  crew text,
  document jsonb not null,        -- the whole work but its history
  revision int not null,          -- grows with each change: who changes an older one is told so
  updated_at timestamptz not null
);
create index work_window on work (window_from);
create index work_live on work (state) where state not in ('finished', 'cancelled');

-- Append-only.
create table work_event (
  id bigint generated always as identity primary key,
  work text not null references work (id),
  at timestamptz not null,
  by_subject text not null,
  act text not null,
  from_state text,
  to_state text not null,
  note text
);
create index work_event_work on work_event (work, id);

-- Whom a work takes off, as customers were told: asked by "planned work at my points". members are supply groups.
create table work_told (
  work text not null references work (id),
  from_at timestamptz not null,
  until_at timestamptz not null,
  members int[] not null
);
create index work_told_work on work_told (work);
create index work_told_until on work_told (until_at);

-- Rounds over assets, and what they found.
create table patrol (
  id bigint generated always as identity primary key,
  title text not null,
  owner text not null,
  assets text[] not null,
  due_on date not null,
  created_by text not null,
  created_at timestamptz not null,
  done_at timestamptz,
  done_by text
);
create index patrol_open on patrol (due_on) where done_at is null;

create table finding (
  id bigint generated always as identity primary key,
  patrol bigint references patrol (id),
  asset text not null,
  severity text not null check (severity in ('minor', 'major', 'critical')),
  says text not null,
  photo text,                     -- where the picture is kept; never the picture
  owner text not null,
  due_on date not null,
  found_by text not null,
  found_at timestamptz not null,
  closed_at timestamptz,
  closed_by text,
  closed_note text
);
create index finding_open on finding (asset) where closed_at is null;
