-- The images of a product: where they are and what they show.

--: ImageRow(width_px?, height_px?)

--! image_count
SELECT count(*) AS images FROM catalog.product_image WHERE product_id = :product_id;

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

--! image_measured
-- How large the picture is that lies at the image's address.
UPDATE catalog.product_image SET width_px = :width_px, height_px = :height_px WHERE id = :id;

--! picture_insert
INSERT INTO catalog.picture (image_id, format, bytes, created_at) VALUES (:image_id, :format, :bytes, :now);

--: PictureRow(error?)

--! picture_by_image : PictureRow
SELECT p.image_id, i.product_id, p.status, p.error, p.variants::text AS variants
FROM catalog.picture p
JOIN catalog.product_image i ON i.id = p.image_id
WHERE p.image_id = :image_id;

--! picture_list : PictureRow
-- Those of these images that were uploaded.
SELECT p.image_id, i.product_id, p.status, p.error, p.variants::text AS variants
FROM catalog.picture p
JOIN catalog.product_image i ON i.id = p.image_id
WHERE p.image_id = ANY (:image_ids);

--! pictures_queued
-- Those that have waited since before then, from behind one on.
SELECT image_id FROM catalog.picture
WHERE status = 'queued' AND created_at < :before AND image_id > :after
ORDER BY image_id LIMIT :at_most;

--! picture_ready
-- What is made is made once: whoever comes later changes nothing.
UPDATE catalog.picture
SET status = 'ready', error = NULL, variants = :variants::text::jsonb, ready_at = :now
WHERE image_id = :image_id AND status <> 'ready';

--! picture_failed
UPDATE catalog.picture SET status = 'failed', error = :error WHERE image_id = :image_id AND status = 'queued';
