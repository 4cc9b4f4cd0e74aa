-- Somebody paused, resumed, stopped or retried a newsletter at this moment, and its run may not have heard of it: the reconciliation
-- tells it and forgets the moment.
ALTER TABLE mail_issues ADD COLUMN untold_at timestamptz;
CREATE INDEX mail_issues_untold ON mail_issues (untold_at) WHERE untold_at IS NOT NULL;
