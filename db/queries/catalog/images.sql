-- The images of a product: where they are and what they show.

--: ImageRow(width_px?, height_px?)

--! image_list : ImageRow
SELECT id, url, alt, width_px, height_px, position, created_at
FROM catalog.product_image
WHERE product_id = :product_id
ORDER BY position, id;

--! image_insert (width_px?, height_px?) : ImageRow
-- At the position asked for, or behind the last.
INSERT INTO catalog.product_image (id, product_id, url, alt, width_px, height_px, position, created_at)
VALUES (:id, :product_id, :url, :alt, :width_px, :height_px, :position, :now)
RETURNING id, url, alt, width_px, height_px, position, created_at;

--! image_next_position
SELECT coalesce(max(position) + 1, 0) AS position
FROM catalog.product_image
WHERE product_id = :product_id;

--! image_delete
DELETE FROM catalog.product_image WHERE id = :id AND product_id = :product_id;

--! product_images_changed
-- A change to its images is a change of the product: a new version.
UPDATE catalog.product
SET image_count = (SELECT count(*) FROM catalog.product_image WHERE product_id = :id),
    version = version + 1, updated_at = :now
WHERE id = :id;
