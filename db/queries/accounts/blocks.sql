-- Addresses that are kept out.

--: BlockRow(created_by?, lifted_at?, lifted_by?)

--! block_insert (created_by?)
INSERT INTO accounts.block (id, network, reason, created_by, created_at, expires_at)
VALUES (:id, :network::text::cidr, :reason, :created_by, :now, :expires_at);

--! blocks_in_force
SELECT id, network::text AS network, expires_at FROM accounts.block
WHERE lifted_at IS NULL AND expires_at > :now
ORDER BY expires_at DESC
LIMIT 100000;

--! blocks_before
-- How often this network was blocked of late.
SELECT count(*) FROM accounts.block WHERE network = :network::text::cidr AND created_at > :since;

--! block_by_id : BlockRow
SELECT id, network::text AS network, reason, created_by, created_at, expires_at, lifted_at, lifted_by
FROM accounts.block WHERE id = :id;

--! block_lift (lifted_by?)
UPDATE accounts.block SET lifted_at = :now, lifted_by = :lifted_by
WHERE id = :id AND lifted_at IS NULL AND expires_at > :now;
