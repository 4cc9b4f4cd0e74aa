-- A reviewer who ends the display of an article holds what was approved before, as withdrawing and taking down do.
ALTER TABLE articles DROP CONSTRAINT articles_frozen_why_check;
ALTER TABLE articles ADD CONSTRAINT articles_frozen_why_check
  CHECK (frozen_why IN ('', 'not_me', 'refused', 'withdrawn', 'taken_down', 'expired'));
-- Texts that were put aside are listed beside their article, the newest first.
CREATE INDEX ON kept_drafts (article_id, at);
-- A PIN that "not me" has made void comes back by the mailed link only: whoever abused it may know the password as well.
ALTER TABLE users ADD COLUMN pin_void boolean NOT NULL DEFAULT false;
UPDATE users SET pin_void = true
  WHERE pin_hash = '' AND EXISTS (SELECT FROM audit WHERE audit.actor_id = users.id AND audit.action = 'not_me');
