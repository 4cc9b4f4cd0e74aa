-- A newsletter's return address says itself which mail it is of, sealed: a report and a wish to leave are understood when the ledger
-- has pruned the row, and the ledger needs no index in random order. Rows from before keep their token, and the index that finds it.
ALTER TABLE mail_deliveries ALTER COLUMN verp SET DEFAULT '';
DROP INDEX mail_deliveries_verp_idx;
CREATE INDEX mail_deliveries_verp ON mail_deliveries (verp) WHERE verp <> '';
