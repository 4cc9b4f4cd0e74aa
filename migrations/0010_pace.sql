-- The mail lane's shared pace: places a gap apart instead of a count per second, and seats at the relay for the whole installation.

DROP TABLE mail_slots;

CREATE TABLE mail_paces (
  key       text PRIMARY KEY,                      -- '' all newsletters; otherwise the domain they go to
  next_at   timestamptz NOT NULL,                  -- the first moment that nobody has taken
  slow_from float8,                                -- mails per second when the relay asked for less …
  slow_to   float8,                                -- … and what was left of them then; a tenth more each minute
  slowed_at timestamptz                            -- NULL: never asked
);

CREATE UNLOGGED TABLE mail_seats (                 -- held for seconds: nothing is lost with it
  key    text NOT NULL,                            -- '' connections to the relay; otherwise mails on their way to a domain
  seat   int NOT NULL,
  holder text NOT NULL,                            -- a worker process
  until  timestamptz NOT NULL,                     -- not renewed by then: free
  PRIMARY KEY (key, seat)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON mail_paces, mail_seats TO toasoan_app;
