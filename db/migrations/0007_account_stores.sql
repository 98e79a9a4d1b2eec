-- Accounts: people who are tied to stores. Owned by domain/accounts.

-- The ids of the stores whose figures the person may see and write. Null: tied to none, so that the role
-- alone decides. An empty list: tied, and to nothing (yet).
ALTER TABLE accounts.person
    ADD COLUMN stores text[] CONSTRAINT person_stores_number CHECK (cardinality(stores) <= 500);
