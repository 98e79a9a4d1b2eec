-- The role that a key's owner had when its scopes were last said: the key reaches no further than that role did,
-- whatever its owner becomes. Of keys that an older program makes meanwhile it is not known: they reach as far as a
-- customer's.
ALTER TABLE accounts.api_key ADD COLUMN role accounts.role;
-- Whether the owner had proven to read the account's address when the key was made: else it may be somebody else's, and
-- goes once the address is proven.
ALTER TABLE accounts.api_key ADD COLUMN is_proven boolean NOT NULL DEFAULT false;
-- The stores that the owner was restricted to then, beyond which the key does not reach either; null for none.
ALTER TABLE accounts.api_key ADD COLUMN stores text[];
UPDATE accounts.api_key SET role = person.role, stores = person.stores, is_proven = person.email_verified_at IS NOT NULL
FROM accounts.person WHERE person.id = api_key.person_id;

-- Addresses are compared in Unicode's NFKC, in which there is one way to write each. One that another account has in
-- that form stays as it is, and can be signed in to by nobody until an admin changes it.
UPDATE accounts.person SET email = normalize(email, NFKC)
WHERE email ~ '[^[:ascii:]]' AND email IS NOT NFKC NORMALIZED
  AND NOT EXISTS (SELECT FROM accounts.person AS other
                  WHERE other.id <> person.id AND other.status <> 'deleted'
                    AND lower(normalize(other.email, NFKC)) = lower(normalize(person.email, NFKC)));
