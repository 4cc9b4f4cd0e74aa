ALTER TABLE mail_issues ADD COLUMN items_more int NOT NULL DEFAULT 0; -- digests: articles of its time that it does not list
