-- Exports: files of rows that are made in the background. Owned by platform/exports; nothing else names this
-- schema.

CREATE SCHEMA exports;

CREATE TABLE exports.export (
    id          uuid        PRIMARY KEY,
    -- Who ordered it.
    owner       uuid        NOT NULL,
    -- Of what, such as 'sales'.
    kind        text        NOT NULL CONSTRAINT export_kind_length CHECK (char_length(kind) BETWEEN 1 AND 40),
    format      text        NOT NULL CONSTRAINT export_format CHECK (format IN ('csv', 'json', 'ndjson')),
    -- What it was ordered with, as the source of its rows reads it.
    parameters  jsonb       NOT NULL,
    -- The stores that its owner was tied to; null for all.
    scope       text[],
    status      text        NOT NULL DEFAULT 'queued'
        CONSTRAINT export_status CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')),
    -- What is written so far: never less than before.
    rows        bigint      NOT NULL DEFAULT 0,
    bytes       bigint      NOT NULL DEFAULT 0,
    pieces      int         NOT NULL DEFAULT 0,
    -- How many rows there will be, as counted when it began.
    total       bigint,
    -- The key of the last row that is written.
    last_key    text,
    sha256      bytea       CONSTRAINT export_sha256_length CHECK (octet_length(sha256) = 32),
    error       text        CONSTRAINT export_error_length CHECK (char_length(error) <= 500),
    attempts    int         NOT NULL DEFAULT 0,
    -- Whose turn it is, and until when: who has lost it can write nothing more.
    turn        uuid,
    turn_until  timestamptz,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at  timestamptz,
    CONSTRAINT export_done CHECK ((status = 'done') = (sha256 IS NOT NULL AND status = 'done'))
);
CREATE INDEX export_by_owner ON exports.export (owner, created_at DESC, id DESC);
CREATE INDEX export_waiting ON exports.export (created_at) WHERE status IN ('queued', 'running');
CREATE INDEX export_by_expiry ON exports.export (expires_at) WHERE expires_at IS NOT NULL;

-- The pieces of its file, in their order. One that is here is never written again.
CREATE TABLE exports.piece (
    export_id uuid   NOT NULL REFERENCES exports.export (id) ON DELETE CASCADE,
    number    int    NOT NULL,
    -- Where it lies among the files.
    place     text   NOT NULL,
    -- Where it begins in the whole.
    begins    bigint NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (export_id, number)
);
