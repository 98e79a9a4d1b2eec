-- How many letters an address has had, over all workers.

--! letter_take
-- Takes a place for a letter, unless all are taken by others; tells whether it had none before. Under the address's
-- lock.
INSERT INTO notifications.letter_sent AS l (key, address, sent_at)
SELECT :key, sha256(convert_to(lower(:address::text COLLATE "C"), 'UTF8')), :now
WHERE (SELECT count(*) FROM notifications.letter_sent
       WHERE address = sha256(convert_to(lower(:address::text COLLATE "C"), 'UTF8')) AND sent_at > :since AND key <> :key) < :at_most
ON CONFLICT (key) DO UPDATE SET sent_at = excluded.sent_at
RETURNING (l.xmax = 0) AS is_new;

--! letter_first
-- When the first of those was sent that count.
SELECT sent_at FROM notifications.letter_sent
WHERE address = sha256(convert_to(lower(:address::text COLLATE "C"), 'UTF8')) AND sent_at > :since
ORDER BY sent_at LIMIT 1;

--! letter_give_back
DELETE FROM notifications.letter_sent WHERE key = :key;

--! letters_forget
DELETE FROM notifications.letter_sent WHERE key IN (
    SELECT key FROM notifications.letter_sent WHERE sent_at < :before ORDER BY sent_at LIMIT :at_most
);
