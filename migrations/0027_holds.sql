-- Why an approved revision is held although its time comes: somebody reported "not me", the clock's release was refused, or the article was
-- withdrawn or taken down meanwhile. What is held already is told apart by its alert.
ALTER TABLE articles ADD COLUMN frozen_why text NOT NULL DEFAULT ''
  CHECK (frozen_why IN ('', 'not_me', 'refused', 'withdrawn', 'taken_down'));
UPDATE articles SET frozen_why = CASE
  WHEN EXISTS (SELECT FROM alerts WHERE alerts.id = 'release/' || articles.id || '/' || articles.revision) THEN 'refused' ELSE 'not_me' END
  WHERE frozen;
