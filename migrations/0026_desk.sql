-- What became of each recipient names the mail as the relay's log does.
CREATE OR REPLACE VIEW mail_recipients AS
  SELECT issue_id, subscriber_id, email, state, attempt, smtp_code, enhanced, smtp_stage, reply, next_attempt, done_at, message_id FROM mail_deliveries
  UNION ALL
  SELECT c.issue_id, r.id, coalesce(s.email, ''), 'pending', 0, 0, '', '', '', NULL, NULL, ''
  FROM mail_chunks c, unnest(c.recipients[c.written + 1:]) AS r (id) LEFT JOIN subscribers s ON s.id = r.id WHERE c.recipients IS NOT NULL;

-- The hour of digests has a history: a cut begins where the one before it ended, whatever the hour is since.
UPDATE settings SET key = 'digest_hours', value = jsonb_build_array(jsonb_build_object('since', '2000-01-01', 'minute', value))
WHERE key = 'digest_minute';
