-- How often products are looked at, and which the most.

--! product_views_add
-- Adds what was counted. Ids that are no product's are left out; the order is that of the ids, so that two
-- writers never wait for each other in a circle.
INSERT INTO catalog.product_views AS v (product_id, views, updated_at)
SELECT p.id, counted.views, :now
FROM unnest(:ids::uuid[], :views::bigint[]) AS counted (id, views)
JOIN catalog.product p ON p.id = counted.id
ORDER BY p.id
ON CONFLICT (product_id) DO UPDATE SET views = v.views + excluded.views, updated_at = excluded.updated_at;

--! product_popular
-- The most viewed active products, then the newest of those that nobody has viewed; 50 at the most. Were
-- fewer than that viewed, then all that were are in the first list, and the newest 100 less those are
-- enough. Both bounds stand here, where the planner sees them, so that neither list is ever sorted whole.
WITH viewed AS MATERIALIZED (
    SELECT p.id, v.views
    FROM catalog.product_views v
    JOIN catalog.product p ON p.id = v.product_id
    WHERE p.active AND v.views > 0
    ORDER BY v.views DESC, v.product_id
    LIMIT 50
), newest AS MATERIALIZED (
    SELECT p.id, p.created_at
    FROM catalog.product p
    WHERE p.active
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT 100
)
SELECT popular.id
FROM (
    SELECT viewed.id, viewed.views, row_number() OVER (ORDER BY viewed.views DESC, viewed.id) AS place FROM viewed
    UNION ALL
    SELECT newest.id, 0, row_number() OVER (ORDER BY newest.created_at DESC, newest.id DESC) AS place FROM newest
    WHERE newest.id NOT IN (SELECT viewed.id FROM viewed)
) AS popular
ORDER BY popular.views DESC, popular.place
LIMIT :at_most;
