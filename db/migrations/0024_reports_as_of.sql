-- The day that "last week" is reckoned from: of the slot that a report was ordered by, in its schedule's time zone, or
-- of the order. What was ordered before is reckoned in UTC from when it was ordered.
ALTER TABLE reports.report
    ADD COLUMN as_of date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
UPDATE reports.report SET as_of = (created_at AT TIME ZONE 'UTC')::date;
