-- Digests: nobody reads an article twice, and a correction reaches those who read the wrong text in a digest.

ALTER TABLE mail_issues
  ADD COLUMN revisions int[] NOT NULL DEFAULT '{}',  -- digests: the revision of each of items that was told
  ADD COLUMN readers   text[] NOT NULL DEFAULT '{}'; -- digests: only for these, who changed their choice since the last one; {}: for all

ALTER TABLE subscriptions ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(); -- when this section was chosen, or its cadence changed, last
UPDATE subscriptions SET changed_at = since;
