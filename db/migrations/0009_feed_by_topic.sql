-- The feed: what a topic's followers have missed while they were away. Owned by platform/feed.

CREATE INDEX event_by_topic ON feed.event (topic, id);
