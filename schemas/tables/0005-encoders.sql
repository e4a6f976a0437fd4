-- Which frozen encoder a head was to be trained on.
ALTER TABLE retraining_requests ADD COLUMN IF NOT EXISTS encoder Nullable(String) AFTER dataset;
