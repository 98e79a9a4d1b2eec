-- The audit log: only ever added to.

--! audit_insert
-- Rows as a JSON array.
INSERT INTO accounts.audit (id, at, actor, role, via, address, action, target, data, request_id)
SELECT r.id, r.at, r.actor, r.role, r.via, r.address, r.action, r.target, coalesce(r.data, 'null'), r.request_id
FROM jsonb_to_recordset(:rows) AS r (id bigint, at timestamptz, actor uuid, role text, via text, address text, action text,
    target text, data jsonb, request_id text)
ON CONFLICT (id) DO NOTHING;
