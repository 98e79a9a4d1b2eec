-- The HTTP kit's own table. Owned by platform/web; nothing else names this schema.

-- Answers to requests that carried an Idempotency-Key, written in the transaction of their effect.
CREATE SCHEMA web;
CREATE TABLE web.kept_answer (
    -- Whose key it is.
    caller      text        NOT NULL CONSTRAINT kept_answer_caller_length CHECK (char_length(caller) BETWEEN 1 AND 100),
    key         text        NOT NULL CONSTRAINT kept_answer_key_length CHECK (char_length(key) BETWEEN 1 AND 255),
    -- Of the method, the target and the body.
    fingerprint bytea       NOT NULL CONSTRAINT kept_answer_fingerprint_length CHECK (octet_length(fingerprint) = 16),
    status      smallint    NOT NULL,
    head        jsonb       NOT NULL,
    body        bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX kept_answer_by_created ON web.kept_answer (created_at);
