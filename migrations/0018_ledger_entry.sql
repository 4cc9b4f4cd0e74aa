-- A commit of the ledger names its rows in one array of these: eleven arrays side by side cost the database twice as much to take apart.
CREATE TYPE mail_entry AS (
  issue_id      text,
  subscriber_id text,
  lease         bigint,
  state         text,
  at            timestamptz,
  hash          bytea,
  next          timestamptz,
  stage         text,
  code          int,
  enhanced      text,
  reply         text
);
