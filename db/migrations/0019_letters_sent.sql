-- Letters that were given to a mail server, or became files: as many as an address may have are counted over all
-- workers. Owned by domain/notifications.

CREATE TABLE notifications.letter_sent (
    -- The job's: a letter that is tried again keeps its place.
    key     text        PRIMARY KEY CONSTRAINT letter_sent_key_length CHECK (char_length(key) <= 200),
    -- SHA-256 of the address in lower case: who was written to is nobody's business here.
    address bytea       NOT NULL CONSTRAINT letter_sent_address_length CHECK (octet_length(address) = 32),
    sent_at timestamptz NOT NULL
);
CREATE INDEX letter_sent_to ON notifications.letter_sent (address, sent_at);
CREATE INDEX letter_sent_by_time ON notifications.letter_sent (sent_at);
