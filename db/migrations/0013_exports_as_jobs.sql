-- Exports are made by jobs: whose turn it is follows from the job's lease, which there is one of. Owned by
-- platform/exports.

ALTER TABLE exports.export DROP COLUMN turn_until, DROP COLUMN attempts;
-- The job that makes it; null where it was ordered before there were any.
ALTER TABLE exports.export ADD COLUMN job_id bigint;
