-- Accounts: what a sign-in needs to count and to remember, and what the desk's lists search by.

-- Wrong passwords count per account and address, so that nobody can lock somebody else out: keyed hashes, no address.
CREATE TABLE sign_in_failures (
  account      bytea NOT NULL,                     -- keyed hash of the address typed, known or not
  source       bytea NOT NULL,                     -- keyed hash of the network address
  failed       int NOT NULL,
  locked_until timestamptz,
  at           timestamptz NOT NULL,
  PRIMARY KEY (account, source)
);
CREATE INDEX ON sign_in_failures (at);

ALTER TABLE users
  DROP COLUMN failed,
  DROP COLUMN locked_until,
  ADD COLUMN recovery    bytea[] NOT NULL DEFAULT '{}',  -- keyed hashes of one-time codes for a lost authenticator
  ADD COLUMN password_at timestamptz;                    -- when the password was set last

-- A person's own list of articles and the desk's search by title.
CREATE INDEX articles_title ON articles USING gin (fold(title) gin_trgm_ops);
CREATE INDEX articles_release_due ON articles (release_due) WHERE release_due IS NOT NULL;
CREATE INDEX articles_published_at ON articles (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX articles_holder ON articles (holder_id) WHERE holder_id <> '';

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failures TO toasoan_app;
