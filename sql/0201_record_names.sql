-- What a record calls an outage: it is known again by it when the record says another area of it.
alter table outage add column record_name text;
create index outage_record_name on outage (record_name) where record_name is not null;
