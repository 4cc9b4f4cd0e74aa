-- A freeze reads its list from one index, and beside it only those few who must not get it; a chunk's ids are not packed, since they are
-- read and removed minutes later.
CREATE INDEX subscriptions_listed ON subscriptions (section_id, cadence, subscriber_id) INCLUDE (since);
DROP INDEX subscriptions_section_id_cadence_subscriber_id_idx;
CREATE INDEX subscribers_unreachable ON subscribers (id) WHERE state <> 'confirmed' OR email = '';
ALTER TABLE mail_chunks
  ALTER COLUMN recipients SET STORAGE EXTERNAL,
  ALTER COLUMN since SET STORAGE EXTERNAL;

-- A chunk's rows are made a claim at a time: the first claim is of few, so that the first mail does not wait for a thousand rows.
ALTER TABLE mail_chunks ADD COLUMN written int NOT NULL DEFAULT 0; -- of recipients, from the front: their rows are in the ledger

CREATE OR REPLACE VIEW mail_recipients AS
  SELECT issue_id, subscriber_id, email, state, attempt, smtp_code, enhanced, smtp_stage, reply, next_attempt, done_at FROM mail_deliveries
  UNION ALL
  SELECT c.issue_id, r.id, coalesce(s.email, ''), 'pending', 0, 0, '', '', '', NULL, NULL
  FROM mail_chunks c, unnest(c.recipients[c.written + 1:]) AS r (id) LEFT JOIN subscribers s ON s.id = r.id WHERE c.recipients IS NOT NULL;
