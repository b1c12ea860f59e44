-- Beside the cause, each apart: the sub-cause, what failed, the weather at the time, whose system was responsible. Rain is a condition and no
-- cause, and a failed insulator is no cause either (IEEE Std 1782): {subCause, equipment, weather, responsibleSystem}, each a code or null.
alter table outage add column cause_detail jsonb
  check (cause_detail ?& array['subCause', 'equipment', 'weather', 'responsibleSystem']);
alter table interruption add column cause_detail jsonb
  check (cause_detail ?& array['subCause', 'equipment', 'weather', 'responsibleSystem']);
