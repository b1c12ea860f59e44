-- How many writes the engine of this term has committed. A commit whose answer is lost with the connection may have happened: before the
-- engine tries again it sees here whether it did, and nothing is written twice.
alter table engine_term add column writes bigint not null default 0;

-- Outages that may still change are asked for every minute; they are few among all that ever were.
create index outage_not_closed on outage (restored_at) where closed_at is null;
