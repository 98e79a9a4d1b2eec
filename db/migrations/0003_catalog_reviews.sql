-- Reviews of products, and how often products are looked at.
-- Owned by domain/catalog, like the rest of its schema.

CREATE TABLE catalog.review (
    id         uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES catalog.product (id) ON DELETE CASCADE,
    rating     smallint NOT NULL CONSTRAINT review_rating_range CHECK (rating BETWEEN 1 AND 5),
    title      text NOT NULL DEFAULT '' CONSTRAINT review_title_length CHECK (char_length(title) <= 120),
    body       text NOT NULL DEFAULT '' CONSTRAINT review_body_length CHECK (char_length(body) <= 5000),
    -- What the author wants to be called: there are no accounts yet.
    author     text NOT NULL CONSTRAINT review_author_length CHECK (char_length(author) BETWEEN 1 AND 80),
    created_at timestamptz NOT NULL
);
-- A product's reviews by time, of all ratings and of one. The second also counts them by their stars.
CREATE INDEX review_by_product ON catalog.review (product_id, created_at, id);
CREATE INDEX review_by_stars ON catalog.review (product_id, rating, created_at, id);

-- Beside the product and not in it: a view is no change, makes no version, and must not wait for one.
CREATE TABLE catalog.product_views (
    product_id uuid PRIMARY KEY REFERENCES catalog.product (id) ON DELETE CASCADE,
    views      bigint NOT NULL CONSTRAINT product_views_not_negative CHECK (views >= 0),
    updated_at timestamptz NOT NULL
);
CREATE INDEX product_views_by_views ON catalog.product_views (views DESC, product_id);
