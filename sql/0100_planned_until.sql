-- The end that was approved for planned work, where a record of the past says it; for works of our own their window does. A rulebook may count
-- what lasts longer as a fault (DL/T 836).
alter table interruption add planned_until timestamptz;
