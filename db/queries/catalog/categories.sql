-- Categories: the tree, and the writes to it.

--: CategoryRow(parent_id?)

--! category_tree : CategoryRow
SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at
FROM catalog.category
ORDER BY cardinality(path), position, name, id;

--! category_by_slug : CategoryRow
SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at
FROM catalog.category
WHERE slug = :slug;

--! category_slugs_taken
SELECT slug, id FROM catalog.category WHERE slug = ANY (:slugs);

--! category_named (parent?)
-- The category of this name in that place; of several the oldest.
SELECT id, slug
FROM catalog.category
WHERE parent_id IS NOT DISTINCT FROM :parent AND name = :name
ORDER BY id
LIMIT 1;

--! category_lock : CategoryRow
SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at
FROM catalog.category
WHERE slug = :slug
FOR UPDATE;

--! category_lock_below
-- Waits for those who are just now putting products into a category or anything below it.
SELECT id FROM catalog.category WHERE path @> ARRAY[:id::uuid] ORDER BY id FOR UPDATE;

--! categories_to_analyse
SELECT id, name FROM catalog.category ORDER BY id FOR NO KEY UPDATE;

--! category_set_words
UPDATE catalog.category c SET words = w.words::tsvector
FROM unnest(:ids::uuid[], :words::text[]) AS w(id, words)
WHERE c.id = w.id;

--! category_by_id : CategoryRow
SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at
FROM catalog.category
WHERE id = :id;

--! category_below : CategoryRow
SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at
FROM catalog.category
WHERE path @> ARRAY[:id::uuid]
ORDER BY cardinality(path), position, name, id;

--! category_counts
-- How many active products stand directly in each category, and how many of those are in stock.
SELECT category_id, count(*) AS products, count(*) FILTER (WHERE stock > 0) AS in_stock
FROM catalog.product
WHERE active AND category_id IS NOT NULL
GROUP BY category_id;

--! category_counts_below
SELECT category_id, count(*) AS products, count(*) FILTER (WHERE stock > 0) AS in_stock
FROM catalog.product
WHERE active AND category_id = ANY (:ids)
GROUP BY category_id;

--! category_resolve
-- Which of the slugs are categories, and whether anything lies below them.
SELECT c.id, c.slug, EXISTS (SELECT FROM catalog.category below WHERE below.parent_id = c.id) AS has_children
FROM catalog.category c
WHERE c.slug = ANY (:slugs);

--! category_paths
-- The categories that products are being put into. Locked against a move or a rename, which would not
-- see products that are not committed yet.
SELECT c.id, c.slug, c.path,
       (SELECT string_agg(above.name, ' ') FROM catalog.category above WHERE above.id = ANY (c.path)) AS names
FROM catalog.category c
WHERE c.id = ANY (:ids) OR c.slug = ANY (:slugs)
ORDER BY c.id
FOR SHARE OF c;

--! category_tree_lock
-- Moves in the tree take turns: two at once could close a circle that neither sees.
SELECT pg_advisory_xact_lock(hashtext('catalog.category_tree'))::text AS locked;

--! category_insert (parent_id?)
INSERT INTO catalog.category (id, parent_id, name, slug, description, position, path, words, created_at, updated_at)
VALUES (:id, :parent_id, :name, :slug, :description, :position, :path, :words::text::tsvector, :now, :now);

--! category_update (parent_id?)
UPDATE catalog.category
SET parent_id = :parent_id, name = :name, slug = :slug, description = :description, position = :position,
    path = :path, words = :words::text::tsvector, version = version + 1, updated_at = :now
WHERE id = :id;

--! category_move_below
-- Gives everything below a moved category its new path; the category itself already has it.
UPDATE catalog.category
SET path = :new_path || path[:old_depth + 1:], version = version + 1, updated_at = :now
WHERE path @> ARRAY[:id::uuid] AND id <> :id;

--! category_refresh_products
-- Brings the path and the search document of every product below a category up to date with the tree.
UPDATE catalog.product p
SET category_path = c.path, document = p.words || shelves.words
FROM catalog.category c
CROSS JOIN LATERAL (
    SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path)
) AS shelves
WHERE c.path @> ARRAY[:id::uuid] AND p.category_id = c.id;

--! category_in_use
SELECT EXISTS (SELECT FROM catalog.category WHERE parent_id = :id) AS has_children,
       EXISTS (SELECT FROM catalog.product WHERE category_id = :id AND deleted_at IS NULL) AS has_products;

--! category_forget_deleted_products
-- Deleted products must not keep a category alive.
UPDATE catalog.product SET category_id = NULL, category_path = '{}' WHERE category_id = :id AND deleted_at IS NOT NULL;

--! category_delete
DELETE FROM catalog.category WHERE id = :id;
