-- Delivery: what the ledger keeps so that a second attempt makes the same mail, and the files of an import.

ALTER TABLE mail_deliveries
  ADD COLUMN name   text NOT NULL DEFAULT '',      -- as frozen; '' once erased
  ADD COLUMN since  timestamptz,                   -- subscribed since, as frozen
  ADD COLUMN resent boolean NOT NULL DEFAULT false; -- was in doubt and is sent once more: a second copy may exist

ALTER TABLE letters
  ADD COLUMN resent boolean NOT NULL DEFAULT false;

ALTER TABLE mail_chunks
  ADD COLUMN total  int NOT NULL DEFAULT 0,        -- rows frozen into it
  ADD COLUMN done   int NOT NULL DEFAULT 0,        -- in a final state when a worker left it last: what progress is made of
  ADD COLUMN failed int NOT NULL DEFAULT 0;        -- of those, not delivered

ALTER TABLE mail_issues
  ADD COLUMN counts jsonb,                         -- newsroom.IssueCounts once it is closed: the rows are not kept for ever
  ADD COLUMN by_id   text NOT NULL DEFAULT '',     -- who paused, resumed or stopped it last; '' the workflow
  ADD COLUMN started_at timestamptz;               -- when the first chunk was taken

CREATE INDEX mail_issues_article ON mail_issues (article_id, seq);
CREATE INDEX subscribers_mac ON subscribers (email_mac);
CREATE INDEX subscribers_newest ON subscribers (requested_at DESC, id);
CREATE INDEX subscribers_unconfirmed ON subscribers (requested_at) WHERE state = 'requested';
CREATE INDEX subscribers_gone ON subscribers (left_at) WHERE state = 'left';
CREATE INDEX letters_subscriber ON letters (subscriber_id) WHERE subscriber_id IS NOT NULL;

-- An uploaded list waits here between its preview and its import, and is emptied when it is done.
CREATE TABLE subscriber_imports (
  id         text PRIMARY KEY,
  by_id      text NOT NULL,
  name       text NOT NULL,                        -- of the file
  source     text NOT NULL,                        -- where the consents come from
  body       bytea NOT NULL,
  total      int NOT NULL,                         -- rows with an address
  done       int NOT NULL DEFAULT 0,
  report     jsonb NOT NULL DEFAULT '{}',          -- newsroom.ImportReport
  state      text NOT NULL DEFAULT 'preview' CHECK (state IN ('preview', 'running', 'done')),
  created_at timestamptz NOT NULL,
  beat_at    timestamptz NOT NULL                  -- last sign of life of whoever runs it
);

GRANT SELECT, INSERT, UPDATE, DELETE ON subscriber_imports TO toasoan_app;
