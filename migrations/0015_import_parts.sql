-- An uploaded list is kept in parts, written and read one at a time, so that its size does not matter to memory.
ALTER TABLE subscriber_imports
  DROP COLUMN body,
  ADD COLUMN fallback text[] NOT NULL DEFAULT '{}';  -- sections of lines that name none
DELETE FROM subscriber_imports WHERE state <> 'done'; -- their bodies are gone

CREATE TABLE subscriber_import_parts (
  import_id text NOT NULL,
  nr        int NOT NULL,
  body      bytea NOT NULL,
  at        timestamptz NOT NULL,
  PRIMARY KEY (import_id, nr)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON subscriber_import_parts TO toasoan_app;
