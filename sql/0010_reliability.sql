-- What the indices divide by, and the long interruptions that a report over any period must find.

-- What each network revision serves, by feeder under normal positions; written with the revision. `feeder` is null for what no head supplies.
create table served_feeder (
  revision int not null,
  feeder text,
  substation text,
  area text,
  customers int not null,
  load_points int not null,                 -- medium-voltage users of DL/T 836
  connected_kva double precision,           -- null where any of its service points does not say
  average_kw double precision
);
create index served_feeder_revision on served_feeder (revision);

-- The same by supply group (load_point.ix * 8 + phases): a set of interrupted groups is divided among them by it.
create table supply_group (
  revision int not null,
  code int not null,
  customers int not null,
  connected_kva double precision,
  average_kw double precision,
  primary key (revision, code)
);

-- Interruptions of more than a day are few; without them a period would have to read all the past to know what still ran at its start.
create index interruption_long on interruption (from_at) where until_at is null or until_at - from_at > interval '1 day';
