ALTER TABLE mail_issues
  ADD COLUMN IF NOT EXISTS resumed_at timestamptz,                  -- by a person, last: what was wrong before is no reason to pause again
  ADD COLUMN IF NOT EXISTS told_in    text[] NOT NULL DEFAULT '{}'; -- digests for all: issues that told an article of it under another section; their readers have digests of their own
