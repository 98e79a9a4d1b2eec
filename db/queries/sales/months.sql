-- What stores sold, by month. Lists, sums and exports are built by domain/sales/src/store.

--! month_by_key
SELECT id, daily::text AS daily, days, sales, transactions, customers, units, discount, version, created_at, updated_at
FROM sales.month
WHERE store_id = :store_id AND year = :year AND month = :month;

--! month_lock
SELECT id, daily::text AS daily, days, sales, transactions, customers, units, discount, version, created_at, updated_at
FROM sales.month
WHERE store_id = :store_id AND year = :year AND month = :month
FOR UPDATE;

--! months_upsert : (is_known, written_id?, created?, version?, sales?, transactions?, customers?, units?, discount?, before_id?, before_sales?, before_transactions?, before_customers?, before_units?, before_discount?, gone?)
-- Puts in or changes months, a row for each that was given, in the given order. Where there is no such
-- store, `is_known` is false and nothing is written. With `merge` days that a row does not name stay as they
-- are. Rows are locked in the order of their keys before anything is
-- written, so that two batches never wait for each other in a circle. A row that is as it should be is not
-- written: it has no `written_id`. One that another transaction made between the two steps has neither a
-- `written_id` nor a `before_id`: the caller runs the whole again. `gone` are the days that a whole month does not have
-- any more.
-- Two branches and no ON CONFLICT DO UPDATE, which would derive the totals of every row twice.
WITH input AS MATERIALIZED (
    SELECT r.id, r.store_id, r.year, r.month, r.daily::jsonb AS daily, r.number, store.id IS NOT NULL AS is_known
    FROM unnest(:ids::uuid[], :store_ids::text[], :years::int2[], :months::int2[], :dailies::text[])
         WITH ORDINALITY AS r (id, store_id, year, month, daily, number)
    LEFT JOIN sales.store ON store.id = r.store_id
), before AS MATERIALIZED (
    SELECT m.id, m.store_id, m.year, m.month, m.sales, m.transactions, m.customers, m.units, m.discount, input.daily AS given,
           CASE WHEN NOT :merge THEN
               ARRAY(SELECT jsonb_object_keys(m.daily) EXCEPT SELECT jsonb_object_keys(input.daily))
           END AS gone
    FROM input JOIN sales.month AS m ON (m.store_id, m.year, m.month) = (input.store_id, input.year, input.month)
    ORDER BY m.store_id, m.year, m.month
    FOR UPDATE OF m
), updated AS (
    UPDATE sales.month AS m
    SET daily = CASE WHEN :merge THEN m.daily || before.given ELSE before.given END,
        version = m.version + 1, updated_at = :now
    FROM before
    WHERE m.id = before.id AND m.daily IS DISTINCT FROM CASE WHEN :merge THEN m.daily || before.given ELSE before.given END
    RETURNING m.id, m.store_id, m.year, m.month, m.version, m.sales, m.transactions, m.customers, m.units, m.discount,
              false AS created
), inserted AS (
    INSERT INTO sales.month AS m (id, store_id, year, month, daily, created_at, updated_at)
    SELECT input.id, input.store_id, input.year, input.month, input.daily, :now, :now
    FROM input LEFT JOIN before USING (store_id, year, month)
    WHERE before.id IS NULL AND input.is_known
    ORDER BY input.store_id, input.year, input.month
    ON CONFLICT ON CONSTRAINT month_key DO NOTHING
    RETURNING m.id, m.store_id, m.year, m.month, m.version, m.sales, m.transactions, m.customers, m.units, m.discount,
              true AS created
), written AS (
    SELECT * FROM updated UNION ALL SELECT * FROM inserted
)
SELECT input.is_known, written.id AS written_id, written.created, written.version, written.sales, written.transactions,
       written.customers, written.units, written.discount, before.id AS before_id, before.sales AS before_sales,
       before.transactions AS before_transactions, before.customers AS before_customers,
       before.units AS before_units, before.discount AS before_discount, before.gone
FROM input
LEFT JOIN written USING (store_id, year, month)
LEFT JOIN before USING (store_id, year, month)
ORDER BY input.number;

--! months_delete : (id?, sales?, transactions?, customers?, units?, discount?)
-- Deletes months, a row for each that was given, in the given order; without an id where there was none.
-- Locked in the order of their keys, as above.
WITH input AS MATERIALIZED (
    SELECT r.store_id, r.year, r.month, r.number
    FROM unnest(:store_ids::text[], :years::int2[], :months::int2[]) WITH ORDINALITY AS r (store_id, year, month, number)
), locked AS MATERIALIZED (
    SELECT m.id
    FROM input JOIN sales.month AS m ON (m.store_id, m.year, m.month) = (input.store_id, input.year, input.month)
    ORDER BY m.store_id, m.year, m.month
    FOR UPDATE OF m
), gone AS (
    DELETE FROM sales.month AS m USING locked WHERE m.id = locked.id
    RETURNING m.id, m.store_id, m.year, m.month, m.sales, m.transactions, m.customers, m.units, m.discount
)
SELECT gone.id, gone.sales, gone.transactions, gone.customers, gone.units, gone.discount
FROM input LEFT JOIN gone USING (store_id, year, month)
ORDER BY input.number;
