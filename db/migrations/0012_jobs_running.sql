-- Jobs as they are run: rates and weights of queues, and what was done by the minute. Owned by platform/jobs.

-- Tenants of a queue that get more than one share of it.
CREATE TABLE jobs.weight (
    queue  text     NOT NULL CONSTRAINT weight_queue_length CHECK (char_length(queue) BETWEEN 1 AND 100),
    tenant text     NOT NULL CONSTRAINT weight_tenant_length CHECK (char_length(tenant) <= 100),
    weight smallint NOT NULL CONSTRAINT weight_range CHECK (weight BETWEEN 1 AND 100),
    PRIMARY KEY (queue, tenant)
);

-- Queues with a rate: the time up to which jobs have been let through, which all workers share (GCRA).
CREATE TABLE jobs.rate (
    queue   text        PRIMARY KEY CONSTRAINT rate_queue_length CHECK (char_length(queue) BETWEEN 1 AND 100),
    next_at timestamptz NOT NULL
);

-- What was done, by queue and minute. Workers add to it every few seconds.
CREATE TABLE jobs.tally (
    queue   text        NOT NULL,
    minute  timestamptz NOT NULL,
    done    bigint      NOT NULL,
    failed  bigint      NOT NULL,
    -- Sums: how long they had waited since they might run, and how long they ran, in seconds.
    waited  float8      NOT NULL,
    ran     float8      NOT NULL,
    PRIMARY KEY (minute, queue)
);

-- What failed for good, the newest first.
CREATE INDEX ended_discarded ON jobs.ended (id) WHERE outcome = 'discarded';
