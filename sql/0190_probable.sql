-- Which guesses from meters and reports were told: rows go as the guess is withdrawn or becomes an outage, so that each is told once.
create table probable_outage (
  key text primary key,                     -- device:ID or loadPoint:ID, as notices/common-device.ts names them
  device text,
  feeder text,
  load_points text[] not null,
  customers int not null,
  since_at timestamptz not null,
  raised_at timestamptz not null
);
create table probable_point (
  service_point text primary key,
  kind text not null check (kind in ('probablyOff', 'stillDark')),
  since_at timestamptz not null,
  told_at timestamptz not null
);

-- A guess concerns the points that spoke, not all of their supply group.
alter table notice add column points text[];
