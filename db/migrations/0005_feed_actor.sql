-- The feed: who caused an event. Owned by platform/feed.

-- Who caused an event; all null for the program itself.
ALTER TABLE feed.event
    ADD COLUMN actor      uuid,
    ADD COLUMN actor_role text CONSTRAINT event_actor_role_length CHECK (char_length(actor_role) <= 40),
    ADD COLUMN actor_via  text CONSTRAINT event_actor_via_length CHECK (char_length(actor_via) <= 100),
    ADD COLUMN address    text CONSTRAINT event_address_length CHECK (char_length(address) <= 64);
