-- Sales: stores, and what each sold, a row a month with its days in JSONB.
-- Owned by domain/sales; nothing else names this schema.

CREATE SCHEMA sales;

CREATE TYPE sales.store_status AS ENUM ('active', 'paused', 'closed');

CREATE TABLE sales.store (
    -- The chain's own code for it.
    id          text               PRIMARY KEY CONSTRAINT store_id_form CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'),
    name        text               NOT NULL CONSTRAINT store_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    place       text               CONSTRAINT store_place_length CHECK (char_length(place) BETWEEN 1 AND 200),
    status      sales.store_status NOT NULL DEFAULT 'active',
    business_id uuid,
    version     bigint             NOT NULL DEFAULT 1,
    created_at  timestamptz        NOT NULL,
    updated_at  timestamptz        NOT NULL
);
CREATE INDEX store_by_name ON sales.store (name, id);
CREATE INDEX store_by_status ON sales.store (status, id);
CREATE INDEX store_by_business ON sales.store (business_id, id) WHERE business_id IS NOT NULL;

CREATE TABLE sales.month (
    id           uuid        PRIMARY KEY,
    store_id     text        NOT NULL REFERENCES sales.store (id),
    year         smallint    NOT NULL CONSTRAINT month_year CHECK (year BETWEEN 1900 AND 2200),
    month        smallint    NOT NULL CONSTRAINT month_month CHECK (month BETWEEN 1 AND 12),
    -- {"1": {"sales": 1000.5, "transactions": 40, …}, …}: a member a day that something is known of.
    daily        jsonb       NOT NULL,
    -- Months since the year 0: what ranges of months are compared by.
    period       int         NOT NULL GENERATED ALWAYS AS (year * 12 + month - 1) STORED,
    -- Derived from `daily` by the trigger below, whatever a statement says.
    sales        numeric     NOT NULL,
    transactions numeric     NOT NULL,
    customers    numeric     NOT NULL,
    units        numeric     NOT NULL,
    discount     numeric     NOT NULL,
    days         smallint    NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT month_key UNIQUE (store_id, year, month)
);

-- The totals of a month, in one pass over its days, and the check that the days are days of that month.
CREATE FUNCTION sales.derive() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last int := date_part('day', make_date(NEW.year, NEW.month, 1) + interval '1 month' - interval '1 day');
    wrong text;
BEGIN
    IF jsonb_typeof(NEW.daily) <> 'object' THEN
        RAISE check_violation USING MESSAGE = 'daily is no object', CONSTRAINT = 'month_daily_form',
            SCHEMA = 'sales', TABLE = 'month';
    END IF;
    SELECT coalesce(sum((value ->> 'sales')::numeric), 0), coalesce(sum((value ->> 'transactions')::numeric), 0),
           coalesce(sum((value ->> 'customers')::numeric), 0), coalesce(sum((value ->> 'units')::numeric), 0),
           coalesce(sum((value ->> 'discount')::numeric), 0), count(*),
           min(key) FILTER (WHERE key !~ '^[1-9][0-9]?$' OR key::int > last OR jsonb_typeof(value) <> 'object')
    INTO NEW.sales, NEW.transactions, NEW.customers, NEW.units, NEW.discount, NEW.days, wrong
    FROM jsonb_each(NEW.daily);
    IF wrong IS NOT NULL THEN
        RAISE check_violation USING MESSAGE = format('%s is no day of the month, or holds no object', wrong),
            CONSTRAINT = 'month_daily_form', SCHEMA = 'sales', TABLE = 'month';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER month_derive BEFORE INSERT OR UPDATE OF daily, sales, transactions, customers, units, discount, days
    ON sales.month FOR EACH ROW EXECUTE FUNCTION sales.derive();

-- The names of the fields that a month's days have, each as often as it is there: what the index on the JSONB
-- keeps. The values are not looked for, and would make the index many times as large as the table. One
-- expression, which the planner puts in place of the call: a query in here would cost each row five times as
-- much on its way into the index.
CREATE FUNCTION sales.fields(daily jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN jsonb_path_query_array(daily, '$.*.keyvalue().key');

-- Lists of all stores by month; ranges of months; one month of all stores. Every order ends with the month's
-- key and goes one way, so that one index serves it up and down.
CREATE INDEX month_by_period ON sales.month (period, store_id);
-- One calendar month over the years.
CREATE INDEX month_by_month ON sales.month (month, period, store_id);
-- A store's months, and sums over them without a look at the table.
CREATE INDEX month_sums ON sales.month (store_id, period) INCLUDE (sales, transactions, customers, units, discount);
CREATE INDEX month_by_sales ON sales.month (sales, store_id, period);
CREATE INDEX month_by_updated ON sales.month (updated_at, store_id, period);
-- Which store sold most in a month, for the months that people look at all day long: small enough to stay
-- in memory. The domain's upkeep makes it anew with a later bound once a year (ops/renew_recent.rs).
CREATE INDEX month_recent_24288 ON sales.month (period, sales, store_id) WHERE period >= 24288;
CREATE INDEX month_fields ON sales.month USING gin (sales.fields(daily));
-- Year, month and period follow from each other, which the planner cannot know.
CREATE STATISTICS sales.month_dates (dependencies, ndistinct, mcv) ON year, month, period FROM sales.month;
CREATE STATISTICS sales.month_stores (ndistinct) ON store_id, year FROM sales.month;
