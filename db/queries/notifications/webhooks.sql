-- Webhooks, and what was sent to them.

--: WebhookRow(old_secret?, old_secret_until?, disabled_reason?)
--: DeliveryRow(http_status?, error?, finished_at?)

--! webhook_insert
INSERT INTO notifications.webhook (id, owner, url, topics, description, secret, is_enabled, created_at, updated_at)
VALUES (:id, :owner, :url, :topics, :description, :secret, :is_enabled, :now, :now);

--! webhook_count
SELECT count(*) FROM notifications.webhook WHERE owner = :owner;

--! webhook_list (owner?, below?) : WebhookRow
SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason,
       failures, version, created_at, updated_at
FROM notifications.webhook
WHERE (:owner::uuid IS NULL OR owner = :owner) AND (:below::uuid IS NULL OR id < :below)
ORDER BY id DESC
LIMIT :at_most OFFSET :skipped;

--! webhooks_enabled
SELECT id, topics FROM notifications.webhook WHERE is_enabled ORDER BY id LIMIT 10000;

--! webhook_by_id (owner?) : WebhookRow
SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason,
       failures, version, created_at, updated_at
FROM notifications.webhook
WHERE id = :id AND (:owner::uuid IS NULL OR owner = :owner);

--! webhook_lock (owner?) : WebhookRow
SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason,
       failures, version, created_at, updated_at
FROM notifications.webhook
WHERE id = :id AND (:owner::uuid IS NULL OR owner = :owner)
FOR UPDATE;

--! webhook_update (old_secret?, old_secret_until?, disabled_reason?)
UPDATE notifications.webhook
SET url = :url, topics = :topics, description = :description, secret = :secret, old_secret = :old_secret,
    old_secret_until = :old_secret_until, is_enabled = :is_enabled, disabled_reason = :disabled_reason,
    failures = :failures, version = version + 1, updated_at = :now
WHERE id = :id;

--! webhook_arrived
-- Written only where it changes something: most deliveries follow one that arrived.
UPDATE notifications.webhook SET failures = 0 WHERE id = :id AND failures > 0;

--! webhook_failed
-- No new version: nobody has edited it.
UPDATE notifications.webhook SET failures = failures + 1 WHERE id = :id RETURNING failures;

--! webhook_delete
DELETE FROM notifications.webhook WHERE id = :id;

--! delivery_insert
INSERT INTO notifications.delivery (id, webhook_id, event, topic, body, status, created_at)
VALUES (:id, :webhook_id, :event, :topic, :body, 'pending', :now);

--! delivery_by_id : DeliveryRow
SELECT id, webhook_id, event, topic, body, status, attempts, http_status, error, created_at, finished_at
FROM notifications.delivery
WHERE id = :id AND webhook_id = :webhook_id;

--! delivery_list (below?) : DeliveryRow
SELECT id, webhook_id, event, topic, body, status, attempts, http_status, error, created_at, finished_at
FROM notifications.delivery
WHERE webhook_id = :webhook_id AND (:below::uuid IS NULL OR id < :below)
ORDER BY id DESC
LIMIT :at_most OFFSET :skipped;

--! delivery_tried (http_status?, error?, finished_at?)
UPDATE notifications.delivery
SET status = :status, attempts = attempts + 1, http_status = :http_status, error = :error,
    finished_at = :finished_at
WHERE id = :id;

--! delivery_again
UPDATE notifications.delivery
SET status = 'pending', http_status = NULL, error = NULL, finished_at = NULL
-- One that is pending and that nobody tries any more, as its job was cancelled, is tried again, too.
WHERE id = :id AND (status <> 'pending' OR :is_given_up);

--! deliveries_forget
DELETE FROM notifications.delivery WHERE id IN (
    SELECT id FROM notifications.delivery WHERE created_at < :before AND status <> 'pending' ORDER BY created_at LIMIT :at_most
);
