-- The ledger's rows become counts after a while. A leave link says itself what it is for, so that it works when they are gone.
ALTER TABLE mail_deliveries DROP COLUMN leave_hash;
ALTER TABLE mail_issues ADD COLUMN pruned_at timestamptz;  -- its rows are counts from then on
CREATE INDEX mail_issues_finished ON mail_issues (finished_at) WHERE pruned_at IS NULL;
