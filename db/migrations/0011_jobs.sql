-- Jobs: work that is to be done after a transaction has committed. Owned by platform/jobs; nothing else names
-- this schema.
--
-- A job that has not ended is a row of `job`; when it ends it moves to `ended`. So what is looked through for
-- work stays as small as the work that is left. What has ended is only read by people.

CREATE SCHEMA jobs;

CREATE TABLE jobs.worker (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL CONSTRAINT worker_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    queues     text[]      NOT NULL,
    started_at timestamptz NOT NULL,
    -- The lease: whoever has not been seen for its length is dead, and its row is deleted with the last of its
    -- jobs. A claim locks the row against that, so nobody claims anything once it is gone.
    seen_at    timestamptz NOT NULL
);

CREATE TABLE jobs.job (
    id           bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    queue        text        NOT NULL CONSTRAINT job_queue_length CHECK (char_length(queue) BETWEEN 1 AND 100),
    kind         text        NOT NULL CONSTRAINT job_kind_length CHECK (char_length(kind) BETWEEN 1 AND 100),
    -- 1 is the most urgent. The house uses 1, 5 and 10.
    priority     smallint    NOT NULL CONSTRAINT job_priority CHECK (priority BETWEEN 1 AND 10),
    -- Tenants of a queue take turns; '' for those who have none.
    tenant       text        NOT NULL CONSTRAINT job_tenant_length CHECK (char_length(tenant) <= 100),
    payload      jsonb       NOT NULL,
    --  scheduled ──┐
    --              ├─→ available ──→ running ──→ (ended)
    --  retryable ──┘        ↑           │
    --      ↑                └ released ─┤
    --      └──────────── failed ────────┘
    status       text        NOT NULL
        CONSTRAINT job_status CHECK (status IN ('scheduled', 'available', 'running', 'retryable')),
    -- When it may run. What is available may run now.
    run_at       timestamptz NOT NULL,
    -- How often it was claimed: the fencing token. Whoever was thought dead and comes back holds a lower one.
    claim        int         NOT NULL DEFAULT 0,
    -- How many attempts ended badly, and how many may.
    failures     smallint    NOT NULL DEFAULT 0,
    max_attempts smallint    NOT NULL CONSTRAINT job_max_attempts CHECK (max_attempts BETWEEN 1 AND 100),
    worker       uuid,
    -- It is to be cancelled, and runs.
    is_cancelled boolean     NOT NULL DEFAULT false,
    progress     smallint    CONSTRAINT job_progress CHECK (progress BETWEEN 0 AND 100),
    message      text        CONSTRAINT job_message_length CHECK (char_length(message) <= 500),
    unique_key   text        CONSTRAINT job_unique_key_length CHECK (char_length(unique_key) <= 200),
    request_id   text        CONSTRAINT job_request_id_length CHECK (char_length(request_id) <= 128),
    created_at   timestamptz NOT NULL,
    started_at   timestamptz,
    CONSTRAINT job_has_worker CHECK ((status = 'running') = (worker IS NOT NULL))
);
-- What may run now: a lane for each tenant and priority of a queue.
CREATE INDEX job_lane ON jobs.job (queue, priority, tenant, id) WHERE status = 'available';
CREATE INDEX job_due ON jobs.job (run_at) WHERE status IN ('scheduled', 'retryable');
CREATE INDEX job_of_worker ON jobs.job (worker) WHERE status = 'running';
CREATE UNIQUE INDEX job_unique ON jobs.job (kind, unique_key) WHERE unique_key IS NOT NULL;
-- Each of its rows is written three times within moments. Vacuumed often, but not at full speed: while a transaction
-- is held open it would find much to do again and again, and could do nothing.
ALTER TABLE jobs.job SET (autovacuum_vacuum_scale_factor = 0.02);

-- Attempts that did not end well.
CREATE TABLE jobs.attempt (
    job_id     bigint      NOT NULL,
    claim      int         NOT NULL,
    outcome    text        NOT NULL CONSTRAINT attempt_outcome
        CHECK (outcome IN ('failed', 'timed_out', 'panicked', 'lost', 'snoozed', 'discarded', 'cancelled')),
    error      text        CONSTRAINT attempt_error_length CHECK (char_length(error) <= 4000),
    worker     uuid,
    started_at timestamptz,
    ended_at   timestamptz NOT NULL,
    PRIMARY KEY (job_id, claim)
);

CREATE TABLE jobs.ended (
    id         bigint      PRIMARY KEY,
    queue      text        NOT NULL,
    kind       text        NOT NULL,
    priority   smallint    NOT NULL,
    tenant     text        NOT NULL,
    payload    jsonb       NOT NULL,
    outcome    text        NOT NULL CONSTRAINT ended_outcome CHECK (outcome IN ('completed', 'discarded', 'cancelled')),
    error      text        CONSTRAINT ended_error_length CHECK (char_length(error) <= 4000),
    failures   smallint    NOT NULL,
    request_id text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz NOT NULL
);
-- What is forgotten when its time is over.
CREATE INDEX ended_by_time ON jobs.ended (ended_at) WHERE outcome <> 'discarded';
CREATE INDEX ended_failed ON jobs.ended (queue, id) WHERE outcome = 'discarded';

-- Keys that were used within a period: a job with one is not made again before it is over.
CREATE TABLE jobs.used_key (
    kind   text        NOT NULL,
    key    text        NOT NULL,
    job_id bigint      NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX used_key_by_end ON jobs.used_key (until);

-- What is enqueued again and again. A slot's job is enqueued in the transaction that moves `next_at` on, so each has
-- one, whoever does it.
CREATE TABLE jobs.schedule (
    name    text        PRIMARY KEY CONSTRAINT schedule_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    -- As the program has it: with another the next slot is reckoned anew.
    pattern text        NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz,
    last_id bigint
);

-- Queues that are paused.
CREATE TABLE jobs.pause (
    queue     text        PRIMARY KEY CONSTRAINT pause_queue_length CHECK (char_length(queue) BETWEEN 1 AND 100),
    paused_at timestamptz NOT NULL
);
