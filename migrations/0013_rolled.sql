-- A freeze writes down who gets an issue as ids, a thousand a row; the ledger's rows are made when their chunk is claimed. So the first
-- mail does not wait for the last row (20,000: 40 ms instead of a second), and a row is written three times instead of four.
ALTER TABLE mail_chunks
  ADD COLUMN recipients text[],                    -- subscribers' ids, in order; NULL once their rows are in the ledger
  ADD COLUMN since      timestamptz[];             -- subscribed since, beside each

-- Who gets an issue and how it stands with each: the ledger, and those who wait for their chunk to be claimed.
CREATE VIEW mail_recipients AS
  SELECT issue_id, subscriber_id, email, state, attempt, smtp_code, enhanced, smtp_stage, reply, next_attempt, done_at FROM mail_deliveries
  UNION ALL
  SELECT c.issue_id, r.id, coalesce(s.email, ''), 'pending', 0, 0, '', '', '', NULL, NULL
  FROM mail_chunks c, unnest(c.recipients) AS r (id) LEFT JOIN subscribers s ON s.id = r.id WHERE c.recipients IS NOT NULL;

GRANT SELECT ON mail_recipients TO toasoan_app;
