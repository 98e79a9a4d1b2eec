-- Reports: documents that are made in the background, once or again and again. Owned by platform/reports; nothing
-- else names this schema.

CREATE SCHEMA reports;

-- What is made again and again.
CREATE TABLE reports.schedule (
    id          uuid        PRIMARY KEY,
    owner       uuid        NOT NULL,
    kind        text        NOT NULL CONSTRAINT schedule_kind_length CHECK (char_length(kind) BETWEEN 1 AND 40),
    format      text        NOT NULL CONSTRAINT schedule_format CHECK (format IN ('pdf', 'xlsx')),
    parameters  jsonb       NOT NULL,
    -- A pattern of cron, as it is in a time zone.
    pattern     text        NOT NULL CONSTRAINT schedule_pattern_length CHECK (char_length(pattern) BETWEEN 1 AND 100),
    zone        text        NOT NULL CONSTRAINT schedule_zone_length CHECK (char_length(zone) BETWEEN 1 AND 60),
    -- Where it is mailed, besides being told in the inbox.
    mail_to     text        CONSTRAINT schedule_mail_length CHECK (char_length(mail_to) <= 254),
    is_enabled  boolean     NOT NULL,
    next_at     timestamptz NOT NULL,
    last_at     timestamptz,
    created_at  timestamptz NOT NULL
);
CREATE INDEX schedule_due ON reports.schedule (next_at) WHERE is_enabled;
CREATE INDEX schedule_of_owner ON reports.schedule (owner, id DESC);

CREATE TABLE reports.report (
    id          uuid        PRIMARY KEY,
    owner       uuid        NOT NULL,
    kind        text        NOT NULL CONSTRAINT report_kind_length CHECK (char_length(kind) BETWEEN 1 AND 40),
    format      text        NOT NULL CONSTRAINT report_format CHECK (format IN ('pdf', 'xlsx')),
    parameters  jsonb       NOT NULL,
    -- The stores that its owner was tied to when it was made; null for all.
    scope       text[],
    schedule_id uuid        REFERENCES reports.schedule (id) ON DELETE SET NULL,
    mail_to     text        CONSTRAINT report_mail_length CHECK (char_length(mail_to) <= 254),
    status      text        NOT NULL DEFAULT 'queued'
        CONSTRAINT report_status CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')),
    percent     smallint    CONSTRAINT report_percent CHECK (percent BETWEEN 0 AND 100),
    title       text        CONSTRAINT report_title_length CHECK (char_length(title) <= 200),
    period      text        CONSTRAINT report_period_length CHECK (char_length(period) <= 200),
    -- Where its file lies, and which attempt put it there.
    place       text,
    attempt     uuid,
    bytes       bigint,
    sha256      bytea       CONSTRAINT report_sha256_length CHECK (octet_length(sha256) = 32),
    error       text        CONSTRAINT report_error_length CHECK (char_length(error) <= 500),
    job_id      bigint,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at  timestamptz,
    CONSTRAINT report_done CHECK (status <> 'done' OR (place IS NOT NULL AND bytes IS NOT NULL AND sha256 IS NOT NULL))
);
CREATE INDEX report_of_owner ON reports.report (owner, id DESC);
CREATE INDEX report_waiting ON reports.report (id) WHERE status IN ('queued', 'running');
CREATE INDEX report_by_expiry ON reports.report (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX report_of_schedule ON reports.report (schedule_id) WHERE schedule_id IS NOT NULL;
