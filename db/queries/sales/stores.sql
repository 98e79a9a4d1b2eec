-- Stores. Lists of them are built by domain/sales/src/store/lists.rs.

--: StoreRow(place?, business_id?)

--! store_by_id : StoreRow
SELECT id, name, place, status::text AS status, business_id, version, created_at, updated_at
FROM sales.store
WHERE id = :id;

--! store_lock : StoreRow
SELECT id, name, place, status::text AS status, business_id, version, created_at, updated_at
FROM sales.store
WHERE id = :id
FOR UPDATE;

--! store_insert (place?, business_id?)
-- No row where another made the store at the same time.
INSERT INTO sales.store (id, name, place, status, business_id, created_at, updated_at)
VALUES (:id, :name, :place, :status::text::sales.store_status, :business_id, :now, :now)
ON CONFLICT DO NOTHING;

--! store_update (place?, business_id?)
UPDATE sales.store
SET name = :name, place = :place, status = :status::text::sales.store_status, business_id = :business_id,
    version = version + 1, updated_at = :now
WHERE id = :id;

--! store_delete
DELETE FROM sales.store WHERE id = :id;

--! stores_known
-- Which of these there are.
SELECT id FROM sales.store WHERE id = ANY (:ids);

--! stores_make
-- Makes those that are missing, named after their ids, and tells which. In the order of their ids, so that
-- two who make the same never wait for each other in a circle.
INSERT INTO sales.store (id, name, created_at, updated_at)
SELECT missing.id, 'Store ' || missing.id, :now, :now
FROM (SELECT DISTINCT unnest(:ids::text[]) AS id ORDER BY id) AS missing
ON CONFLICT DO NOTHING
RETURNING id, name;
