-- Accounts: who may sign in, with what, and what they did.
-- Owned by domain/accounts; nothing else names this schema.

CREATE SCHEMA accounts;

CREATE TYPE accounts.role AS ENUM ('admin', 'manager', 'staff', 'driver', 'seller', 'customer', 'auditor');
CREATE TYPE accounts.status AS ENUM ('active', 'blocked', 'deleted');

CREATE TABLE accounts.person (
    id                uuid            PRIMARY KEY,
    email             text            NOT NULL CONSTRAINT person_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    -- What makes two addresses the same one.
    email_key         text            NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
    name              text            NOT NULL CONSTRAINT person_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    role              accounts.role   NOT NULL,
    status            accounts.status NOT NULL DEFAULT 'active',
    -- Argon2id, in PHC form; null until a password is chosen.
    password_hash     text            CONSTRAINT person_password_hash_form CHECK (password_hash LIKE '$argon2id$%'),
    -- Counts up with every change that takes a right away: tokens of an older epoch are worth nothing.
    epoch             integer         NOT NULL DEFAULT 1,
    email_verified_at timestamptz,
    last_sign_in_at   timestamptz,
    version           bigint          NOT NULL DEFAULT 1,
    created_at        timestamptz     NOT NULL,
    updated_at        timestamptz     NOT NULL
);
-- A deleted account gives its address back.
CREATE UNIQUE INDEX person_email_key ON accounts.person (email_key) WHERE status <> 'deleted';
CREATE INDEX person_by_created ON accounts.person (created_at, id);
CREATE INDEX person_by_role ON accounts.person (role, created_at, id);

-- A sign-in: everything that one device got from it, until it is revoked or was not used for long enough.
CREATE TABLE accounts.session (
    id           uuid        PRIMARY KEY,
    person_id    uuid        NOT NULL REFERENCES accounts.person (id) ON DELETE CASCADE,
    -- 'token': access and refresh tokens; 'cookie': the console's.
    kind         text        NOT NULL CONSTRAINT session_kind CHECK (kind IN ('token', 'cookie')),
    -- SHA-256 of the cookie's secret.
    cookie_hash  bytea       CONSTRAINT session_cookie_hash_length CHECK (octet_length(cookie_hash) = 32),
    address      text        CONSTRAINT session_address_length CHECK (char_length(address) <= 64),
    -- The address, or for IPv6 its /64: where its owner has been seen before.
    network      text        CONSTRAINT session_network_length CHECK (char_length(network) <= 64),
    user_agent   text        CONSTRAINT session_user_agent_length CHECK (char_length(user_agent) <= 300),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_for  text        CONSTRAINT session_revoked_for_length CHECK (char_length(revoked_for) <= 60),
    CONSTRAINT session_cookie CHECK ((kind = 'cookie') = (cookie_hash IS NOT NULL)),
    CONSTRAINT session_revoked CHECK ((revoked_at IS NULL) = (revoked_for IS NULL))
);
CREATE UNIQUE INDEX session_cookie_hash_key ON accounts.session (cookie_hash) WHERE cookie_hash IS NOT NULL;
CREATE INDEX session_by_person ON accounts.session (person_id, created_at DESC, id DESC);
CREATE INDEX session_by_expiry ON accounts.session (expires_at);

-- Refresh tokens: each is good once. One that comes a second time was stolen or is being replayed, and
-- ends its session.
CREATE TABLE accounts.refresh_token (
    hash       bytea       PRIMARY KEY CONSTRAINT refresh_token_hash_length CHECK (octet_length(hash) = 32),
    session_id uuid        NOT NULL REFERENCES accounts.session (id) ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_token_by_session ON accounts.refresh_token (session_id);
CREATE INDEX refresh_token_by_expiry ON accounts.refresh_token (expires_at);

-- What is sent by mail to prove that one reads it: good once, for a while.
CREATE TABLE accounts.mail_token (
    hash       bytea       PRIMARY KEY CONSTRAINT mail_token_hash_length CHECK (octet_length(hash) = 32),
    person_id  uuid        NOT NULL REFERENCES accounts.person (id) ON DELETE CASCADE,
    purpose    text        NOT NULL CONSTRAINT mail_token_purpose CHECK (purpose IN ('verify', 'reset')),
    -- The address that it was sent to.
    email_key  text        NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX mail_token_by_person ON accounts.mail_token (person_id, purpose);
CREATE INDEX mail_token_by_expiry ON accounts.mail_token (expires_at);

CREATE TABLE accounts.api_key (
    id           uuid        PRIMARY KEY,
    person_id    uuid        NOT NULL REFERENCES accounts.person (id) ON DELETE CASCADE,
    name         text        NOT NULL CONSTRAINT api_key_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    -- The part of the key that is shown and searched for.
    prefix       text        NOT NULL CONSTRAINT api_key_prefix_key UNIQUE CONSTRAINT api_key_prefix_length CHECK (char_length(prefix) = 12),
    -- SHA-256 of the whole key.
    hash         bytea       NOT NULL CONSTRAINT api_key_hash_length CHECK (octet_length(hash) = 32),
    -- The actions that it may be used for; never more than its owner's.
    scopes       text[]      NOT NULL CONSTRAINT api_key_scopes CHECK (cardinality(scopes) BETWEEN 1 AND 100),
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_key_by_person ON accounts.api_key (person_id, created_at DESC, id DESC);
CREATE INDEX api_key_by_created ON accounts.api_key (created_at DESC, id DESC);

-- Keys that access tokens are signed with. The newest signs; the others are good for what they signed.
CREATE TABLE accounts.signing_key (
    kid        text        PRIMARY KEY CONSTRAINT signing_key_kid_length CHECK (char_length(kid) BETWEEN 8 AND 64),
    algorithm  text        NOT NULL CONSTRAINT signing_key_algorithm CHECK (algorithm IN ('HS256', 'EdDSA')),
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    -- From then on it verifies nothing any more; null for the one that signs.
    retired_at timestamptz
);

-- Addresses that are kept out.
CREATE TABLE accounts.block (
    id         uuid        PRIMARY KEY,
    -- An address or a network: 203.0.113.7, 2001:db8::/64.
    network    cidr        NOT NULL,
    reason     text        NOT NULL CONSTRAINT block_reason_length CHECK (char_length(reason) BETWEEN 1 AND 500),
    -- Who blocked it; null when it was the program.
    created_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    lifted_at  timestamptz,
    lifted_by  uuid
);
CREATE INDEX block_by_created ON accounts.block (created_at DESC, id DESC);
CREATE INDEX block_by_expiry ON accounts.block (expires_at) WHERE lifted_at IS NULL;

-- Who did what to what, from where. Only ever added to.
CREATE TABLE accounts.audit (
    -- The event's position in the feed.
    id         bigint      PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      uuid,
    role       text        CONSTRAINT audit_role_length CHECK (char_length(role) <= 40),
    -- What they used: session, cookie, key, command.
    via        text        CONSTRAINT audit_via_length CHECK (char_length(via) <= 100),
    address    text        CONSTRAINT audit_address_length CHECK (char_length(address) <= 64),
    action     text        NOT NULL CONSTRAINT audit_action_length CHECK (char_length(action) BETWEEN 1 AND 200),
    target     text        NOT NULL CONSTRAINT audit_target_length CHECK (char_length(target) BETWEEN 1 AND 200),
    data       jsonb       NOT NULL,
    request_id text        CONSTRAINT audit_request_id_length CHECK (char_length(request_id) <= 128)
);
CREATE INDEX audit_by_actor ON accounts.audit (actor, id DESC);
CREATE INDEX audit_by_action ON accounts.audit (action, id DESC);
CREATE INDEX audit_by_target ON accounts.audit (target, id DESC);
CREATE INDEX audit_by_at ON accounts.audit (at, id DESC);

CREATE FUNCTION accounts.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts.audit
    FOR EACH STATEMENT EXECUTE FUNCTION accounts.audit_is_append_only();
