// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct MonthByKeyParams<T1: crate::StringSql> {
    pub store_id: T1,
    pub year: i16,
    pub month: i16,
}
#[derive(Debug)]
pub struct MonthLockParams<T1: crate::StringSql> {
    pub store_id: T1,
    pub year: i16,
    pub month: i16,
}
#[derive(Debug)]
pub struct MonthsUpsertParams<
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::ArraySql<Item = i16>,
    T5: crate::ArraySql<Item = i16>,
    T6: crate::StringSql,
    T7: crate::ArraySql<Item = T6>,
> {
    pub ids: T1,
    pub store_ids: T3,
    pub years: T4,
    pub months: T5,
    pub dailies: T7,
    pub merge: bool,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct MonthsDeleteParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::ArraySql<Item = i16>,
    T4: crate::ArraySql<Item = i16>,
> {
    pub store_ids: T2,
    pub years: T3,
    pub months: T4,
}
#[derive(Debug, Clone, PartialEq)]
pub struct MonthByKey {
    pub id: uuid::Uuid,
    pub daily: String,
    pub days: i16,
    pub sales: rust_decimal::Decimal,
    pub transactions: rust_decimal::Decimal,
    pub customers: rust_decimal::Decimal,
    pub units: rust_decimal::Decimal,
    pub discount: rust_decimal::Decimal,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct MonthByKeyBorrowed<'a> {
    pub id: uuid::Uuid,
    pub daily: &'a str,
    pub days: i16,
    pub sales: rust_decimal::Decimal,
    pub transactions: rust_decimal::Decimal,
    pub customers: rust_decimal::Decimal,
    pub units: rust_decimal::Decimal,
    pub discount: rust_decimal::Decimal,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<MonthByKeyBorrowed<'a>> for MonthByKey {
    fn from(
        MonthByKeyBorrowed {
            id,
            daily,
            days,
            sales,
            transactions,
            customers,
            units,
            discount,
            version,
            created_at,
            updated_at,
        }: MonthByKeyBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            daily: daily.into(),
            days,
            sales,
            transactions,
            customers,
            units,
            discount,
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct MonthLock {
    pub id: uuid::Uuid,
    pub daily: String,
    pub days: i16,
    pub sales: rust_decimal::Decimal,
    pub transactions: rust_decimal::Decimal,
    pub customers: rust_decimal::Decimal,
    pub units: rust_decimal::Decimal,
    pub discount: rust_decimal::Decimal,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct MonthLockBorrowed<'a> {
    pub id: uuid::Uuid,
    pub daily: &'a str,
    pub days: i16,
    pub sales: rust_decimal::Decimal,
    pub transactions: rust_decimal::Decimal,
    pub customers: rust_decimal::Decimal,
    pub units: rust_decimal::Decimal,
    pub discount: rust_decimal::Decimal,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<MonthLockBorrowed<'a>> for MonthLock {
    fn from(
        MonthLockBorrowed {
            id,
            daily,
            days,
            sales,
            transactions,
            customers,
            units,
            discount,
            version,
            created_at,
            updated_at,
        }: MonthLockBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            daily: daily.into(),
            days,
            sales,
            transactions,
            customers,
            units,
            discount,
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct MonthsUpsert {
    pub is_known: bool,
    pub written_id: Option<uuid::Uuid>,
    pub created: Option<bool>,
    pub version: Option<i64>,
    pub sales: Option<rust_decimal::Decimal>,
    pub transactions: Option<rust_decimal::Decimal>,
    pub customers: Option<rust_decimal::Decimal>,
    pub units: Option<rust_decimal::Decimal>,
    pub discount: Option<rust_decimal::Decimal>,
    pub before_id: Option<uuid::Uuid>,
    pub before_sales: Option<rust_decimal::Decimal>,
    pub before_transactions: Option<rust_decimal::Decimal>,
    pub before_customers: Option<rust_decimal::Decimal>,
    pub before_units: Option<rust_decimal::Decimal>,
    pub before_discount: Option<rust_decimal::Decimal>,
    pub gone: Option<Vec<String>>,
}
pub struct MonthsUpsertBorrowed<'a> {
    pub is_known: bool,
    pub written_id: Option<uuid::Uuid>,
    pub created: Option<bool>,
    pub version: Option<i64>,
    pub sales: Option<rust_decimal::Decimal>,
    pub transactions: Option<rust_decimal::Decimal>,
    pub customers: Option<rust_decimal::Decimal>,
    pub units: Option<rust_decimal::Decimal>,
    pub discount: Option<rust_decimal::Decimal>,
    pub before_id: Option<uuid::Uuid>,
    pub before_sales: Option<rust_decimal::Decimal>,
    pub before_transactions: Option<rust_decimal::Decimal>,
    pub before_customers: Option<rust_decimal::Decimal>,
    pub before_units: Option<rust_decimal::Decimal>,
    pub before_discount: Option<rust_decimal::Decimal>,
    pub gone: Option<crate::ArrayIterator<'a, &'a str>>,
}
impl<'a> From<MonthsUpsertBorrowed<'a>> for MonthsUpsert {
    fn from(
        MonthsUpsertBorrowed {
            is_known,
            written_id,
            created,
            version,
            sales,
            transactions,
            customers,
            units,
            discount,
            before_id,
            before_sales,
            before_transactions,
            before_customers,
            before_units,
            before_discount,
            gone,
        }: MonthsUpsertBorrowed<'a>,
    ) -> Self {
        Self {
            is_known,
            written_id,
            created,
            version,
            sales,
            transactions,
            customers,
            units,
            discount,
            before_id,
            before_sales,
            before_transactions,
            before_customers,
            before_units,
            before_discount,
            gone: gone.map(|v| v.map(|v| v.into()).collect()),
        }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct MonthsDelete {
    pub id: Option<uuid::Uuid>,
    pub sales: Option<rust_decimal::Decimal>,
    pub transactions: Option<rust_decimal::Decimal>,
    pub customers: Option<rust_decimal::Decimal>,
    pub units: Option<rust_decimal::Decimal>,
    pub discount: Option<rust_decimal::Decimal>,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct MonthByKeyQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<MonthByKeyBorrowed, tokio_postgres::Error>,
    mapper: fn(MonthByKeyBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> MonthByKeyQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(MonthByKeyBorrowed) -> R) -> MonthByKeyQuery<'c, 'a, 's, C, R, N> {
        MonthByKeyQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct MonthLockQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<MonthLockBorrowed, tokio_postgres::Error>,
    mapper: fn(MonthLockBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> MonthLockQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(MonthLockBorrowed) -> R) -> MonthLockQuery<'c, 'a, 's, C, R, N> {
        MonthLockQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct MonthsUpsertQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<MonthsUpsertBorrowed, tokio_postgres::Error>,
    mapper: fn(MonthsUpsertBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> MonthsUpsertQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(MonthsUpsertBorrowed) -> R) -> MonthsUpsertQuery<'c, 'a, 's, C, R, N> {
        MonthsUpsertQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct MonthsDeleteQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<MonthsDelete, tokio_postgres::Error>,
    mapper: fn(MonthsDelete) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> MonthsDeleteQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(MonthsDelete) -> R) -> MonthsDeleteQuery<'c, 'a, 's, C, R, N> {
        MonthsDeleteQuery {
            client: self.client,
            params: self.params,
            query: self.query,
            cached: self.cached,
            extractor: self.extractor,
            mapper,
        }
    }
    pub async fn one(self) -> Result<T, tokio_postgres::Error> {
        let row = crate::client::async_::one(self.client, self.query, &self.params, self.cached).await?;
        Ok((self.mapper)((self.extractor)(&row)?))
    }
    pub async fn all(self) -> Result<Vec<T>, tokio_postgres::Error> {
        self.iter().await?.try_collect().await
    }
    pub async fn opt(self) -> Result<Option<T>, tokio_postgres::Error> {
        let opt_row = crate::client::async_::opt(self.client, self.query, &self.params, self.cached).await?;
        Ok(opt_row
            .map(|row| {
                let extracted = (self.extractor)(&row)?;
                Ok((self.mapper)(extracted))
            })
            .transpose()?)
    }
    pub async fn iter(
        self,
    ) -> Result<impl futures::Stream<Item = Result<T, tokio_postgres::Error>> + 'c, tokio_postgres::Error> {
        let stream =
            crate::client::async_::raw(self.client, self.query, crate::slice_iter(&self.params), self.cached).await?;
        let mapped = stream
            .map(move |res| {
                res.and_then(|row| {
                    let extracted = (self.extractor)(&row)?;
                    Ok((self.mapper)(extracted))
                })
            })
            .into_stream();
        Ok(mapped)
    }
}
pub struct MonthByKeyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn month_by_key() -> MonthByKeyStmt {
    MonthByKeyStmt(
        "SELECT id, daily::text AS daily, days, sales, transactions, customers, units, discount, version, created_at, updated_at FROM sales.month WHERE store_id = $1 AND year = $2 AND month = $3",
        None,
    )
}
impl MonthByKeyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        store_id: &'a T1,
        year: &'a i16,
        month: &'a i16,
    ) -> MonthByKeyQuery<'c, 'a, 's, C, MonthByKey, 3> {
        MonthByKeyQuery {
            client,
            params: [store_id, year, month],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<MonthByKeyBorrowed, tokio_postgres::Error> {
                Ok(MonthByKeyBorrowed {
                    id: row.try_get(0)?,
                    daily: row.try_get(1)?,
                    days: row.try_get(2)?,
                    sales: row.try_get(3)?,
                    transactions: row.try_get(4)?,
                    customers: row.try_get(5)?,
                    units: row.try_get(6)?,
                    discount: row.try_get(7)?,
                    version: row.try_get(8)?,
                    created_at: row.try_get(9)?,
                    updated_at: row.try_get(10)?,
                })
            },
            mapper: |it| MonthByKey::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, MonthByKeyParams<T1>, MonthByKeyQuery<'c, 'a, 's, C, MonthByKey, 3>, C>
    for MonthByKeyStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a MonthByKeyParams<T1>,
    ) -> MonthByKeyQuery<'c, 'a, 's, C, MonthByKey, 3> {
        self.bind(client, &params.store_id, &params.year, &params.month)
    }
}
pub struct MonthLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn month_lock() -> MonthLockStmt {
    MonthLockStmt(
        "SELECT id, daily::text AS daily, days, sales, transactions, customers, units, discount, version, created_at, updated_at FROM sales.month WHERE store_id = $1 AND year = $2 AND month = $3 FOR UPDATE",
        None,
    )
}
impl MonthLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        store_id: &'a T1,
        year: &'a i16,
        month: &'a i16,
    ) -> MonthLockQuery<'c, 'a, 's, C, MonthLock, 3> {
        MonthLockQuery {
            client,
            params: [store_id, year, month],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<MonthLockBorrowed, tokio_postgres::Error> {
                Ok(MonthLockBorrowed {
                    id: row.try_get(0)?,
                    daily: row.try_get(1)?,
                    days: row.try_get(2)?,
                    sales: row.try_get(3)?,
                    transactions: row.try_get(4)?,
                    customers: row.try_get(5)?,
                    units: row.try_get(6)?,
                    discount: row.try_get(7)?,
                    version: row.try_get(8)?,
                    created_at: row.try_get(9)?,
                    updated_at: row.try_get(10)?,
                })
            },
            mapper: |it| MonthLock::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, MonthLockParams<T1>, MonthLockQuery<'c, 'a, 's, C, MonthLock, 3>, C>
    for MonthLockStmt
{
    fn params(&'s self, client: &'c C, params: &'a MonthLockParams<T1>) -> MonthLockQuery<'c, 'a, 's, C, MonthLock, 3> {
        self.bind(client, &params.store_id, &params.year, &params.month)
    }
}
pub struct MonthsUpsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn months_upsert() -> MonthsUpsertStmt {
    MonthsUpsertStmt(
        "WITH input AS MATERIALIZED ( SELECT r.id, r.store_id, r.year, r.month, r.daily::jsonb AS daily, r.number, store.id IS NOT NULL AS is_known FROM unnest($1::uuid[], $2::text[], $3::int2[], $4::int2[], $5::text[]) WITH ORDINALITY AS r (id, store_id, year, month, daily, number) LEFT JOIN sales.store ON store.id = r.store_id ), before AS MATERIALIZED ( SELECT m.id, m.store_id, m.year, m.month, m.sales, m.transactions, m.customers, m.units, m.discount, input.daily AS given, CASE WHEN NOT $6 THEN ARRAY(SELECT jsonb_object_keys(m.daily) EXCEPT SELECT jsonb_object_keys(input.daily)) END AS gone FROM input JOIN sales.month AS m ON (m.store_id, m.year, m.month) = (input.store_id, input.year, input.month) ORDER BY m.store_id, m.year, m.month FOR UPDATE OF m ), updated AS ( UPDATE sales.month AS m SET daily = CASE WHEN $6 THEN m.daily || before.given ELSE before.given END, version = m.version + 1, updated_at = $7 FROM before WHERE m.id = before.id AND m.daily IS DISTINCT FROM CASE WHEN $6 THEN m.daily || before.given ELSE before.given END RETURNING m.id, m.store_id, m.year, m.month, m.version, m.sales, m.transactions, m.customers, m.units, m.discount, false AS created ), inserted AS ( INSERT INTO sales.month AS m (id, store_id, year, month, daily, created_at, updated_at) SELECT input.id, input.store_id, input.year, input.month, input.daily, $7, $7 FROM input LEFT JOIN before USING (store_id, year, month) WHERE before.id IS NULL AND input.is_known ORDER BY input.store_id, input.year, input.month ON CONFLICT ON CONSTRAINT month_key DO NOTHING RETURNING m.id, m.store_id, m.year, m.month, m.version, m.sales, m.transactions, m.customers, m.units, m.discount, true AS created ), written AS ( SELECT * FROM updated UNION ALL SELECT * FROM inserted ) SELECT input.is_known, written.id AS written_id, written.created, written.version, written.sales, written.transactions, written.customers, written.units, written.discount, before.id AS before_id, before.sales AS before_sales, before.transactions AS before_transactions, before.customers AS before_customers, before.units AS before_units, before.discount AS before_discount, before.gone FROM input LEFT JOIN written USING (store_id, year, month) LEFT JOIN before USING (store_id, year, month) ORDER BY input.number",
        None,
    )
}
impl MonthsUpsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::ArraySql<Item = uuid::Uuid>,
        T2: crate::StringSql,
        T3: crate::ArraySql<Item = T2>,
        T4: crate::ArraySql<Item = i16>,
        T5: crate::ArraySql<Item = i16>,
        T6: crate::StringSql,
        T7: crate::ArraySql<Item = T6>,
    >(
        &'s self,
        client: &'c C,
        ids: &'a T1,
        store_ids: &'a T3,
        years: &'a T4,
        months: &'a T5,
        dailies: &'a T7,
        merge: &'a bool,
        now: &'a jiff::Timestamp,
    ) -> MonthsUpsertQuery<'c, 'a, 's, C, MonthsUpsert, 7> {
        MonthsUpsertQuery {
            client,
            params: [ids, store_ids, years, months, dailies, merge, now],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<MonthsUpsertBorrowed, tokio_postgres::Error> {
                Ok(MonthsUpsertBorrowed {
                    is_known: row.try_get(0)?,
                    written_id: row.try_get(1)?,
                    created: row.try_get(2)?,
                    version: row.try_get(3)?,
                    sales: row.try_get(4)?,
                    transactions: row.try_get(5)?,
                    customers: row.try_get(6)?,
                    units: row.try_get(7)?,
                    discount: row.try_get(8)?,
                    before_id: row.try_get(9)?,
                    before_sales: row.try_get(10)?,
                    before_transactions: row.try_get(11)?,
                    before_customers: row.try_get(12)?,
                    before_units: row.try_get(13)?,
                    before_discount: row.try_get(14)?,
                    gone: row.try_get(15)?,
                })
            },
            mapper: |it| MonthsUpsert::from(it),
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::ArraySql<Item = i16>,
    T5: crate::ArraySql<Item = i16>,
    T6: crate::StringSql,
    T7: crate::ArraySql<Item = T6>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        MonthsUpsertParams<T1, T2, T3, T4, T5, T6, T7>,
        MonthsUpsertQuery<'c, 'a, 's, C, MonthsUpsert, 7>,
        C,
    > for MonthsUpsertStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a MonthsUpsertParams<T1, T2, T3, T4, T5, T6, T7>,
    ) -> MonthsUpsertQuery<'c, 'a, 's, C, MonthsUpsert, 7> {
        self.bind(
            client,
            &params.ids,
            &params.store_ids,
            &params.years,
            &params.months,
            &params.dailies,
            &params.merge,
            &params.now,
        )
    }
}
pub struct MonthsDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn months_delete() -> MonthsDeleteStmt {
    MonthsDeleteStmt(
        "WITH input AS MATERIALIZED ( SELECT r.store_id, r.year, r.month, r.number FROM unnest($1::text[], $2::int2[], $3::int2[]) WITH ORDINALITY AS r (store_id, year, month, number) ), locked AS MATERIALIZED ( SELECT m.id FROM input JOIN sales.month AS m ON (m.store_id, m.year, m.month) = (input.store_id, input.year, input.month) ORDER BY m.store_id, m.year, m.month FOR UPDATE OF m ), gone AS ( DELETE FROM sales.month AS m USING locked WHERE m.id = locked.id RETURNING m.id, m.store_id, m.year, m.month, m.sales, m.transactions, m.customers, m.units, m.discount ) SELECT gone.id, gone.sales, gone.transactions, gone.customers, gone.units, gone.discount FROM input LEFT JOIN gone USING (store_id, year, month) ORDER BY input.number",
        None,
    )
}
impl MonthsDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::ArraySql<Item = T1>,
        T3: crate::ArraySql<Item = i16>,
        T4: crate::ArraySql<Item = i16>,
    >(
        &'s self,
        client: &'c C,
        store_ids: &'a T2,
        years: &'a T3,
        months: &'a T4,
    ) -> MonthsDeleteQuery<'c, 'a, 's, C, MonthsDelete, 3> {
        MonthsDeleteQuery {
            client,
            params: [store_ids, years, months],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<MonthsDelete, tokio_postgres::Error> {
                Ok(MonthsDelete {
                    id: row.try_get(0)?,
                    sales: row.try_get(1)?,
                    transactions: row.try_get(2)?,
                    customers: row.try_get(3)?,
                    units: row.try_get(4)?,
                    discount: row.try_get(5)?,
                })
            },
            mapper: |it| MonthsDelete::from(it),
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::ArraySql<Item = i16>,
    T4: crate::ArraySql<Item = i16>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        MonthsDeleteParams<T1, T2, T3, T4>,
        MonthsDeleteQuery<'c, 'a, 's, C, MonthsDelete, 3>,
        C,
    > for MonthsDeleteStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a MonthsDeleteParams<T1, T2, T3, T4>,
    ) -> MonthsDeleteQuery<'c, 'a, 's, C, MonthsDelete, 3> {
        self.bind(client, &params.store_ids, &params.years, &params.months)
    }
}
