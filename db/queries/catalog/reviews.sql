-- Reviews: putting them in, and counting them. Pages of them are read by domain/catalog/src/store/reviews.rs.

--! review_insert_many
-- Rows as a JSON array, each with all members of a ReviewRecord.
INSERT INTO catalog.review (id, product_id, rating, title, body, author, created_at)
SELECT r.id, r.product_id, r.rating, r.title, r.body, r.author, r.created_at
FROM jsonb_to_recordset(:rows) AS r (id uuid, product_id uuid, rating smallint, title text, body text, author text,
    created_at timestamptz)
RETURNING id, product_id, rating, title, body, author, created_at;

--! review_stars
-- How many reviews of a product gave how many stars.
SELECT rating, count(*) AS reviews
FROM catalog.review
WHERE product_id = :product_id
GROUP BY rating;

--! product_rated
-- A review is a change of its product: the new average, and a new version.
UPDATE catalog.product
SET rating = :rating, rating_count = :rating_count, version = version + 1, updated_at = :now
WHERE id = :id;
