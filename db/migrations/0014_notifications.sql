-- What people are told: their inbox, and webhooks. Owned by domain/notifications; nothing else names this schema.

CREATE SCHEMA notifications;

CREATE TABLE notifications.notification (
    -- In the order of time (UUIDv7).
    id         uuid        PRIMARY KEY,
    person_id  uuid        NOT NULL,
    kind       text        NOT NULL CONSTRAINT notification_kind_length CHECK (char_length(kind) BETWEEN 1 AND 60),
    title      text        NOT NULL CONSTRAINT notification_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    body       text        NOT NULL CONSTRAINT notification_body_length CHECK (char_length(body) <= 2000),
    -- Where it leads to, within the program.
    link       text        CONSTRAINT notification_link_length CHECK (char_length(link) <= 500),
    created_at timestamptz NOT NULL,
    read_at    timestamptz
);
CREATE INDEX notification_of_person ON notifications.notification (person_id, id DESC);
CREATE INDEX notification_unread ON notifications.notification (person_id, id DESC) WHERE read_at IS NULL;
CREATE INDEX notification_by_time ON notifications.notification (created_at);

CREATE TABLE notifications.webhook (
    id              uuid        PRIMARY KEY,
    -- Whose rights decide what is sent.
    owner           uuid        NOT NULL,
    url             text        NOT NULL CONSTRAINT webhook_url_length CHECK (char_length(url) BETWEEN 1 AND 2000),
    -- Topics whose events are sent; one that ends with * stands for all that begin so.
    topics          text[]      NOT NULL CONSTRAINT webhook_topics_count CHECK (cardinality(topics) BETWEEN 1 AND 50),
    description     text        NOT NULL CONSTRAINT webhook_description_length CHECK (char_length(description) <= 200),
    -- What it is signed with, and what it was signed with until a while ago: both hold while they are exchanged.
    secret          text        NOT NULL,
    old_secret      text,
    old_secret_until timestamptz,
    is_enabled      boolean     NOT NULL,
    -- Why it was switched off, where the program did it.
    disabled_reason text        CONSTRAINT webhook_reason_length CHECK (char_length(disabled_reason) <= 500),
    -- Deliveries given up since the last that arrived.
    failures        int         NOT NULL DEFAULT 0,
    version         bigint      NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT webhook_old_secret CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
);
CREATE INDEX webhook_enabled ON notifications.webhook (id) WHERE is_enabled;
CREATE INDEX webhook_of_owner ON notifications.webhook (owner, id DESC);

CREATE TABLE notifications.delivery (
    id           uuid        PRIMARY KEY,
    webhook_id   uuid        NOT NULL REFERENCES notifications.webhook (id) ON DELETE CASCADE,
    event        text        NOT NULL,
    topic        text        NOT NULL,
    -- What is sent.
    body         jsonb       NOT NULL,
    status       text        NOT NULL CONSTRAINT delivery_status CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     int         NOT NULL DEFAULT 0,
    http_status  int,
    error        text        CONSTRAINT delivery_error_length CHECK (char_length(error) <= 1000),
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz
);
CREATE INDEX delivery_of_webhook ON notifications.delivery (webhook_id, id DESC);
CREATE INDEX delivery_by_time ON notifications.delivery (created_at);
