-- Subscribers with their consent, the delivery ledger of the newsletters, and the letters of the transactional lane.

CREATE TABLE subscribers (
  id           text PRIMARY KEY,
  email        text NOT NULL,                      -- '' once erased
  email_key    text NOT NULL,                      -- lower-cased; '' once erased
  email_mac    bytea NOT NULL,                     -- keyed hash: survives erasure, for suppression
  name         text NOT NULL DEFAULT '',
  locale       text NOT NULL DEFAULT 'vi',
  state        text NOT NULL CHECK (state IN ('requested', 'confirmed', 'left', 'erased')),
  source       text NOT NULL DEFAULT 'form',       -- form | import | admin
  requested_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  left_at      timestamptz,
  reminded_at  timestamptz,
  key_version  int NOT NULL,
  confirm_hash bytea NOT NULL,                     -- sha256 of the confirm token
  prefs_hash   bytea NOT NULL,                     -- sha256 of the preferences token
  search       text GENERATED ALWAYS AS (fold(email || ' ' || name)) STORED
);
CREATE UNIQUE INDEX ON subscribers (email_key) WHERE email_key <> '';
CREATE UNIQUE INDEX ON subscribers (confirm_hash);
CREATE UNIQUE INDEX ON subscribers (prefs_hash);
CREATE INDEX ON subscribers (state, id);
CREATE INDEX ON subscribers USING gin (search gin_trgm_ops);

CREATE TABLE subscriptions (
  subscriber_id text NOT NULL REFERENCES subscribers ON DELETE CASCADE,
  section_id    text NOT NULL REFERENCES sections,
  cadence       text NOT NULL DEFAULT 'instant' CHECK (cadence IN ('instant', 'daily', 'weekly')),
  since         timestamptz NOT NULL,
  PRIMARY KEY (subscriber_id, section_id)
);
CREATE INDEX ON subscriptions (section_id, cadence, subscriber_id);

CREATE TABLE consents (                            -- provable consent (Law 91/2025): append-only in spirit, erased with the person
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subscriber_id text NOT NULL REFERENCES subscribers ON DELETE CASCADE,
  act           text NOT NULL,                     -- requested | confirmed | changed | left | erased | imported
  at            timestamptz NOT NULL,
  ip            text NOT NULL DEFAULT '',
  form_version  text NOT NULL DEFAULT '',
  source        text NOT NULL DEFAULT '',
  detail        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON consents (subscriber_id, id);

CREATE TABLE suppressions (
  email_mac bytea NOT NULL,
  scope     text NOT NULL DEFAULT 'bulk',          -- bulk | all
  why       text NOT NULL,                         -- left | hard | complaint | erased | admin
  at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (email_mac, scope)
);

CREATE TABLE mail_issues (
  id           text PRIMARY KEY,
  seq          bigint GENERATED ALWAYS AS IDENTITY,
  kind         text NOT NULL,                      -- article | correction | digest
  article_id   text REFERENCES articles,
  n            bigint NOT NULL DEFAULT 0,          -- publication it belongs to
  revision     int NOT NULL DEFAULT 0,
  list         text NOT NULL,                      -- section id
  period       text NOT NULL DEFAULT '',           -- digests: cadence and day
  subject      text NOT NULL DEFAULT '',
  html         text NOT NULL DEFAULT '',           -- master copies with slots; frozen before the first mail
  body_text    text NOT NULL DEFAULT '',
  content_hash text NOT NULL DEFAULT '',
  status       text NOT NULL DEFAULT 'preparing' CHECK (status IN ('preparing', 'prepared', 'sending', 'paused', 'done', 'aborted')),
  why          text NOT NULL DEFAULT '',           -- why paused or aborted
  candidates   int NOT NULL DEFAULT 0,
  chunks       int NOT NULL DEFAULT 0,
  opened_at    timestamptz NOT NULL,
  prepared_at  timestamptz,
  finished_at  timestamptz
);
CREATE UNIQUE INDEX ON mail_issues (article_id, revision, kind) WHERE kind <> 'digest';
CREATE UNIQUE INDEX ON mail_issues (list, period) WHERE kind = 'digest';
CREATE INDEX ON mail_issues (opened_at DESC);

CREATE TABLE mail_chunks (
  issue_id text NOT NULL REFERENCES mail_issues,
  chunk_no int NOT NULL,
  lease    bigint NOT NULL DEFAULT 0,              -- incremented whenever a worker takes the chunk: the fence
  PRIMARY KEY (issue_id, chunk_no)
);

CREATE TABLE mail_deliveries (
  issue_id      text NOT NULL REFERENCES mail_issues,
  subscriber_id text NOT NULL,
  chunk_no      int NOT NULL,
  email         text NOT NULL,                     -- as frozen; '' once erased
  state         text NOT NULL DEFAULT 'pending',   -- newsroom.DeliveryState
  attempt       int NOT NULL DEFAULT 0,
  lease         bigint NOT NULL DEFAULT 0,
  key_version   int NOT NULL,
  leave_hash    bytea NOT NULL,                    -- sha256 of the one-click leave token
  verp          text NOT NULL,
  message_id    text NOT NULL,
  date          timestamptz NOT NULL,              -- of the Date header, fixed
  body_hash     bytea,
  dot_at        timestamptz,
  next_attempt  timestamptz,
  smtp_code     int NOT NULL DEFAULT 0,
  enhanced      text NOT NULL DEFAULT '',
  reply         text NOT NULL DEFAULT '',          -- the relay's words, without addresses
  smtp_stage    text NOT NULL DEFAULT '',
  first_at      timestamptz,
  done_at       timestamptz,
  PRIMARY KEY (issue_id, subscriber_id)
) WITH (fillfactor = 70);
CREATE INDEX ON mail_deliveries (issue_id, chunk_no);
CREATE UNIQUE INDEX ON mail_deliveries (leave_hash);
CREATE INDEX ON mail_deliveries (verp);
CREATE INDEX ON mail_deliveries (subscriber_id);

-- Letters: approval requests, returns, reminders, resets, opt-ins. One row is one mail to one person; ids are
-- deterministic (<kind>/<what caused it>/<to>), so that a repeat writes nothing.
CREATE TABLE letters (
  id            text PRIMARY KEY,
  kind          text NOT NULL,                     -- name of the template
  user_id       text REFERENCES users,
  subscriber_id text,
  article_id    text REFERENCES articles,
  ask_id        text,
  request_id    text NOT NULL DEFAULT '',
  data          jsonb NOT NULL DEFAULT '{}',       -- ids, codes and times for the template; never a token
  state         text NOT NULL DEFAULT 'pending',   -- newsroom.DeliveryState
  attempt       int NOT NULL DEFAULT 0,
  lease         bigint NOT NULL DEFAULT 0,
  message_id    text NOT NULL,
  date          timestamptz NOT NULL,
  body_hash     bytea,
  dot_at        timestamptz,
  next_attempt  timestamptz,
  smtp_code     int NOT NULL DEFAULT 0,
  enhanced      text NOT NULL DEFAULT '',
  reply         text NOT NULL DEFAULT '',
  smtp_stage    text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL,
  done_at       timestamptz
);
CREATE INDEX ON letters (created_at) WHERE done_at IS NULL;
CREATE INDEX ON letters (article_id);

CREATE TABLE mail_slots (                          -- the installation's mails per second, leased in one-second slices
  second bigint PRIMARY KEY,
  used   int NOT NULL
);

CREATE TABLE rate_limits (                         -- strangers' posts, by keyed hash of what is limited
  key    bytea NOT NULL,
  bucket bigint NOT NULL,
  used   int NOT NULL,
  PRIMARY KEY (key, bucket)
);

CREATE TABLE idempotency_keys (
  user_id    text NOT NULL,
  key        text NOT NULL,
  resource   text NOT NULL,
  request    bytea NOT NULL,                       -- sha256 of what was asked: another body under the same key is refused
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);

CREATE TABLE alerts (                              -- what an operator must look at
  id         text PRIMARY KEY,                     -- deterministic, so that one trouble is one row
  code       text NOT NULL,
  detail     jsonb NOT NULL DEFAULT '{}',
  at         timestamptz NOT NULL DEFAULT now(),
  cleared_at timestamptz
);

-- ---------------------------------------------------------------- what the app's role may do

GRANT USAGE ON SCHEMA public TO toasoan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO toasoan_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO toasoan_app;
REVOKE UPDATE, DELETE ON audit, revisions, decisions FROM toasoan_app;
