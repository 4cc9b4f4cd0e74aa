-- Somebody paused, resumed, stopped or retried a newsletter at this moment, and its run may not have heard of it: the reconciliation
-- tells it and forgets the moment.
ALTER TABLE mail_issues
  ADD COLUMN untold_at  timestamptz,
  ADD COLUMN resumed_at timestamptz,                    -- by a person, last: what was wrong before is no reason to pause again
  ADD COLUMN told_in    text[] NOT NULL DEFAULT '{}';   -- digests for all: issues that told an article of it under another section; their readers have digests of their own
CREATE INDEX mail_issues_untold ON mail_issues (untold_at) WHERE untold_at IS NOT NULL;
