-- Pictures that were uploaded: what is known of them beside their image, and where their files lie.
-- Owned by domain/catalog.

CREATE TABLE catalog.picture (
    image_id   uuid        PRIMARY KEY REFERENCES catalog.product_image (id) ON DELETE CASCADE,
    -- What was uploaded.
    format     text        NOT NULL CONSTRAINT picture_format CHECK (format IN ('jpeg', 'png', 'webp', 'gif')),
    bytes      bigint      NOT NULL CONSTRAINT picture_bytes_positive CHECK (bytes > 0),
    status     text        NOT NULL DEFAULT 'queued' CONSTRAINT picture_status CHECK (status IN ('queued', 'ready', 'failed')),
    error      text        CONSTRAINT picture_error_length CHECK (char_length(error) <= 500),
    -- By name: {"width", "height", "bytes", "place"}.
    variants   jsonb       NOT NULL DEFAULT '{}' CONSTRAINT picture_variants_object CHECK (jsonb_typeof(variants) = 'object'),
    created_at timestamptz NOT NULL,
    ready_at   timestamptz,
    CONSTRAINT picture_ready CHECK ((status = 'ready') = (ready_at IS NOT NULL) AND (status = 'ready') = (variants <> '{}')),
    CONSTRAINT picture_failed CHECK ((status = 'failed') = (error IS NOT NULL))
);
