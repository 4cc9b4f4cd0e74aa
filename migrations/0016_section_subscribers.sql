-- The readers of a section, who chose it last first: the admin's list by section.
CREATE INDEX subscriptions_newest ON subscriptions (section_id, since, subscriber_id);
