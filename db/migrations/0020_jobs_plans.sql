-- What workers ask again and again, as functions: with plans that do not hang on what the planner last saw of the
-- queue. Owned by platform/jobs.
--
-- A queue is empty most of the time, and it is then that it is vacuumed and analyzed. To the planner it has no rows
-- from there on, so that reading all of it looks as cheap as looking one up; and with a plan of that kind a worker is
-- three times as slow once a backlog comes, or once dead rows pile up behind a transaction that is held open. So here
-- - no table is read as a whole (`enable_seqscan`), and a plan is made once (`plan_cache_mode`);
-- - rows are found by `id = ANY (…)`, for which there is one index and no cheaper-looking way around it;
-- - `worker = …` stands without `status = 'running'`, which it implies (`job_has_worker`): with it the index of what
--   workers run would be taken, dead entries of all that they ever ran and all.

-- Claims up to `_at_most` jobs of a queue from these lanes, which are in the order in which they are served.
CREATE FUNCTION jobs.claim(
    _worker uuid, _queue text, _priorities int2[], _tenants text[], _above int8[], _shares int8[], _at_most int8
) RETURNS TABLE (
    id int8, claim int4, kind text, payload jsonb, failures int2, priority int2, tenant text, request_id text,
    waited float8, max_attempts int2
)
LANGUAGE plpgsql
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    _ids int8[];
BEGIN
    -- The worker's row is locked against being deleted: whoever is taken for dead claims nothing afterwards.
    PERFORM FROM jobs.worker
    WHERE worker.id = _worker AND NOT EXISTS (SELECT FROM jobs.pause WHERE pause.queue = _queue) FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    _ids := ARRAY(
        SELECT picked.id
        FROM unnest(_priorities, _tenants, _above, _shares) AS lane (priority, tenant, above, at_most)
        CROSS JOIN LATERAL (
            SELECT job.id FROM jobs.job
            WHERE job.queue = _queue AND job.priority = lane.priority AND job.tenant = lane.tenant
              AND job.status = 'available' AND job.id > lane.above
            ORDER BY job.id LIMIT lane.at_most FOR UPDATE SKIP LOCKED
        ) AS picked
        LIMIT _at_most
    );
    RETURN QUERY
        UPDATE jobs.job
        SET status = 'running', worker = _worker, claim = job.claim + 1, started_at = clock_timestamp(),
            progress = NULL, message = NULL
        WHERE job.id = ANY (_ids)
        RETURNING job.id, job.claim, job.kind, job.payload, job.failures, job.priority, job.tenant, job.request_id,
                  extract(epoch FROM job.started_at - job.run_at)::float8, job.max_attempts;
END
$$;

-- Records that jobs are done. Tells how many still were this worker's.
CREATE FUNCTION jobs.complete(_worker uuid, _ids int8[], _claims int4[]) RETURNS int8
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_nestloop = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    _done int8;
BEGIN
    WITH gone AS (
        DELETE FROM jobs.job USING unnest(_ids, _claims) AS done (id, claim)
        WHERE job.id = ANY (_ids) AND job.id = done.id AND job.claim = done.claim AND job.worker = _worker
        RETURNING job.*
    )
    INSERT INTO jobs.ended (id, queue, kind, priority, tenant, payload, outcome, error, failures, request_id,
                            created_at, started_at, ended_at)
    SELECT id, queue, kind, priority, tenant,
           CASE WHEN jsonb_typeof(payload) = 'object' THEN payload - 'secret' ELSE payload END,
           'completed', NULL, failures, request_id, created_at, started_at, clock_timestamp()
    FROM gone;
    GET DIAGNOSTICS _done = ROW_COUNT;
    RETURN _done;
END
$$;

-- The lanes of a queue in which something waits, the most urgent first, from behind one of them on, and the lowest id
-- in each: from lane to lane by the index, however many jobs lie in each.
CREATE FUNCTION jobs.lanes(_queue text, _priority int2, _tenant text, _at_most int8)
RETURNS TABLE (priority int2, tenant text, lowest int8)
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE lane AS (
            (SELECT job.priority, job.tenant, job.id FROM jobs.job
             WHERE job.queue = _queue AND job.status = 'available' AND (job.priority, job.tenant) > (_priority, _tenant)
             ORDER BY job.priority, job.tenant, job.id LIMIT 1)
            UNION ALL
            SELECT next.priority, next.tenant, next.id FROM lane CROSS JOIN LATERAL (
                SELECT job.priority, job.tenant, job.id FROM jobs.job
                WHERE job.queue = _queue AND job.status = 'available'
                  AND (job.priority, job.tenant) > (lane.priority, lane.tenant)
                ORDER BY job.priority, job.tenant, job.id LIMIT 1
            ) AS next
        )
        SELECT lane.priority, lane.tenant, lane.id FROM lane LIMIT _at_most;
END
$$;

-- Lanes of a queue in which something waits, other than those that are known: what lies in these is not walked over.
-- By priority and between two tenants each, as the end of a range over both at once (a row comparison) is not where an
-- index scan ends: it would go on to the end of the priority.
CREATE FUNCTION jobs.lanes_between(_queue text, _priorities int2[], _tenants text[], _at_most int8)
RETURNS TABLE (priority int2, tenant text, lowest int8)
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    _known text[];
    _from text;
    _to text;
    _tenant text;
    _lowest int8;
    _found int8 := 0;
BEGIN
    FOR _priority IN 1..10 LOOP
        SELECT array_agg(known.tenant ORDER BY known.tenant) INTO _known
        FROM unnest(_priorities, _tenants) AS known (priority, tenant) WHERE known.priority = _priority;
        _from := NULL;
        FOREACH _to IN ARRAY coalesce(_known, '{}') || NULL::text LOOP
            LOOP
                IF _from IS NULL AND _to IS NULL THEN
                    SELECT job.tenant, job.id INTO _tenant, _lowest FROM jobs.job
                    WHERE job.queue = _queue AND job.status = 'available' AND job.priority = _priority::int2
                    ORDER BY job.tenant, job.id LIMIT 1;
                ELSIF _from IS NULL THEN
                    SELECT job.tenant, job.id INTO _tenant, _lowest FROM jobs.job
                    WHERE job.queue = _queue AND job.status = 'available' AND job.priority = _priority::int2
                      AND job.tenant < _to
                    ORDER BY job.tenant, job.id LIMIT 1;
                ELSIF _to IS NULL THEN
                    SELECT job.tenant, job.id INTO _tenant, _lowest FROM jobs.job
                    WHERE job.queue = _queue AND job.status = 'available' AND job.priority = _priority::int2
                      AND job.tenant > _from
                    ORDER BY job.tenant, job.id LIMIT 1;
                ELSE
                    SELECT job.tenant, job.id INTO _tenant, _lowest FROM jobs.job
                    WHERE job.queue = _queue AND job.status = 'available' AND job.priority = _priority::int2
                      AND job.tenant > _from AND job.tenant < _to
                    ORDER BY job.tenant, job.id LIMIT 1;
                END IF;
                EXIT WHEN NOT FOUND;
                priority := _priority::int2;
                tenant := _tenant;
                lowest := _lowest;
                RETURN NEXT;
                _found := _found + 1;
                IF _found >= _at_most THEN
                    RETURN;
                END IF;
                _from := _tenant;
            END LOOP;
            _from := _to;
        END LOOP;
    END LOOP;
END
$$;

-- Makes available what is due, up to so many. Tells of each its queue.
CREATE FUNCTION jobs.promote(_at_most int8) RETURNS SETOF text
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    _ids int8[];
    -- Once: compared with what changes from row to row no index could end where it is reached.
    _now timestamptz := clock_timestamp();
BEGIN
    _ids := ARRAY(
        SELECT job.id FROM jobs.job
        WHERE job.status IN ('scheduled', 'retryable') AND job.run_at <= _now
        ORDER BY job.run_at LIMIT _at_most FOR UPDATE SKIP LOCKED
    );
    RETURN QUERY UPDATE jobs.job SET status = 'available' WHERE job.id = ANY (_ids) RETURNING job.queue;
END
$$;
