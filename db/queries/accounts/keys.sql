-- API keys.

--: KeyRow(expires_at?, last_used_at?)

--! key_insert (expires_at?)
INSERT INTO accounts.api_key (id, person_id, name, prefix, hash, scopes, role, stores, is_proven, created_at, updated_at, expires_at)
VALUES (:id, :person_id, :name, :prefix, :hash, :scopes, :role::text::accounts.role,
        (SELECT stores FROM accounts.person WHERE id = :person_id),
        coalesce((SELECT email_verified_at IS NOT NULL FROM accounts.person WHERE id = :person_id), false), :now, :now,
        :expires_at);

--! key_count
SELECT count(*) FROM accounts.api_key WHERE person_id = :person_id;

--! key_identity : (expires_at?, stores?, made_for?)
SELECT api_key.id, api_key.person_id, api_key.hash, api_key.scopes, api_key.expires_at, person.role::text AS role,
       coalesce(api_key.role, 'customer')::text AS made_as, api_key.stores AS made_for, person.status::text AS status, person.stores
FROM accounts.api_key
JOIN accounts.person ON person.id = api_key.person_id
WHERE api_key.prefix = :prefix;

--! key_by_id (owner?) : KeyRow
-- `owner` narrows it to that person's own.
SELECT id, person_id, name, prefix, scopes, version, created_at, updated_at, expires_at, last_used_at
FROM accounts.api_key
WHERE id = :id AND (:owner::uuid IS NULL OR person_id = :owner);

--! key_lock (owner?) : KeyRow
SELECT id, person_id, name, prefix, scopes, version, created_at, updated_at, expires_at, last_used_at
FROM accounts.api_key
WHERE id = :id AND (:owner::uuid IS NULL OR person_id = :owner)
FOR UPDATE;

--! key_update (expires_at?)
UPDATE accounts.api_key
SET name = :name, scopes = :scopes, role = :role::text::accounts.role,
    stores = (SELECT person.stores FROM accounts.person WHERE person.id = api_key.person_id), expires_at = :expires_at, version = version + 1, updated_at = :now
WHERE id = :id;

--! key_delete
DELETE FROM accounts.api_key WHERE id = :id;

--! keys_unproven
-- The address that the owner had proven is another now.
UPDATE accounts.api_key SET is_proven = false WHERE person_id = :person_id;

--! keys_delete_unproven
DELETE FROM accounts.api_key WHERE person_id = :person_id AND NOT is_proven RETURNING id;

--! key_used
-- Not more often than once a minute: it is for people who tidy up.
UPDATE accounts.api_key SET last_used_at = :now
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :now::timestamptz - interval '1 minute');
