-- What a product is called in an address: its SKU and its slug are one name space, so that a name means one product.
-- The table follows catalog.product by itself; whoever writes a product cannot forget it.

CREATE TABLE catalog.product_name (
    name       text NOT NULL,
    product_id uuid NOT NULL,
    CONSTRAINT product_name_key PRIMARY KEY (name)
);
CREATE INDEX product_name_by_product ON catalog.product_name (product_id);

-- Where a slug is another product's SKU, the SKU has it: it had it in addresses, too.
UPDATE catalog.product p
SET slug = rtrim(left(p.slug, 190), '-') || '-' || right(p.id::text, 8), version = p.version + 1, updated_at = now()
FROM catalog.product other
WHERE other.sku = p.slug AND other.id <> p.id AND other.deleted_at IS NULL AND p.deleted_at IS NULL;

INSERT INTO catalog.product_name (name, product_id)
SELECT sku, id FROM catalog.product WHERE deleted_at IS NULL
UNION
SELECT slug, id FROM catalog.product WHERE deleted_at IS NULL;

CREATE FUNCTION catalog.names_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog.product_name (name, product_id)
    SELECT sku, id FROM added WHERE deleted_at IS NULL
    UNION
    SELECT slug, id FROM added WHERE deleted_at IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION catalog.names_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM catalog.product_name WHERE product_id = OLD.id;
    IF TG_OP = 'UPDATE' AND NEW.deleted_at IS NULL THEN
        INSERT INTO catalog.product_name (name, product_id)
        SELECT NEW.sku, NEW.id UNION SELECT NEW.slug, NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER product_names_of_new AFTER INSERT ON catalog.product
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION catalog.names_of_new();
CREATE TRIGGER product_names_of_changed AFTER UPDATE OF sku, slug, deleted_at ON catalog.product
    FOR EACH ROW
    WHEN ((OLD.sku, OLD.slug, OLD.deleted_at) IS DISTINCT FROM (NEW.sku, NEW.slug, NEW.deleted_at))
    EXECUTE FUNCTION catalog.names_of_changed();
CREATE TRIGGER product_names_of_deleted AFTER DELETE ON catalog.product
    FOR EACH ROW EXECUTE FUNCTION catalog.names_of_changed();
