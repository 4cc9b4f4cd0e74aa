-- What people ask about their own data, by whatever channel, until it is answered (Law 91/2025, Decree 356/2025). Whose it is is the
-- subscriber's id and a keyed hash; no address stands here, also not in the words, which go when the person is erased.
CREATE TABLE inquiries (
  id            text PRIMARY KEY,
  subscriber_id text NOT NULL DEFAULT '',           -- '' nobody of that address was known
  email_mac     bytea NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('access', 'correction', 'withdrawal', 'erasure', 'objection')),
  channel       text NOT NULL CHECK (channel IN ('letter', 'email', 'phone', 'in_person', 'portal', 'link')),
  reference     text NOT NULL DEFAULT '',           -- number in the office's own register of papers
  words         text NOT NULL DEFAULT '',           -- what is asked
  received_at   timestamptz NOT NULL,
  received_by   text NOT NULL DEFAULT '',           -- users.id; '' the person did it, by the preferences link
  answer_days   int NOT NULL,                       -- working days, as they were when it came
  answer_due    timestamptz NOT NULL,
  settle_due    timestamptz NOT NULL,
  answered_at   timestamptz,                        -- first answer
  closed_at     timestamptz,
  outcome       text NOT NULL DEFAULT ''
);
CREATE INDEX inquiries_newest ON inquiries (received_at DESC, id DESC);
CREATE INDEX inquiries_open ON inquiries ((coalesce(CASE WHEN answered_at IS NULL THEN answer_due END, settle_due))) WHERE closed_at IS NULL;
CREATE INDEX inquiries_subscriber ON inquiries (subscriber_id) WHERE subscriber_id <> '';
CREATE INDEX inquiries_mac ON inquiries (email_mac);

CREATE TABLE inquiry_acts (                          -- what was done about one, in order
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  inquiry_id text NOT NULL REFERENCES inquiries,
  act        text NOT NULL,                          -- received | answered | exported | corrected | left | blocked | erased | closed
  at         timestamptz NOT NULL,
  by_id      text NOT NULL DEFAULT '',
  note       text NOT NULL DEFAULT ''                -- what was answered
);
CREATE INDEX inquiry_acts_of ON inquiry_acts (inquiry_id, id);

-- The newest first, whole: a list of a hundred thousand with one day of consent was sorted for each page.
DROP INDEX subscribers_newest;
CREATE INDEX subscribers_newest ON subscribers (requested_at, id);

-- How many subscribers stand where, without counting a million: each statement adds what it changed, now and then it is summed up.
CREATE TABLE subscriber_tally (
  state text NOT NULL,
  n     bigint NOT NULL
);
CREATE FUNCTION tally_subscribers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO subscriber_tally SELECT state, count(*) FROM added GROUP BY state;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO subscriber_tally SELECT state, -count(*) FROM gone GROUP BY state;
  ELSE
    INSERT INTO subscriber_tally
    SELECT state, sum(n) FROM (SELECT state, 1 AS n FROM added UNION ALL SELECT state, -1 FROM gone) moved GROUP BY state HAVING sum(n) <> 0;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tally_added AFTER INSERT ON subscribers REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_subscribers();
CREATE TRIGGER tally_gone AFTER DELETE ON subscribers REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tally_subscribers();
CREATE TRIGGER tally_moved AFTER UPDATE ON subscribers REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_subscribers();
INSERT INTO subscriber_tally SELECT state, count(*) FROM subscribers GROUP BY state;

GRANT SELECT, INSERT, UPDATE, DELETE ON inquiries, inquiry_acts, subscriber_tally TO toasoan_app;
