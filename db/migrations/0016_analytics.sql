-- Analytics: what stores sold by day, week and month, made from the events of sales.
-- Owned by domain/analytics; nothing else names this schema.

CREATE SCHEMA analytics;

-- A store's day, as the latest event has it that told of it. One that is gone stays as such a row: an older event
-- that comes late finds by it that it has nothing to say any more.
CREATE TABLE analytics.sales_day (
    store_id     text    NOT NULL CONSTRAINT sales_day_store_id_form CHECK (store_id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'),
    day          date    NOT NULL,
    sales        numeric NOT NULL,
    transactions numeric NOT NULL,
    customers    numeric NOT NULL,
    units        numeric NOT NULL,
    discount     numeric NOT NULL,
    -- Nothing is known of it any more.
    is_gone      boolean NOT NULL,
    -- The position of the event that said so.
    as_of        bigint  NOT NULL CONSTRAINT sales_day_as_of CHECK (as_of > 0),
    PRIMARY KEY (store_id, day),
    CONSTRAINT sales_day_gone CHECK (NOT is_gone OR (sales, transactions, customers, units, discount) = (0, 0, 0, 0, 0))
);
-- The days of all stores, those that sold most first, without a look at the table.
CREATE INDEX sales_day_by_sales ON analytics.sales_day (day, sales DESC, store_id)
    INCLUDE (transactions, customers, units, discount) WHERE NOT is_gone;

-- Sums over the days of a week (ISO 8601), by its Monday, and of a month, by its first day. A row is there where a
-- day is. Each is written in the transaction that writes its days, under a lock of the store.
CREATE TABLE analytics.sales_week (
    store_id     text     NOT NULL,
    week         date     NOT NULL CONSTRAINT sales_week_monday CHECK (extract(isodow FROM week) = 1),
    sales        numeric  NOT NULL,
    transactions numeric  NOT NULL,
    customers    numeric  NOT NULL,
    units        numeric  NOT NULL,
    discount     numeric  NOT NULL,
    days         smallint NOT NULL CONSTRAINT sales_week_days CHECK (days BETWEEN 1 AND 7),
    PRIMARY KEY (store_id, week)
);
CREATE INDEX sales_week_by_sales ON analytics.sales_week (week, sales DESC, store_id)
    INCLUDE (transactions, customers, units, discount, days);

CREATE TABLE analytics.sales_month (
    store_id     text     NOT NULL,
    month        date     NOT NULL CONSTRAINT sales_month_first CHECK (extract(day FROM month) = 1),
    sales        numeric  NOT NULL,
    transactions numeric  NOT NULL,
    customers    numeric  NOT NULL,
    units        numeric  NOT NULL,
    discount     numeric  NOT NULL,
    days         smallint NOT NULL CONSTRAINT sales_month_days CHECK (days BETWEEN 1 AND 31),
    PRIMARY KEY (store_id, month)
);
CREATE INDEX sales_month_by_sales ON analytics.sales_month (month, sales DESC, store_id)
    INCLUDE (transactions, customers, units, discount, days);
