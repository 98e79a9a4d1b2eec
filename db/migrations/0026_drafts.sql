-- What is not offered is listed for those who may write products: few, among all that is there.

CREATE INDEX product_drafts ON catalog.product (created_at, id) WHERE NOT active AND deleted_at IS NULL;
