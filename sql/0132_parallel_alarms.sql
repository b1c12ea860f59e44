-- Feeders that ran in parallel for longer than a transfer takes: open while they do, cleared by itself.
create table parallel_alarm (
  id bigint generated always as identity primary key,
  pair text not null,                       -- which two, as grid/parallel.ts names them
  tie text not null,                        -- a switch at which they meet
  feeders text[] not null,
  since_at timestamptz not null,            -- the last switch between them closed
  raised_at timestamptz not null,
  until_at timestamptz                      -- null while they run in parallel
);
create unique index parallel_alarm_open on parallel_alarm (pair) where until_at is null;
