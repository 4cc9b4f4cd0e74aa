-- A reviewer who ends the display of an article holds what was approved before, as withdrawing and taking down do.
ALTER TABLE articles DROP CONSTRAINT articles_frozen_why_check;
ALTER TABLE articles ADD CONSTRAINT articles_frozen_why_check
  CHECK (frozen_why IN ('', 'not_me', 'refused', 'withdrawn', 'taken_down', 'expired'));
-- Texts that were put aside are listed beside their article, the newest first.
CREATE INDEX ON kept_drafts (article_id, at);
