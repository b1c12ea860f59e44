-- Customers: how they want to be told, what was sent to them, and what they say.

-- Where a person wants to hear, and of what. One row an address: the same notice never goes to one address twice.
create table recipient (
  id bigint generated always as identity primary key,
  subject text not null,                    -- whose it is, as tokens name them; webhooks belong to the utility's own programs
  channel text not null,                    -- email, sms, push, webhook
  address text not null,                    -- address, number, URL; for push the subscription as JSON
  secret text,                              -- webhook: signs; null otherwise
  language text not null,                   -- en, zh-CN
  service_points text[] not null,
  -- The supply groups of those points in the network in force; written again when the network changes.
  groups int[] not null,
  audience text not null default 'customer',-- customer: of their groups; staff and public: webhooks only
  kinds text[],                             -- null: every kind
  quiet_from_min int,                       -- of the local day; null: none
  quiet_until_min int,
  created_at timestamptz not null,
  unique (subject, channel, address)
);
create index recipient_groups on recipient using gin (groups);

-- What is to be sent and what became of it. At least once, in order for each recipient and outage; `id` is what the receiver knows it by.
create table outbox (
  id bigint generated always as identity primary key,
  recipient bigint not null references recipient (id) on delete cascade,
  notice_seq bigint not null,
  kind text not null,
  outage text,
  order_key text not null,                  -- the outage, or the notice itself where it is about none
  urgent boolean not null,                  -- loss and restoration: exempt from budget and quiet hours
  data jsonb not null,
  state text not null default 'waiting',    -- waiting, sent, superseded, expired, dead
  attempts int not null default 0,
  next_at timestamptz not null,             -- not before; while it is being sent: when the attempt counts as lost
  expires_at timestamptz not null,          -- news that old does harm
  created_at timestamptz not null,
  done_at timestamptz,
  last_error text,
  receipt text,
  unique (recipient, notice_seq)
);
create index outbox_due on outbox (next_at) where state = 'waiting';
create index outbox_order on outbox (recipient, order_key, id) where state = 'waiting';
create index outbox_recent on outbox (recipient, created_at);
create index outbox_dead on outbox (done_at) where state = 'dead';

-- How far the numbered stream has been spread over the recipients.
create table outbox_progress (one boolean primary key default true check (one), notice_seq bigint not null);
insert into outbox_progress (notice_seq) values (0);

create table preference (subject text primary key, language text not null, updated_at timestamptz not null);

-- A secret URL for calendars, which send no token.
create table calendar_key (
  key text primary key,
  subject text not null,
  service_point text not null,
  created_at timestamptz not null,
  unique (subject, service_point)
);

-- What customers say about their own supply. One open report a service point and kind: who says it again adds to it.
create table customer_report (
  id bigint generated always as identity primary key,
  service_point text not null,
  "group" int,                              -- null: no network knows the point
  kind text not null,                       -- noPower, back
  first_at timestamptz not null,
  last_at timestamptz not null,
  times int not null default 1,
  hazard boolean not null default false,    -- a wire, fire, life support: jumps the queue
  words text,
  outage text,                              -- what it was taken for; null: not known to us
  by_subject text not null,
  closed_at timestamptz
);
create unique index customer_report_open on customer_report (service_point, kind) where closed_at is null;
create index customer_report_outage on customer_report (outage);
create index customer_report_first on customer_report (first_at);

create table satisfaction (
  outage text not null,
  service_point text not null,
  subject text not null,
  score int not null check (score between 1 and 5),
  words text,
  at timestamptz not null,
  primary key (outage, service_point)
);

create table complaint (
  id bigint generated always as identity primary key,
  service_point text not null,
  subject text not null,
  outage text,
  words text not null,
  at timestamptz not null,
  owner text,                               -- who answers it; null: nobody yet
  due_at timestamptz not null,
  answer text,
  answered_at timestamptz,
  answered_by text
);
create index complaint_open on complaint (due_at) where answered_at is null;
create index complaint_subject on complaint (subject, id);

-- Calendars read what was announced; all other notices are of no interest to them.
create index notice_planned on notice (seq) where kind in ('plannedAnnounced', 'plannedChanged', 'plannedCancelled');
