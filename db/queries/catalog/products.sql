-- Products: the writes, and what they must look at first. The reads of products are built by
-- domain/catalog/src/store/columns.rs, because their columns follow the request's projection.

--! product_find
-- Which product a path segment means when it is no id: that of the SKU or slug.
SELECT product_id
FROM catalog.product_name
WHERE name = :reference;

--! product_lock : (seller_id?)
SELECT id, version, deleted_at IS NOT NULL AS deleted, seller_id, sku, slug
FROM catalog.product
WHERE id = :id
FOR UPDATE;

--! product_lock_by_skus
-- In the order of the SKUs, so that two batches never wait for each other in a circle.
SELECT id, sku, version
FROM catalog.product
WHERE sku = ANY (:skus) AND deleted_at IS NULL
ORDER BY sku
FOR UPDATE;

--! product_kept
-- What a product keeps when a row of a batch replaces it.
SELECT id, slug, rating, rating_count
FROM catalog.product
WHERE id = ANY (:ids);

--! product_names_taken
-- Whose SKU or slug these are.
SELECT name, product_id
FROM catalog.product_name
WHERE name = ANY (:names);

--! product_marks
-- The names and the shelves by which products are found, and whether they are offered.
SELECT id, sku, slug, category_path, active
FROM catalog.product
WHERE id = ANY (:ids);

--! product_insert_many
-- Rows as a JSON array, each with all members of a ProductRecord.
INSERT INTO catalog.product (id, sku, slug, title, description, brand, category_id, category_path, manufacturer,
    seller_id, package_size, price, currency, rating, rating_count, stock, specifications, tags, active,
    created_at, updated_at, words, document)
SELECT r.id, r.sku, r.slug, r.title, r.description, r.brand, r.category_id, coalesce(c.path, '{}'), r.manufacturer,
    r.seller_id, r.package_size, r.price, r.currency, r.rating, r.rating_count, r.stock, r.specifications,
    ARRAY(SELECT jsonb_array_elements_text(r.tags)), r.active, :now, :now,
    r.words::tsvector, r.words::tsvector || shelves.words
FROM jsonb_to_recordset(:rows) AS r (id uuid, sku text, slug text, title text, description text, brand text,
    category_id uuid, manufacturer text, seller_id uuid, package_size text, price numeric, currency text,
    rating numeric, rating_count int, stock int, specifications jsonb, tags jsonb, active boolean, words text)
LEFT JOIN catalog.category c ON c.id = r.category_id
CROSS JOIN LATERAL (
    SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path)
) AS shelves;

--! product_update_many
-- Rows as above, matched by id; a row that would change nothing is left alone, with its version.
UPDATE catalog.product p
SET sku = r.sku, slug = r.slug, title = r.title, description = r.description, brand = r.brand,
    category_id = r.category_id, category_path = coalesce(c.path, '{}'), manufacturer = r.manufacturer,
    seller_id = r.seller_id, package_size = r.package_size, price = r.price, currency = r.currency,
    rating = r.rating, rating_count = r.rating_count, stock = r.stock, specifications = r.specifications,
    tags = ARRAY(SELECT jsonb_array_elements_text(r.tags)), active = r.active,
    words = r.words::tsvector, document = r.words::tsvector || shelves.words,
    version = p.version + 1, updated_at = :now
FROM jsonb_to_recordset(:rows) AS r (id uuid, sku text, slug text, title text, description text, brand text,
    category_id uuid, manufacturer text, seller_id uuid, package_size text, price numeric, currency text,
    rating numeric, rating_count int, stock int, specifications jsonb, tags jsonb, active boolean, words text)
LEFT JOIN catalog.category c ON c.id = r.category_id
CROSS JOIN LATERAL (
    SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path)
) AS shelves
WHERE p.id = r.id
  AND (p.sku, p.slug, p.title, p.description, p.brand, p.category_id, p.manufacturer, p.seller_id, p.package_size,
       p.price, p.currency::text, p.rating, p.rating_count, p.stock, p.specifications, p.tags, p.active)
      IS DISTINCT FROM
      (r.sku, r.slug, r.title, r.description, r.brand, r.category_id, r.manufacturer, r.seller_id, r.package_size,
       r.price, r.currency, r.rating, r.rating_count, r.stock, r.specifications,
       ARRAY(SELECT jsonb_array_elements_text(r.tags)), r.active)
RETURNING p.id;

--! product_delete
UPDATE catalog.product
SET active = false, deleted_at = :now, version = version + 1, updated_at = :now
WHERE id = :id;

--! product_unknown_words
-- Which of these are not in the list that typing mistakes are compared with.
SELECT word FROM unnest(:words::text[]) AS w(word)
WHERE NOT EXISTS (SELECT FROM catalog.search_word known WHERE known.word = w.word)
ORDER BY word;

--! product_learn_words
INSERT INTO catalog.search_word (word) SELECT DISTINCT word FROM unnest(:words::text[]) AS w(word) ORDER BY word
ON CONFLICT DO NOTHING;

--! product_learn_forms
INSERT INTO catalog.search_form (form, word)
SELECT DISTINCT form, word FROM unnest(:forms::text[], :words::text[]) AS f(form, word) ORDER BY form, word
ON CONFLICT DO NOTHING;

--! product_words_alike
-- The words that share a form with one that was typed.
SELECT DISTINCT word FROM catalog.search_form WHERE form = ANY (:forms) ORDER BY word LIMIT 500;

--! product_words_as_long
-- The words about as long, for slips of which there are two.
SELECT word FROM catalog.search_word WHERE char_length(word) BETWEEN :least AND :most ORDER BY word LIMIT 20000;

--! products_to_analyse : (brand?)
-- What words are found in, of products behind this one. Nobody changes them until their words are written.
SELECT id, sku, title, brand, description FROM catalog.product WHERE id > :behind ORDER BY id LIMIT :at_most
FOR NO KEY UPDATE;

--! products_described : (brand?)
SELECT id, sku, title, brand, description FROM catalog.product WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE;

--! product_set_words
UPDATE catalog.product p
SET words = w.words::tsvector, document = w.words::tsvector || shelves.words
FROM unnest(:ids::uuid[], :words::text[]) AS w(id, words)
JOIN catalog.product o ON o.id = w.id
LEFT JOIN catalog.category c ON c.id = o.category_id
CROSS JOIN LATERAL (
    SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path)
) AS shelves
WHERE p.id = w.id;

--! analysis_rules
SELECT rules FROM catalog.analysis;

--! analysis_done
UPDATE catalog.analysis SET rules = :rules;

--! catalog_is_empty
SELECT NOT EXISTS (SELECT FROM catalog.product) AND NOT EXISTS (SELECT FROM catalog.category) AS empty;

--! catalog_clear
-- For seeds that start over. Takes the tables whole, so it may not run beside a shop that is open.
TRUNCATE catalog.product, catalog.product_image, catalog.picture, catalog.review, catalog.product_views,
    catalog.category, catalog.search_word, catalog.search_form, catalog.product_name;

--! stock_rows (category?, at_most?) : (price?, currency?, category?)
-- What is on sale, the shelf's name beside it; `category` is a slug, for that shelf and those below it.
SELECT p.sku, p.title, c.name AS category, p.stock, p.price, p.currency::text AS currency
FROM catalog.product p
LEFT JOIN catalog.category c ON c.id = p.category_id
WHERE p.active
  AND (:category::text IS NULL
       OR p.category_path @> ARRAY(SELECT id FROM catalog.category WHERE slug = :category))
  AND (:at_most::int IS NULL OR p.stock <= :at_most)
ORDER BY c.name NULLS LAST, p.title, p.sku COLLATE "C"
LIMIT :rows;
