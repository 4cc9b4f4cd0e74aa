-- Digests: one mail for a person and a day or week, however many sections it covers. Everybody with the same sections at the
-- same cadence shares an issue.

ALTER TABLE mail_issues
  ADD COLUMN sections    text[] NOT NULL DEFAULT '{}',  -- digests: what its readers subscribe to at its cadence
  ADD COLUMN items       text[] NOT NULL DEFAULT '{}',  -- digests: the articles in it, frozen with the text
  ADD COLUMN covers_from timestamptz,                   -- digests: published after this moment …
  ADD COLUMN covers_to   timestamptz;                   -- … and not after this one

CREATE INDEX mail_issues_items ON mail_issues USING gin (items) WHERE kind = 'digest';
