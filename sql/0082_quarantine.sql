-- Messages of the field that a mistake of ours kept out of the record: each alone was found to stop the batch it came in. They are
-- acknowledged, so that the rest goes on, and taken up again at every start, when a newer version may know better.
create table quarantine (
  key text primary key,                     -- digest of topic and payload
  topic text not null,
  payload bytea not null,
  received_at timestamptz not null,
  error text not null,                      -- what went wrong, the last time
  failed_at timestamptz not null,
  times int not null default 1
);
