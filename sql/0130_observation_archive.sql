-- Old observations, compressed: what the live tables need no more and `verify`, late words and explanations still ask for. A chunk holds
-- words of one day by the source's clock, all about switches or all of meters, in the order of their keys; a word that comes after its day
-- was archived makes a chunk of its own beside the first. Chunks are written once, each in the transaction that takes its words out of
-- `observation`, so that every word is in the record exactly once at any instant.
create table observation_archive (
  number int primary key,                   -- 1, 2, 3, … without a gap
  about text not null check (about in ('switching', 'metering')),
  first_key uuid not null,                  -- observation.key
  last_key uuid not null,
  words int not null check (words > 0),
  archived_at timestamptz not null,
  previous bytea not null,                  -- digest of the chunk before; empty for the first
  digest bytea not null,                    -- SHA-256 of previous, of what stands above, and of payload
  payload bytea not null                    -- gzip of JSON, see src/stores/archive-chunk.ts
);
create index observation_archive_span on observation_archive (about, first_key, number);
-- It is compressed already.
alter table observation_archive alter column payload set storage external;

-- Where the chain ends: a missing last chunk is seen here. Who archives holds this row.
create table observation_archive_end (one boolean primary key default true check (one), number int not null, digest bytea not null);
insert into observation_archive_end (number, digest) values (0, '');
