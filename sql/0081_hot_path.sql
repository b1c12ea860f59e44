-- What every message writes costs what it must, and no more.

-- The words of a notice are kept as they were written and are read whole, so they need not be taken apart when they are saved; the few
-- questions about what is in them are asked of few rows.
alter table notice alter column data type json using data::json;

-- interruption_outage answers the same.
drop index interruption_open;
