-- What came back about mails that a relay had taken: failures, delays, complaints. No address and no body is kept.
CREATE TABLE bounces (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  issue_id      text NOT NULL DEFAULT '',          -- newsletter: this and the subscriber
  subscriber_id text NOT NULL DEFAULT '',
  letter_id     text NOT NULL DEFAULT '',          -- or a letter
  kind          text NOT NULL,                     -- newsroom.BounceKind
  report        bytea NOT NULL,                    -- sha256 that names the report: the same one twice is one row
  at            timestamptz NOT NULL,
  via           text NOT NULL,                     -- imap, smtp, http
  status        text NOT NULL DEFAULT '',          -- RFC 3463
  code          int NOT NULL DEFAULT 0,
  said          text NOT NULL DEFAULT '',          -- the reporting server's words, cut, without addresses
  spent         boolean NOT NULL DEFAULT false,    -- counts no more towards a block: an admin has lifted one since
  UNIQUE (issue_id, subscriber_id, letter_id, kind, report)
);
CREATE INDEX bounces_subscriber ON bounces (subscriber_id, at) WHERE subscriber_id <> '';
CREATE INDEX bounces_at ON bounces (at);

CREATE TABLE bounce_days (                         -- how many mails came back a day, those about nothing of ours included
  day  date NOT NULL,
  what text NOT NULL,                              -- newsroom.BounceKind, unknown, ignored
  n    bigint NOT NULL,
  PRIMARY KEY (day, what)
);

-- By what an answer or a report names a letter.
ALTER TABLE letters ADD COLUMN verp text NOT NULL DEFAULT '';
CREATE INDEX letters_verp ON letters (verp) WHERE verp <> '';
CREATE INDEX letters_message_id ON letters (message_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON bounces, bounce_days TO toasoan_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO toasoan_app;
