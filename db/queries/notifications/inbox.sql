-- What people are told, as it lies in their inboxes.

--: NotificationRow(link?, read_at?)

--! notification_insert (link?)
INSERT INTO notifications.notification (id, person_id, kind, title, body, link, created_at)
VALUES (:id, :person_id, :kind, :title, :body, :link, :now);

--! notification_list (below?) : NotificationRow
SELECT id, kind, title, body, link, created_at, read_at
FROM notifications.notification
WHERE person_id = :person_id AND (:below::uuid IS NULL OR id < :below)
ORDER BY id DESC
LIMIT :at_most OFFSET :skipped;

--! notification_list_unread (below?) : NotificationRow
SELECT id, kind, title, body, link, created_at, read_at
FROM notifications.notification
WHERE person_id = :person_id AND read_at IS NULL AND (:below::uuid IS NULL OR id < :below)
ORDER BY id DESC
LIMIT :at_most OFFSET :skipped;

--! notifications_unread
-- Counted up to a bound: nobody needs to know more than that there are many.
SELECT count(*) FROM (
    SELECT FROM notifications.notification WHERE person_id = :person_id AND read_at IS NULL LIMIT :at_most
) AS unread;

--! notification_read
UPDATE notifications.notification SET read_at = coalesce(read_at, :now)
WHERE id = :id AND person_id = :person_id;

--! notifications_read_all
UPDATE notifications.notification SET read_at = :now
WHERE person_id = :person_id AND read_at IS NULL AND id <= :up_to;

--! notification_delete
DELETE FROM notifications.notification WHERE id = :id AND person_id = :person_id;

--! notifications_forget
DELETE FROM notifications.notification WHERE id IN (
    SELECT id FROM notifications.notification WHERE created_at < :before ORDER BY created_at LIMIT :at_most
);
