-- How often an hour of loads has been touched: a roll-up forgets the hour only if nobody touched it meanwhile, and so needs no lock while it works.
alter table load_touched add column times bigint not null default 1;
