-- Who came and who left is counted on the day it happened, by the record of consent, which outlives a second subscription and erasure.

-- step is +1 where an act made somebody a subscriber, -1 where it ended that, 0 where it changed neither: asking, one more section, one
-- section less, a list that names somebody who was there.
ALTER TABLE consents ADD COLUMN step smallint NOT NULL DEFAULT 0;

CREATE FUNCTION consent_sign(act text, detail jsonb) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN act IN ('confirmed', 'imported') THEN 1 WHEN act = 'erased' OR (act = 'left' AND detail->>'all' = 'true') THEN -1 ELSE 0 END::smallint
$$;
CREATE FUNCTION step_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.step := consent_sign(NEW.act, NEW.detail);
  IF NEW.step <> 0 AND NEW.step = coalesce((SELECT c.step FROM consents c WHERE c.subscriber_id = NEW.subscriber_id AND c.step <> 0 ORDER BY c.id DESC LIMIT 1), -1) THEN
    NEW.step := 0;
  END IF;
  RETURN NEW;
END $$;

-- Of those who were erased the record has lost what each leaving was of: the last one before another act of consent ended everything.
WITH told AS (
  SELECT id, subscriber_id, CASE WHEN act = 'left' AND detail = '{}' AND coalesce(lead(act) OVER acts, 'erased') IN ('requested', 'confirmed', 'imported', 'erased')
      THEN -1 ELSE consent_sign(act, detail) END AS sign
  FROM consents WINDOW acts AS (PARTITION BY subscriber_id ORDER BY id)),
steps AS (
  SELECT id, sign, coalesce(lag(sign) OVER (PARTITION BY subscriber_id ORDER BY id), -1) AS before FROM told WHERE sign <> 0)
UPDATE consents c SET step = steps.sign FROM steps WHERE steps.id = c.id AND steps.sign <> steps.before;

CREATE TRIGGER consents_step BEFORE INSERT ON consents FOR EACH ROW EXECUTE FUNCTION step_consent();
CREATE INDEX consents_steps ON consents (step, at) WHERE step <> 0;
DROP INDEX subscribers_joined, subscribers_left;

-- Whose data are to be erased, also where they asked again and have not confirmed.
CREATE INDEX subscribers_erasable ON subscribers (left_at) WHERE left_at IS NOT NULL AND state IN ('left', 'requested');
