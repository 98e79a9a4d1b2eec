-- Sessions, refresh tokens and tokens that are sent by mail.

--! session_insert (cookie_hash?, address?, network?, user_agent?)
INSERT INTO accounts.session (id, person_id, kind, cookie_hash, address, network, user_agent, created_at, last_used_at, expires_at)
VALUES (:id, :person_id, :kind, :cookie_hash, :address, :network, :user_agent, :now, :now, :expires_at);

--! session_identity : (revoked_at?, stores?)
-- What a token of a session stands for, as it is now.
SELECT session.person_id, session.expires_at, session.revoked_at, person.role::text AS role, person.status::text AS status,
       person.epoch, person.stores
FROM accounts.session
JOIN accounts.person ON person.id = session.person_id
WHERE session.id = :id;

--! session_by_cookie : (revoked_at?, stores?)
SELECT session.id, session.person_id, session.expires_at, session.last_used_at, session.revoked_at, person.role::text AS role,
       person.status::text AS status, person.epoch, person.stores
FROM accounts.session
JOIN accounts.person ON person.id = session.person_id
WHERE session.cookie_hash = :hash;

--! session_touch
UPDATE accounts.session SET last_used_at = :now, expires_at = :expires_at WHERE id = :id AND revoked_at IS NULL;

--! sessions_of : (address?, user_agent?)
SELECT id, kind, address, user_agent, created_at, last_used_at, expires_at
FROM accounts.session
WHERE person_id = :person_id AND revoked_at IS NULL AND expires_at > :now
ORDER BY created_at DESC, id DESC
LIMIT 200;

--! session_lock : (revoked_at?)
SELECT id, person_id, kind, expires_at, revoked_at FROM accounts.session WHERE id = :id FOR UPDATE;

--! session_revoke
UPDATE accounts.session SET revoked_at = :now, revoked_for = :reason
WHERE id = :id AND revoked_at IS NULL;

--! sessions_revoke_of (but?)
UPDATE accounts.session SET revoked_at = :now, revoked_for = :reason
WHERE person_id = :person_id AND revoked_at IS NULL AND expires_at > :now AND id IS DISTINCT FROM :but
RETURNING id;

--! session_knows_network
-- Whether its owner has signed in from there before.
SELECT EXISTS (SELECT FROM accounts.session WHERE person_id = :person_id AND network = :network AND created_at > :since) AS known;

--! sessions_forget
-- What has ended long ago.
DELETE FROM accounts.session WHERE ctid IN (SELECT ctid FROM accounts.session WHERE expires_at < :before LIMIT 5000);

--! refresh_insert
INSERT INTO accounts.refresh_token (hash, session_id, issued_at, expires_at) VALUES (:hash, :session_id, :now, :expires_at);

--! refresh_take : (used_at?)
SELECT token.session_id, token.expires_at, token.used_at
FROM accounts.refresh_token token
WHERE token.hash = :hash
FOR UPDATE;

--! refresh_used
UPDATE accounts.refresh_token SET used_at = :now WHERE hash = :hash;

--! refresh_forget
DELETE FROM accounts.refresh_token WHERE ctid IN (SELECT ctid FROM accounts.refresh_token WHERE expires_at < :before LIMIT 5000);

--! mail_token_insert
INSERT INTO accounts.mail_token (hash, person_id, purpose, email_key, issued_at, expires_at)
VALUES (:hash, :person_id, :purpose, lower(:email::text COLLATE "C"), :now, :expires_at);

--! mail_token_take
DELETE FROM accounts.mail_token WHERE hash = :hash AND purpose = :purpose RETURNING person_id, email_key, expires_at;

--! mail_tokens_drop
DELETE FROM accounts.mail_token WHERE person_id = :person_id AND purpose = :purpose;

--! mail_tokens_forget
DELETE FROM accounts.mail_token WHERE expires_at < :before;

--! signing_keys : (retired_at?)
SELECT kid, algorithm, secret, created_at, retired_at FROM accounts.signing_key
WHERE retired_at IS NULL OR retired_at > :now
ORDER BY retired_at IS NOT NULL, created_at DESC, kid;

--! signing_keys_lock
LOCK TABLE accounts.signing_key IN SHARE ROW EXCLUSIVE MODE;

--! signing_key_insert
INSERT INTO accounts.signing_key (kid, algorithm, secret, created_at) VALUES (:kid, :algorithm, :secret, :now);

--! signing_keys_retire
UPDATE accounts.signing_key SET retired_at = :retired_at WHERE retired_at IS NULL AND kid <> :but;

--! signing_keys_forget
DELETE FROM accounts.signing_key WHERE retired_at < :before;
