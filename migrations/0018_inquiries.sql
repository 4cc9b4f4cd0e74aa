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

GRANT SELECT, INSERT, UPDATE, DELETE ON inquiries, inquiry_acts TO toasoan_app;
