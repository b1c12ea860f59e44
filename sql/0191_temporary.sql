-- Planned work that was in no plan, and was told at least six hours before: temporary (临时停电) by DL/T 836. Of live outages the work
-- says it; of imported ones the record does.
alter table interruption add column temporary boolean not null default false;
