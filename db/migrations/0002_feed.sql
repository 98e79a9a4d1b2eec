-- The feed: what was committed, in a table that every instance tails.
-- Owned by platform/feed; nothing else names this schema.

CREATE SCHEMA feed;

-- CACHE 1: sessions draw ids one by one, so an id that was drawn later is higher.
CREATE SEQUENCE feed.event_id AS bigint CACHE 1;

CREATE TABLE feed.event (
    id         bigint      NOT NULL,
    -- The transaction's id, taken in a statement before the one that draws the event's id. Whoever sees a
    -- higher id therefore knows that every lower one belongs to a transaction that had its xid already.
    xid        xid8        NOT NULL,
    topic      text        NOT NULL CONSTRAINT event_topic_length CHECK (char_length(topic) BETWEEN 1 AND 200),
    name       text        NOT NULL CONSTRAINT event_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    -- What was touched, for the fence of the cache.
    tags       text[]      NOT NULL,
    -- Who may learn of it; null for everybody.
    audience   text        CONSTRAINT event_audience_length CHECK (char_length(audience) BETWEEN 1 AND 200),
    data       jsonb       NOT NULL,
    request_id text        CONSTRAINT event_request_id_length CHECK (char_length(request_id) <= 128),
    at         timestamptz NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

-- A tail that starts reads what transactions brought that were under way.
CREATE INDEX event_by_xid ON feed.event (xid);

-- Where events go whose day has no partition yet: an event is never refused for want of one.
CREATE TABLE feed.event_rest PARTITION OF feed.event DEFAULT;

-- Which history this is. A new epoch makes everybody forget what they learnt from the old one.
CREATE TABLE feed.epoch (
    only_one   boolean PRIMARY KEY DEFAULT true CONSTRAINT epoch_only_one CHECK (only_one),
    epoch      uuid    NOT NULL DEFAULT gen_random_uuid(),
    -- Events up to this id may have been dropped, being older than the retention.
    dropped_to bigint  NOT NULL DEFAULT 0
);
INSERT INTO feed.epoch DEFAULT VALUES;

-- Consumers that keep their position in the same transaction as their effect.
CREATE TABLE feed.consumer (
    name       text        PRIMARY KEY CONSTRAINT consumer_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    position   bigint      NOT NULL,
    updated_at timestamptz NOT NULL
);
