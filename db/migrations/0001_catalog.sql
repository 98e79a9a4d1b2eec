-- The catalog: a tree of categories, and the products in it.
-- Owned by domain/catalog; nothing else names this schema.

CREATE SCHEMA catalog;

-- Both come with PostgreSQL's own contrib package and may be created by a database's owner.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE catalog.category (
    id          uuid PRIMARY KEY,
    parent_id   uuid REFERENCES catalog.category (id),
    name        text NOT NULL CONSTRAINT category_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    slug        text NOT NULL CONSTRAINT category_slug_form CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 200),
    description text NOT NULL DEFAULT '',
    position    int  NOT NULL DEFAULT 0,
    -- The ids from the root down to this category itself. "Below c" is: path @> ARRAY[c].
    path        uuid[] NOT NULL,
    -- Counts up from the moment of creation in microseconds, so that something that is deleted and made
    -- again under the same name never has a version that the old one had.
    version     bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT category_slug_key UNIQUE (slug),
    CONSTRAINT category_depth CHECK (cardinality(path) BETWEEN 1 AND 8),
    CONSTRAINT category_path_ends_here CHECK (path[cardinality(path)] = id),
    CONSTRAINT category_path_follows_parent CHECK (parent_id IS NOT DISTINCT FROM path[cardinality(path) - 1])
);
CREATE INDEX category_parent ON catalog.category (parent_id);
CREATE INDEX category_path ON catalog.category USING gin (path);

-- What full-text search looks at, weighted: title A, brand B, the category's names C, description D.
CREATE FUNCTION catalog.document(title text, brand text, categories text, description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', coalesce(brand, '')), 'B')
        || setweight(to_tsvector('english', coalesce(categories, '')), 'C')
        || setweight(to_tsvector('english', description), 'D')
$$;

CREATE TABLE catalog.product (
    id             uuid PRIMARY KEY,
    sku            text NOT NULL CONSTRAINT product_sku_form CHECK (sku ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    slug           text NOT NULL CONSTRAINT product_slug_form CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 200),
    title          text COLLATE "und-x-icu" NOT NULL CONSTRAINT product_title_length CHECK (char_length(title) BETWEEN 1 AND 300),
    description    text NOT NULL DEFAULT '',
    brand          text,
    category_id    uuid REFERENCES catalog.category (id),
    -- The category's path, kept here so that "in this category or below" is one condition on one table.
    category_path  uuid[] NOT NULL DEFAULT '{}',
    manufacturer   text,
    -- A partner's id; partners are another domain's, so there is no foreign key.
    seller_id      uuid,
    package_size   text,
    price          numeric(15, 3) CONSTRAINT product_price_not_negative CHECK (price >= 0),
    currency       char(3),
    rating         numeric(3, 2) NOT NULL DEFAULT 0 CONSTRAINT product_rating_range CHECK (rating BETWEEN 0 AND 5),
    rating_count   int NOT NULL DEFAULT 0 CONSTRAINT product_rating_count_not_negative CHECK (rating_count >= 0),
    stock          int NOT NULL DEFAULT 0 CONSTRAINT product_stock_not_negative CHECK (stock >= 0),
    specifications jsonb NOT NULL DEFAULT '{}' CONSTRAINT product_specifications_object CHECK (jsonb_typeof(specifications) = 'object'),
    tags           text[] NOT NULL DEFAULT '{}',
    -- How many images there are, so that a read of a product without any does not go looking.
    image_count    int NOT NULL DEFAULT 0 CONSTRAINT product_image_count_range CHECK (image_count BETWEEN 0 AND 50),
    active         boolean NOT NULL DEFAULT true,
    deleted_at     timestamptz,
    version        bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    document       tsvector NOT NULL,
    CONSTRAINT product_price_has_currency CHECK ((price IS NULL) = (currency IS NULL)),
    CONSTRAINT product_deleted_is_inactive CHECK (deleted_at IS NULL OR NOT active),
    CONSTRAINT product_category_ends_path CHECK (category_id IS NOT DISTINCT FROM category_path[cardinality(category_path)])
);

-- A deleted product gives its SKU and slug back.
CREATE UNIQUE INDEX product_sku_key ON catalog.product (sku) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX product_slug_key ON catalog.product (slug) WHERE deleted_at IS NULL;

-- The orders in which the list is offered, each made unique by the id, which is what a cursor
-- continues from. A product without a price comes last either way: hence two price indexes, with
-- a stand-in for "no price" above every price (ascending) and below every price (descending).
CREATE INDEX product_by_created ON catalog.product (created_at, id) WHERE active;
CREATE INDEX product_by_updated ON catalog.product (updated_at, id) WHERE active;
CREATE INDEX product_by_price_up ON catalog.product (coalesce(price, 1000000000000), id) WHERE active;
CREATE INDEX product_by_price_down ON catalog.product (coalesce(price, -1), id) WHERE active;
CREATE INDEX product_by_title ON catalog.product (title, id) WHERE active;
CREATE INDEX product_by_rating ON catalog.product (rating, id) WHERE active;

-- A shelf, a brand and a seller, in the orders in which people look at them.
CREATE INDEX product_category_by_created ON catalog.product (category_id, created_at, id) WHERE active;
CREATE INDEX product_category_by_price_up ON catalog.product (category_id, coalesce(price, 1000000000000), id) WHERE active;
CREATE INDEX product_category_by_price_down ON catalog.product (category_id, coalesce(price, -1), id) WHERE active;
CREATE INDEX product_category_by_rating ON catalog.product (category_id, rating, id) WHERE active;
CREATE INDEX product_brand_by_created ON catalog.product (brand, created_at, id) WHERE active;
CREATE INDEX product_brand_by_price_up ON catalog.product (brand, coalesce(price, 1000000000000), id) WHERE active;
CREATE INDEX product_seller_by_created ON catalog.product (seller_id, created_at, id) WHERE active AND seller_id IS NOT NULL;

-- Covering: the counts of the category tree, and which products a foreign key check must look at.
CREATE INDEX product_category_stock ON catalog.product (category_id) INCLUDE (active, stock);

CREATE INDEX product_category_path ON catalog.product USING gin (category_path) WHERE active;
CREATE INDEX product_tags ON catalog.product USING gin (tags) WHERE active;
CREATE INDEX product_specifications ON catalog.product USING gin (specifications jsonb_path_ops) WHERE active;
CREATE INDEX product_document ON catalog.product USING gin (document) WHERE active;

-- Nearly every product is stocked or nearly none is; a category's common members matter too.
ALTER TABLE catalog.product ALTER COLUMN category_path SET STATISTICS 1000;

CREATE TABLE catalog.product_image (
    id         uuid PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES catalog.product (id) ON DELETE CASCADE,
    url        text NOT NULL CONSTRAINT product_image_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    alt        text NOT NULL DEFAULT '',
    width_px   int CONSTRAINT product_image_width_range CHECK (width_px BETWEEN 1 AND 20000),
    height_px  int CONSTRAINT product_image_height_range CHECK (height_px BETWEEN 1 AND 20000),
    position   int NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX product_image_by_product ON catalog.product_image (product_id, position, id);

-- Every word that a title, a brand or a category has ever had: what a mistyped word is compared with.
CREATE TABLE catalog.search_word (
    word text PRIMARY KEY
);
CREATE INDEX search_word_trigrams ON catalog.search_word USING gin (word gin_trgm_ops);
