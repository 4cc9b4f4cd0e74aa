-- New and leaving subscribers by day, read from the index alone.
CREATE INDEX subscribers_joined ON subscribers (confirmed_at) WHERE confirmed_at IS NOT NULL;
CREATE INDEX subscribers_left ON subscribers (left_at) WHERE left_at IS NOT NULL AND confirmed_at IS NOT NULL;
