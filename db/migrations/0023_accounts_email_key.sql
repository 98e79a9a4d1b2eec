-- What is the same address no longer depends on the collation that the database happens to have: in a Turkish one the
-- lower case of I is another letter. Addresses are ASCII, and so is their comparison.

DO $$
DECLARE
    twice text;
BEGIN
    SELECT string_agg(DISTINCT lower(email COLLATE "C"), ', ') INTO twice
    FROM (SELECT email, count(*) OVER (PARTITION BY lower(email COLLATE "C")) AS accounts
          FROM accounts.person WHERE status <> 'deleted') AS people
    WHERE accounts > 1;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'several accounts have one address, which this database''s locale took for different ones: %', twice
            USING HINT = 'give all but one of them another address, or delete them, with the program of before';
    END IF;
END
$$;

ALTER TABLE accounts.person DROP COLUMN email_key;
ALTER TABLE accounts.person
    ADD COLUMN email_key text NOT NULL GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED;
CREATE UNIQUE INDEX person_email_key ON accounts.person (email_key) WHERE status <> 'deleted';
