-- A batch of views is known by the id that its publisher gave it: its number in the stream begins again when NATS loses its data. Rows
-- from before keep their number as the id, and so do messages from before that the stream still holds.
ALTER TABLE view_batches RENAME COLUMN stream_seq TO id;
ALTER TABLE view_batches ALTER COLUMN id TYPE text;
