-- The newsroom: people, articles, approvals, the audit chain. Times are UTC; ids are newsroom.NewID unless said.
-- The owner role runs this; the app's role (toasoan_app, made by `migrate` where missing) gets what it needs at the end.

CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- unaccent() is only STABLE; this wrapper pins the dictionary, so that it may stand in an index.
CREATE FUNCTION fold(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN lower(public.unaccent('public.unaccent', t) COLLATE "und-x-icu");

CREATE TABLE settings (
  key        text PRIMARY KEY,
  value      jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- people

CREATE TABLE users (
  id            text PRIMARY KEY,
  email         text NOT NULL,
  email_key     text NOT NULL UNIQUE,             -- lower-cased address
  name          text NOT NULL CHECK (name IS NFC NORMALIZED),
  title         text NOT NULL DEFAULT '',
  pen_name      text NOT NULL DEFAULT '',
  phone         text NOT NULL DEFAULT '',
  locale        text NOT NULL DEFAULT 'vi' CHECK (locale IN ('vi', 'en')),
  roles         text[] NOT NULL DEFAULT '{}',
  sections      text[] NOT NULL DEFAULT '{}',     -- empty: all
  active        boolean NOT NULL DEFAULT true,
  password_hash text NOT NULL DEFAULT '',         -- argon2id, PHC string; empty: cannot sign in yet
  pin_hash      text NOT NULL DEFAULT '',
  totp_secret   bytea,                            -- sealed with the installation's secret
  totp_step     bigint NOT NULL DEFAULT 0,        -- newest time step used: a code works once
  failed        int NOT NULL DEFAULT 0,
  locked_until  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (                            -- alexedwards/scs; the token is stored as its hash
  token      text PRIMARY KEY,
  data       bytea NOT NULL,
  user_id    text REFERENCES users ON DELETE CASCADE,
  device     text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now(),
  expiry     timestamptz NOT NULL
);
CREATE INDEX ON sessions (user_id);
CREATE INDEX ON sessions (expiry);

CREATE TABLE api_tokens (
  id         text PRIMARY KEY,
  user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
  hash       bytea NOT NULL UNIQUE,                -- sha256 of the token
  scopes     text[] NOT NULL,                      -- write, decide, admin
  label      text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at    timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE devices (                             -- a phone that a leader trusted by giving the PIN on it
  id         text PRIMARY KEY,
  user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
  hash       bytea NOT NULL UNIQUE,
  label      text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at    timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX ON devices (user_id);

CREATE TABLE pin_failures (                        -- wrong PINs lock a link on one browser, never the leader's account
  ask_id  text NOT NULL,
  browser text NOT NULL,                           -- keyed hash of the browser's cookie or address
  failed  int NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (ask_id, browser)
);

CREATE TABLE account_links (                       -- mailed one-purpose links: set a PIN, reset a password, confirm an address
  id          text PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('pin', 'password', 'not_me')),
  user_id     text NOT NULL REFERENCES users ON DELETE CASCADE,
  request_id  text NOT NULL DEFAULT '',            -- not_me: the decision that the letter confirmed
  key_version int NOT NULL,
  hash        bytea NOT NULL UNIQUE,               -- sha256 of the derived token
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  used_at     timestamptz
);

CREATE TABLE sections (
  id        text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,80}$'),
  name_vi   text NOT NULL CHECK (name_vi IS NFC NORMALIZED),
  name_en   text NOT NULL DEFAULT '',
  position  int NOT NULL DEFAULT 0,
  retired   boolean NOT NULL DEFAULT false
);

CREATE TABLE offices (
  id       text PRIMARY KEY,
  name     text NOT NULL,
  chief    boolean NOT NULL DEFAULT false,         -- the chief is asked where an office has no deputy
  position int NOT NULL DEFAULT 0
);

CREATE TABLE office_holders (
  office_id text NOT NULL REFERENCES offices,
  user_id   text NOT NULL REFERENCES users,
  from_at   timestamptz NOT NULL DEFAULT now(),
  to_at     timestamptz,
  deputy    boolean NOT NULL DEFAULT false,        -- asked only when the holder's time is over
  PRIMARY KEY (office_id, user_id, from_at)
);

CREATE TABLE delegations (
  id         text PRIMARY KEY,
  office_id  text NOT NULL REFERENCES offices,
  from_user  text NOT NULL REFERENCES users,
  to_user    text NOT NULL REFERENCES users,
  from_at    timestamptz NOT NULL,
  to_at      timestamptz NOT NULL CHECK (to_at > from_at),
  reason     text NOT NULL DEFAULT '',
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at   timestamptz
);

CREATE TABLE policies (                            -- every version is kept; the newest per section counts
  section_id text NOT NULL DEFAULT '',             -- '': the office's default
  version    int NOT NULL,
  policy     jsonb NOT NULL,
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (section_id, version)
);

CREATE TABLE calendar_days (
  date date PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('off', 'working')),
  name text NOT NULL DEFAULT ''
);

-- ---------------------------------------------------------------- media

CREATE TABLE media (                               -- content-addressed: sha256 of the uploaded bytes
  sha        text PRIMARY KEY CHECK (sha ~ '^[0-9a-f]{64}$'),
  kind       text NOT NULL CHECK (kind IN ('image', 'file')),
  name       text NOT NULL DEFAULT '',
  mime       text NOT NULL,
  width      int NOT NULL DEFAULT 0,
  height     int NOT NULL DEFAULT 0,
  size       bigint NOT NULL,
  bytes      bytea,                                -- files as uploaded; pictures only as re-encoded variants
  created_by text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE media_variants (
  sha   text NOT NULL REFERENCES media,
  width int NOT NULL,
  ext   text NOT NULL,
  mime  text NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (sha, width, ext)
);

-- ---------------------------------------------------------------- articles

CREATE TABLE articles (
  id             text PRIMARY KEY,
  stage          text NOT NULL DEFAULT 'draft',
  public         text NOT NULL DEFAULT 'hidden',
  section_id     text NOT NULL DEFAULT '',         -- of the working draft; '' until chosen
  title          text NOT NULL DEFAULT '' CHECK (title IS NFC NORMALIZED),
  slug           text NOT NULL DEFAULT '',
  author_id      text NOT NULL REFERENCES users,
  holder_id      text NOT NULL DEFAULT '',
  forwarded_by   text NOT NULL DEFAULT '',
  revision       int NOT NULL DEFAULT 0,
  live           int NOT NULL DEFAULT 0,
  round          int NOT NULL DEFAULT 0,
  step           int NOT NULL DEFAULT 0,
  policy         jsonb,                            -- snapshot of the running round
  draft          jsonb NOT NULL,                   -- newsroom.Content
  draft_hash     text NOT NULL,
  draft_version  bigint NOT NULL DEFAULT 1,
  draft_by       text NOT NULL DEFAULT '',
  seq            bigint NOT NULL DEFAULT 0,        -- newest audit sequence of this article
  clock_kind     text NOT NULL DEFAULT '',
  clock_id       bigint NOT NULL DEFAULT 0,
  clock_start    timestamptz,
  clock_minutes  int NOT NULL DEFAULT 0,
  due_at         timestamptz,                      -- clock at 100 %, for lists; recomputed when the calendar changes
  release_due    timestamptz,
  expire_at      timestamptz,
  undo_until     timestamptz,
  frozen         boolean NOT NULL DEFAULT false,
  second_by      timestamptz,
  first_signer   text NOT NULL DEFAULT '',
  second_late    boolean NOT NULL DEFAULT false,
  published_at   timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  baseline_views bigint NOT NULL DEFAULT 0         -- imported from the system before
);
CREATE INDEX ON articles (stage, due_at, id);
CREATE INDEX ON articles (author_id, updated_at DESC);
CREATE INDEX ON articles (updated_at DESC, id);

CREATE TABLE revisions (                           -- immutable: what was submitted, approved, published
  article_id text NOT NULL REFERENCES articles,
  n          int NOT NULL,
  content    jsonb NOT NULL,
  hash       text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (article_id, n)
);

-- What readers see: one row per article that was ever public, kept in step by the settling transaction.
CREATE TABLE live_articles (
  article_id   text PRIMARY KEY REFERENCES articles,
  revision     int NOT NULL,
  public       text NOT NULL,
  section_id   text NOT NULL,
  also_in      text[] NOT NULL DEFAULT '{}',
  title        text NOT NULL,
  lead         text NOT NULL,
  plain        text NOT NULL,                      -- body as plain text, for search
  slug         text NOT NULL,
  byline       text NOT NULL,
  pen_names    text[] NOT NULL DEFAULT '{}',       -- slugs
  topics       text[] NOT NULL DEFAULT '{}',       -- slugs
  tags         text[] NOT NULL DEFAULT '{}',       -- slugs
  numbers      text NOT NULL DEFAULT '',           -- document numbers
  cover        text NOT NULL DEFAULT '',           -- sha of the first picture
  cover_alt    text NOT NULL DEFAULT '',
  content      jsonb NOT NULL,
  hash         text NOT NULL,
  published_at timestamptz NOT NULL,               -- first publication
  updated_at   timestamptz NOT NULL,               -- of this revision or state
  changed_n    bigint NOT NULL,                    -- publication that brought this state
  search       tsvector NOT NULL
);
CREATE INDEX ON live_articles (published_at DESC, article_id) WHERE public = 'live';
CREATE INDEX ON live_articles (section_id, published_at DESC, article_id) WHERE public = 'live';
CREATE INDEX ON live_articles USING gin (also_in) WHERE public = 'live';
CREATE INDEX ON live_articles USING gin (pen_names);
CREATE INDEX ON live_articles USING gin (topics);
CREATE INDEX ON live_articles USING gin (tags);
CREATE INDEX ON live_articles USING gin (search);
CREATE INDEX ON live_articles USING gin (numbers gin_trgm_ops);

CREATE TABLE slugs (                               -- every slug an article ever had redirects for ever
  article_id text NOT NULL REFERENCES articles,
  slug       text NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (article_id, slug)
);

CREATE TABLE pasted (                              -- what was pasted or uploaded, before cleaning, kept with the revision
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  article_id text NOT NULL REFERENCES articles,
  revision   int NOT NULL,
  by_id      text NOT NULL,
  original   text NOT NULL,
  at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE kept_drafts (                         -- unsaved text of somebody whose lock was taken over
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  article_id text NOT NULL REFERENCES articles,
  by_id      text NOT NULL,
  content    jsonb NOT NULL,
  at         timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- moves, approvals, audit

CREATE TABLE move_requests (                       -- committed by the door before anything else: a tap is never lost
  id         text PRIMARY KEY,                     -- UUID from the caller
  article_id text NOT NULL REFERENCES articles,
  request    jsonb NOT NULL,                       -- newsroom.Request
  created_at timestamptz NOT NULL DEFAULT now(),
  tries      int NOT NULL DEFAULT 0,
  next_try   timestamptz NOT NULL DEFAULT now() + interval '20 seconds',
  settled_at timestamptz,
  outcome    jsonb                                 -- newsroom.Outcome: the answer to every repeat
);
CREATE INDEX ON move_requests (next_try) WHERE settled_at IS NULL;
CREATE INDEX ON move_requests (article_id, created_at);

CREATE TABLE asks (                                -- an open question to one person: the mailed link
  id           text PRIMARY KEY,                   -- token id
  article_id   text NOT NULL REFERENCES articles,
  round        int NOT NULL,
  step         int NOT NULL,
  revision     int NOT NULL,
  hash         text NOT NULL,                      -- content hash asked about
  office_id    text NOT NULL,
  user_id      text NOT NULL REFERENCES users,
  on_behalf_of text NOT NULL DEFAULT '',
  escalation   boolean NOT NULL DEFAULT false,
  key_version  int NOT NULL,
  token_hash   bytea NOT NULL UNIQUE,
  created_at   timestamptz NOT NULL,
  due_at       timestamptz,
  expires_at   timestamptz NOT NULL,
  seen_at      timestamptz,                        -- first human-looking opening
  closed_at    timestamptz,
  closed_why   text NOT NULL DEFAULT ''
);
CREATE INDEX ON asks (article_id, round);
CREATE INDEX ON asks (user_id) WHERE closed_at IS NULL;

CREATE TABLE decisions (                           -- append-only
  request_id   text PRIMARY KEY,
  article_id   text NOT NULL REFERENCES articles,
  revision     int NOT NULL,
  round        int NOT NULL,
  step         int NOT NULL,
  user_id      text NOT NULL REFERENCES users,
  capacity     text NOT NULL,
  on_behalf_of text NOT NULL DEFAULT '',
  move         text NOT NULL,
  hash         text NOT NULL,
  reason_code  text NOT NULL DEFAULT '',
  reason       text NOT NULL DEFAULT '',
  door         text NOT NULL,
  at           timestamptz NOT NULL,
  UNIQUE (article_id, revision, round, step, user_id)
);

CREATE TABLE comments (
  id         text PRIMARY KEY,
  article_id text NOT NULL REFERENCES articles,
  revision   int NOT NULL,
  user_id    text NOT NULL REFERENCES users,
  text       text NOT NULL,
  kind       text NOT NULL DEFAULT 'comment',      -- comment | note (to the leader)
  at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON comments (article_id, at);

CREATE TABLE reminders (                           -- each mark of each clock once
  article_id text NOT NULL REFERENCES articles,
  clock_id   bigint NOT NULL,
  mark       int NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (article_id, clock_id, mark)
);

CREATE TABLE audit (                               -- append-only hash chain over the whole newsroom
  id           bigint PRIMARY KEY,                 -- gapless, under an advisory lock
  article_id   text NOT NULL DEFAULT '',
  n            bigint NOT NULL DEFAULT 0,          -- sequence within the article
  at           timestamptz NOT NULL,
  actor_id     text NOT NULL DEFAULT '',           -- '' the workflow
  actor_name   text NOT NULL DEFAULT '',           -- as it was then; never an address
  capacity     text NOT NULL DEFAULT '',
  on_behalf_of text NOT NULL DEFAULT '',
  door         text NOT NULL DEFAULT '',
  action       text NOT NULL,
  from_stage   text NOT NULL DEFAULT '',
  to_stage     text NOT NULL DEFAULT '',
  public       text NOT NULL DEFAULT '',
  revision     int NOT NULL DEFAULT 0,
  content_hash text NOT NULL DEFAULT '',
  reason_code  text NOT NULL DEFAULT '',
  reason       text NOT NULL DEFAULT '',
  request_id   text NOT NULL DEFAULT '',
  detail       jsonb NOT NULL DEFAULT '{}',
  prev_hash    bytea NOT NULL,
  hash         bytea NOT NULL
);
CREATE UNIQUE INDEX ON audit (article_id, n) WHERE article_id <> '';
CREATE INDEX ON audit (at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ---------------------------------------------------------------- publications, receipts, events

CREATE TABLE publications (
  article_id text NOT NULL REFERENCES articles,
  n          bigint NOT NULL,
  event      text NOT NULL,
  revision   int NOT NULL,
  kind       text NOT NULL DEFAULT '',
  at         timestamptz NOT NULL,
  emitted    int NOT NULL DEFAULT 0,               -- how often the event was sent
  alerted_at timestamptz,
  done_at    timestamptz,
  PRIMARY KEY (article_id, n)
);
CREATE INDEX ON publications (at) WHERE done_at IS NULL;

CREATE TABLE receipts (
  article_id text NOT NULL,
  n          bigint NOT NULL,
  effect     text NOT NULL,
  at         timestamptz,
  checked    timestamptz,
  detail     jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (article_id, n, effect),
  FOREIGN KEY (article_id, n) REFERENCES publications
);

CREATE TABLE events_seen (                         -- what each durable has handled: repeats are harmless
  durable  text NOT NULL,
  event_id text NOT NULL,
  at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (durable, event_id)
);

CREATE TABLE parked_events (                       -- could not be handled on the last delivery; a person retries
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  durable    text NOT NULL,
  event_id   text NOT NULL,
  subject    text NOT NULL,
  payload    bytea NOT NULL,
  error      text NOT NULL,
  parked_at  timestamptz NOT NULL DEFAULT now(),
  retried_at timestamptz,
  UNIQUE (durable, event_id)
);

CREATE TABLE portal_version (                      -- bumped by every public change: page caches poll it while NATS is away
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO portal_version VALUES (true, 1);

CREATE TABLE feeds (                               -- what the feeds consumer rendered last
  path         text PRIMARY KEY,                   -- /rss.xml, /chuyen-muc/kinh-te/atom.xml, /sitemap.xml
  mime         text NOT NULL,
  body         bytea NOT NULL,
  etag         text NOT NULL,
  event_id     text NOT NULL DEFAULT '',           -- the event that caused it
  updated_at   timestamptz NOT NULL
);

-- ---------------------------------------------------------------- counters

CREATE TABLE article_views (                       -- per publication and local day; the page shows the sum
  article_id text NOT NULL REFERENCES articles,
  n          bigint NOT NULL,
  day        date NOT NULL,
  views      bigint NOT NULL,
  PRIMARY KEY (article_id, n, day)
);

CREATE TABLE site_views (
  day    date PRIMARY KEY,
  views  bigint NOT NULL DEFAULT 0,                -- pages
  visits bigint NOT NULL DEFAULT 0                 -- visits (30 minutes of silence end one)
);

CREATE TABLE view_batches (                        -- a batch of the VIEWS stream is applied once
  stream_seq bigint PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE visitors (                            -- for visits and "online now": a daily keyed hash, no address
  visitor bytea PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
CREATE INDEX ON visitors (seen_at);

CREATE TABLE counter_resets (
  scope text NOT NULL,                             -- article id, or day | week | month
  key   text NOT NULL,                             -- publication n, or the period
  at    timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);

CREATE TABLE reader_reports (
  id         text PRIMARY KEY,
  article_id text REFERENCES articles,
  kind       text NOT NULL CHECK (kind IN ('error', 'feedback')),
  text       text NOT NULL,
  contact    text NOT NULL DEFAULT '',
  at         timestamptz NOT NULL DEFAULT now(),
  handled_at timestamptz,
  handled_by text NOT NULL DEFAULT ''
);
