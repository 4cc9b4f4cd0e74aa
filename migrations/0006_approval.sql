-- Approval: links for a second signature, its working-time clock, the daily roots of the audit chain, answered mails.

ALTER TABLE asks
  ADD COLUMN kind text NOT NULL DEFAULT 'approval' CHECK (kind IN ('approval', 'second'));

ALTER TABLE articles
  ADD COLUMN second_start   timestamptz,             -- when the time for the second signature began
  ADD COLUMN second_minutes int NOT NULL DEFAULT 0;  -- how much working time it is; 0: none runs

CREATE INDEX asks_office ON asks (office_id) WHERE closed_at IS NULL;
CREATE INDEX delegations_from ON delegations (from_at);
CREATE INDEX delegations_to ON delegations (to_at);
CREATE INDEX decisions_at ON decisions (at);

CREATE TABLE audit_roots (                           -- the chain's newest row at the end of each day, mailed to an inspector
  day     date PRIMARY KEY,
  last_id bigint NOT NULL,
  hash    bytea NOT NULL,
  at      timestamptz NOT NULL
);
CREATE TRIGGER audit_roots_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_roots
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE mail_replies (                          -- answers to approval mails that were read: each is acted on once
  id      text PRIMARY KEY,                          -- keyed hash of the mail's Message-ID
  at      timestamptz NOT NULL,
  ask_id  text NOT NULL DEFAULT '',
  request_id text NOT NULL DEFAULT '',
  what    text NOT NULL                              -- decided, refused, or why it was ignored
);
CREATE INDEX mail_replies_at ON mail_replies (at);

GRANT SELECT, INSERT ON audit_roots TO toasoan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_replies TO toasoan_app;
