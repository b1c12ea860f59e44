-- The core of Relight: the network by revision, the append-only observations, and the ledger that follows from them.
-- Instants are timestamptz (milliseconds matter), ids of field things are the utility's own strings.

-- A network as imported. History is always read against the revision in force at the time; the first also holds for all time before it.
create table network_revision (
  revision int primary key,
  valid_from timestamptz not null,
  imported_at timestamptz not null,
  format text not null,
  report jsonb not null
);
create table network_source (revision int not null, id text not null, node text not null, phases smallint not null, rated_kva double precision);
create table network_substation (revision int not null, id text not null, name text not null, area text, lon double precision, lat double precision);
create table network_feeder (revision int not null, id text not null, name text not null, substation text not null, head text not null, rated_a double precision, rated_kva double precision);
-- Branches name their nodes by position, so that reading a million of them back is arithmetic, not look-ups.
create table network_node (revision int not null, ix int not null, id text not null, kv double precision, lon double precision, lat double precision);
create table network_switch (revision int not null, ix int not null, id text not null, from_ix int not null, to_ix int not null, kind text not null, phases smallint not null, normally_closed boolean not null, rated_a double precision, telemetered boolean not null, name text);
create table network_line (revision int not null, ix int not null, id text not null, from_ix int not null, to_ix int not null, phases smallint not null, length_m double precision, rated_a double precision, overhead boolean, failures_per_km_year double precision, repair_h double precision);
create table network_transformer (revision int not null, ix int not null, id text not null, from_ix int not null, to_ix int not null, phases smallint not null, kind text not null, rated_kva double precision, name text, failures_per_year double precision, repair_h double precision);
create table network_service_point (revision int not null, ix int not null, id text not null, node_ix int not null, phases smallint not null, customers int not null, connected_kva double precision, class text, average_kw double precision, peak_kw double precision, priority text, lon double precision, lat double precision);
create index network_source_revision on network_source (revision);
create index network_substation_revision on network_substation (revision);
create index network_feeder_revision on network_feeder (revision);
create index network_node_revision on network_node (revision, ix);
create index network_switch_revision on network_switch (revision, ix);
create index network_line_revision on network_line (revision, ix);
create index network_transformer_revision on network_transformer (revision, ix);
create index network_service_point_revision on network_service_point (revision, ix);

-- A load point keeps its number for ever, across revisions: sets of interrupted load points are sets of numbers.
create table load_point (ix int primary key, id text not null unique);

-- What a source said about a point at a time. Never updated, never deleted but by archiving.
-- The identity of an observation is (gateway, kind, point, seq, at); the same identity with other content is kept too, beside it.
-- `key` is 48 bits of `at` in milliseconds, then 80 bits of a digest over identity and content: doing it twice is doing it once, and
-- the one index serves both uniqueness and reading in the order of time.
create table observation (
  key uuid primary key,
  gateway text not null,
  kind text not null,             -- switch, meter, manual
  point text not null,            -- switch or service point id
  seq bigint not null,
  at timestamptz not null,        -- by the source's clock
  received_at timestamptz not null,
  value text not null,            -- open, closed, lastGasp, restored, alive
  phases smallint,                -- null: all that the device has
  reason text,
  quality text not null,          -- good, uncertain, bad
  by_subject text,                -- who said it, for manual ones
  clamped boolean not null default false  -- its clock ran too far ahead: it counts at received_at
);
create index observation_clamped on observation (received_at) where clamped;

-- Where every switch that was ever heard of stood at an instant: derivation may begin here instead of at the beginning of time.
-- An observation older than a checkpoint removes it.
create table checkpoint (at timestamptz primary key, positions jsonb not null);

-- Where each switch is believed to be now; only transitions write here.
create table switch_state (
  switch text primary key,
  closed_phases smallint not null,
  at timestamptz not null,
  gateway text not null,
  reason text
);

-- One row an outage. `device, anchor_at` is what it follows from; `id` is the name given at first sight and kept while it is still the same event.
create table outage (
  id text primary key,
  origin text not null default 'live',      -- live: derived from observations; imported: from a record
  kind text not null default 'unplanned',
  device text,
  anchor_at timestamptz not null,
  start_uncertain boolean not null default false,
  locked_out boolean not null default false,
  phases smallint not null,
  area text,
  substation text,
  feeder text,                              -- null where more than one feeder is interrupted
  started_at timestamptz not null,
  restored_at timestamptz,                  -- null while anyone is out
  closed_at timestamptz,
  customers_out int not null,
  customers_interrupted int not null,
  closed_customer_ms bigint not null,       -- of intervals that have ended
  steps jsonb not null,                     -- [{at, device, customersRestored}]
  cause text,
  crew jsonb,
  etr jsonb,                                -- the one in force: {at, earliest, latest, source, issuedAt}
  told jsonb,                               -- what customers were told so far (notices)
  revision int not null,                    -- grows with each committed change
  updated_at timestamptz not null
);
create index outage_device on outage (device, anchor_at);
create index outage_started on outage (started_at);
create index outage_open on outage (id) where restored_at is null;

-- The atoms of every index: a set of customers of one feeder, off from one instant to another, in one outage.
-- members are supply groups: load_point.ix * 8 + the phases their service points use. Open while until_at is null.
create table interruption (
  outage text not null,
  from_at timestamptz not null,
  until_at timestamptz,
  area text,
  substation text,
  feeder text,
  phases smallint not null,
  customers int not null,
  connected_kva double precision,
  members int[],                            -- null for imported steps that name no load point
  local_day date not null,                  -- the day it started on, in the utility's calendar
  nature text not null default 'unplanned', -- planned, unplanned
  cause text,
  external boolean not null default false,
  source_shortage boolean not null default false
);
create index interruption_outage on interruption (outage, from_at);
create index interruption_from on interruption (from_at);
create index interruption_day on interruption (local_day);
create index interruption_open on interruption (outage) where until_at is null;

-- What happened to an outage beside its supply: estimates, crews, causes, notes, closing. Append-only.
create table outage_event (
  id bigint generated always as identity primary key,
  outage text not null,
  at timestamptz not null,
  kind text not null,
  data jsonb not null,
  by_subject text
);
create index outage_event_outage on outage_event (outage, id);

-- The ledger corrected itself: what it said, what it says, why, since when we know.
create table correction (
  id bigint generated always as identity primary key,
  outage text not null,
  known_at timestamptz not null,
  why jsonb not null,
  before jsonb not null,
  after jsonb not null
);
create index correction_outage on correction (outage, id);

-- The one numbered stream. The single writer numbers it, so the order of numbers is the order of commits.
create table notice (
  seq bigint primary key,
  at timestamptz not null,
  audience text not null,                   -- staff, customer, public
  kind text not null,
  outage text,
  feeders text[] not null,
  members int[],                            -- whom it concerns; null where no load point is meant
  data jsonb not null
);
create index notice_outage on notice (outage, seq);

create table gateway (
  id text primary key,
  online boolean not null,
  at timestamptz not null,                  -- by its own clock
  heard_at timestamptz not null             -- by ours
);

-- Customers served, as a record of the past says them; the network's own counts come from its revisions.
create table customers_served (
  area text not null,
  from_day date not null,
  customers int not null,
  primary key (area, from_day)
);

-- Who did what. Append-only.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  subject text not null,
  role text not null,
  act text not null,
  target text,
  before jsonb,
  after jsonb
);

-- One engine writes. Who takes over raises the term; whoever still holds an older one can commit nothing more.
create table engine_term (one boolean primary key default true check (one), term bigint not null);
insert into engine_term (term) values (0);
