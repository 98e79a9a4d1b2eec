-- People: who may sign in.

--: PersonRow(email_verified_at?, last_sign_in_at?, stores?)

--! person_insert (password_hash?, stores?)
INSERT INTO accounts.person (id, email, name, role, stores, password_hash, created_at, updated_at)
VALUES (:id, :email, :name, :role::text::accounts.role, :stores, :password_hash, :now, :now);

--! person_by_id : PersonRow
SELECT id, email, name, role::text AS role, status::text AS status, password_hash IS NOT NULL AS has_password, epoch,
       email_verified_at, last_sign_in_at, stores, version, created_at, updated_at
FROM accounts.person
WHERE id = :id AND status <> 'deleted';

--! person_lock : PersonRow
SELECT id, email, name, role::text AS role, status::text AS status, password_hash IS NOT NULL AS has_password, epoch,
       email_verified_at, last_sign_in_at, stores, version, created_at, updated_at
FROM accounts.person
WHERE id = :id AND status <> 'deleted'
FOR UPDATE;

--! person_credentials : (password_hash?)
-- For a sign-in: what the password is compared with.
SELECT id, password_hash, status::text AS status, email_verified_at IS NOT NULL AS is_verified
FROM accounts.person
WHERE email_key = lower(:email::text COLLATE "C") AND status <> 'deleted';

--! person_password : (password_hash?)
SELECT password_hash FROM accounts.person WHERE id = :id AND status <> 'deleted';

--! person_id_by_email
SELECT id FROM accounts.person WHERE email_key = lower(:email::text COLLATE "C") AND status <> 'deleted' FOR UPDATE;

--! people_with_odd_addresses
-- Of before addresses were ASCII.
SELECT id, email FROM accounts.person
WHERE email ~ '[^[:ascii:]]' AND status <> 'deleted' AND id > :behind
ORDER BY id
LIMIT 1000;

--! person_set_address
-- Nothing where somebody else has the address.
UPDATE accounts.person p
SET email = :email, version = version + 1, updated_at = :now
WHERE id = :id AND NOT EXISTS (
    SELECT FROM accounts.person other
    WHERE other.email_key = lower(:email::text COLLATE "C") AND other.status <> 'deleted' AND other.id <> p.id);

--! person_update (stores?)
UPDATE accounts.person
SET name = :name, email = :email, role = :role::text::accounts.role, status = :status::text::accounts.status,
    stores = :stores,
    epoch = epoch + CASE WHEN role <> :role::text::accounts.role OR status <> :status::text::accounts.status
                           OR stores IS DISTINCT FROM :stores THEN 1 ELSE 0 END,
    email_verified_at = CASE WHEN email_key <> lower(:email::text COLLATE "C") THEN NULL ELSE email_verified_at END,
    version = version + 1, updated_at = :now
WHERE id = :id;

--! person_set_password
UPDATE accounts.person
SET password_hash = :password_hash, epoch = epoch + 1, version = version + 1, updated_at = :now
WHERE id = :id;

--! person_rehash
-- The same password under newer parameters.
UPDATE accounts.person SET password_hash = :new_hash WHERE id = :id AND password_hash = :old_hash;

--! person_verify_email
UPDATE accounts.person
SET email_verified_at = :now, version = version + 1, updated_at = :now
WHERE id = :id AND email_key = :email_key AND email_verified_at IS NULL AND status <> 'deleted';

--! person_signed_in
UPDATE accounts.person SET last_sign_in_at = :now WHERE id = :id;

--! person_delete
UPDATE accounts.person
SET status = 'deleted', epoch = epoch + 1, password_hash = NULL, version = version + 1, updated_at = :now
WHERE id = :id;

--! admins
-- Those who can sign in, locked, so that of two changes at once one must leave an admin.
SELECT id FROM accounts.person
WHERE role = 'admin' AND status = 'active' AND password_hash IS NOT NULL
ORDER BY id
FOR UPDATE;
