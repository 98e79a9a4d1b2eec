-- Names are in one order everywhere, whatever the database's locale is: people's (Unicode's, as titles are), and codes
-- in that of their characters.

ALTER TABLE sales.store ALTER COLUMN name TYPE text COLLATE "und-x-icu";
ALTER TABLE catalog.category ALTER COLUMN name TYPE text COLLATE "und-x-icu";
ALTER TABLE catalog.product ALTER COLUMN brand TYPE text COLLATE "und-x-icu";

ALTER TABLE sales.store ALTER COLUMN id TYPE text COLLATE "C";
ALTER TABLE sales.month ALTER COLUMN store_id TYPE text COLLATE "C";

ALTER TABLE analytics.sales_day ALTER COLUMN store_id TYPE text COLLATE "C";
ALTER TABLE analytics.sales_week ALTER COLUMN store_id TYPE text COLLATE "C";
ALTER TABLE analytics.sales_month ALTER COLUMN store_id TYPE text COLLATE "C";
