-- Seats at the relay are shared fairly: each worker says how many it could use, and takes no more than its share.

CREATE UNLOGGED TABLE mail_seekers (               -- as mail_seats: for seconds, nothing is lost with it
  key    text NOT NULL,                            -- as in mail_seats
  holder text NOT NULL,                            -- a worker process
  want   int NOT NULL,                             -- seats it could use now
  until  timestamptz NOT NULL,                     -- not said again by then: it has died
  PRIMARY KEY (key, holder)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON mail_seekers TO toasoan_app;
