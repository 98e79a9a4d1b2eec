-- What stores sold by day, week and month. Reads are built by domain/analytics/src/store/reads.rs.

--! days_upsert
-- Puts in days of a store as an event has them, unless a later one has told of them; tells which were written.
INSERT INTO analytics.sales_day AS d (store_id, day, sales, transactions, customers, units, discount, is_gone, as_of)
SELECT :store_id, one.day, one.sales, one.transactions, one.customers, one.units, one.discount, one.is_gone, :as_of
FROM unnest(:days::date[], :sales::numeric[], :transactions::numeric[], :customers::numeric[], :units::numeric[],
            :discounts::numeric[], :are_gone::bool[])
     AS one (day, sales, transactions, customers, units, discount, is_gone)
ON CONFLICT (store_id, day) DO UPDATE
SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers,
    units = excluded.units, discount = excluded.discount, is_gone = excluded.is_gone, as_of = excluded.as_of
WHERE excluded.as_of > d.as_of
RETURNING day;

--! weeks_derive
-- Derives the weeks that these days of a store lie in from their days. One that has none any more goes.
WITH touched AS MATERIALIZED (
    SELECT DISTINCT day - (extract(isodow FROM day)::int - 1) AS week FROM unnest(:days::date[]) AS one (day)
), derived AS MATERIALIZED (
    SELECT touched.week, sum(d.sales) AS sales, sum(d.transactions) AS transactions, sum(d.customers) AS customers,
           sum(d.units) AS units, sum(d.discount) AS discount, count(*) AS days
    FROM touched
    JOIN analytics.sales_day AS d ON d.store_id = :store_id AND d.day BETWEEN touched.week AND touched.week + 6 AND NOT d.is_gone
    GROUP BY touched.week
), gone AS (
    DELETE FROM analytics.sales_week AS w USING touched
    WHERE w.store_id = :store_id AND w.week = touched.week AND NOT EXISTS (SELECT FROM derived WHERE derived.week = w.week)
)
INSERT INTO analytics.sales_week AS w (store_id, week, sales, transactions, customers, units, discount, days)
SELECT :store_id, week, sales, transactions, customers, units, discount, days FROM derived
ON CONFLICT (store_id, week) DO UPDATE
SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers,
    units = excluded.units, discount = excluded.discount, days = excluded.days;

--! month_derive
-- The same for the month that begins on this day.
WITH derived AS MATERIALIZED (
    SELECT sum(sales) AS sales, sum(transactions) AS transactions, sum(customers) AS customers, sum(units) AS units,
           sum(discount) AS discount, count(*) AS days
    FROM analytics.sales_day
    WHERE store_id = :store_id AND day BETWEEN :first AND :last AND NOT is_gone
    HAVING count(*) > 0
), gone AS (
    DELETE FROM analytics.sales_month AS m
    WHERE m.store_id = :store_id AND m.month = :first AND NOT EXISTS (SELECT FROM derived)
)
INSERT INTO analytics.sales_month AS m (store_id, month, sales, transactions, customers, units, discount, days)
SELECT :store_id, :first, sales, transactions, customers, units, discount, days FROM derived
ON CONFLICT (store_id, month) DO UPDATE
SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers,
    units = excluded.units, discount = excluded.discount, days = excluded.days;
