// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct DaysUpsertParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = jiff::civil::Date>,
    T3: crate::ArraySql<Item = rust_decimal::Decimal>,
    T4: crate::ArraySql<Item = rust_decimal::Decimal>,
    T5: crate::ArraySql<Item = rust_decimal::Decimal>,
    T6: crate::ArraySql<Item = rust_decimal::Decimal>,
    T7: crate::ArraySql<Item = rust_decimal::Decimal>,
    T8: crate::ArraySql<Item = bool>,
> {
    pub store_id: T1,
    pub as_of: i64,
    pub days: T2,
    pub sales: T3,
    pub transactions: T4,
    pub customers: T5,
    pub units: T6,
    pub discounts: T7,
    pub are_gone: T8,
}
#[derive(Debug)]
pub struct WeeksDeriveParams<T1: crate::ArraySql<Item = jiff::civil::Date>, T2: crate::StringSql> {
    pub days: T1,
    pub store_id: T2,
}
#[derive(Debug)]
pub struct MonthDeriveParams<T1: crate::StringSql> {
    pub store_id: T1,
    pub first: jiff::civil::Date,
    pub last: jiff::civil::Date,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct JiffCivilDateQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<jiff::civil::Date, tokio_postgres::Error>,
    mapper: fn(jiff::civil::Date) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> JiffCivilDateQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(jiff::civil::Date) -> R) -> JiffCivilDateQuery<'c, 'a, 's, C, R, N> {
        JiffCivilDateQuery {
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
pub struct DaysUpsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn days_upsert() -> DaysUpsertStmt {
    DaysUpsertStmt(
        "INSERT INTO analytics.sales_day AS d (store_id, day, sales, transactions, customers, units, discount, is_gone, as_of) SELECT $1, one.day, one.sales, one.transactions, one.customers, one.units, one.discount, one.is_gone, $2 FROM unnest($3::date[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[], $8::numeric[], $9::bool[]) AS one (day, sales, transactions, customers, units, discount, is_gone) ON CONFLICT (store_id, day) DO UPDATE SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers, units = excluded.units, discount = excluded.discount, is_gone = excluded.is_gone, as_of = excluded.as_of WHERE excluded.as_of > d.as_of RETURNING day",
        None,
    )
}
impl DaysUpsertStmt {
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
        T2: crate::ArraySql<Item = jiff::civil::Date>,
        T3: crate::ArraySql<Item = rust_decimal::Decimal>,
        T4: crate::ArraySql<Item = rust_decimal::Decimal>,
        T5: crate::ArraySql<Item = rust_decimal::Decimal>,
        T6: crate::ArraySql<Item = rust_decimal::Decimal>,
        T7: crate::ArraySql<Item = rust_decimal::Decimal>,
        T8: crate::ArraySql<Item = bool>,
    >(
        &'s self,
        client: &'c C,
        store_id: &'a T1,
        as_of: &'a i64,
        days: &'a T2,
        sales: &'a T3,
        transactions: &'a T4,
        customers: &'a T5,
        units: &'a T6,
        discounts: &'a T7,
        are_gone: &'a T8,
    ) -> JiffCivilDateQuery<'c, 'a, 's, C, jiff::civil::Date, 9> {
        JiffCivilDateQuery {
            client,
            params: [store_id, as_of, days, sales, transactions, customers, units, discounts, are_gone],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = jiff::civil::Date>,
    T3: crate::ArraySql<Item = rust_decimal::Decimal>,
    T4: crate::ArraySql<Item = rust_decimal::Decimal>,
    T5: crate::ArraySql<Item = rust_decimal::Decimal>,
    T6: crate::ArraySql<Item = rust_decimal::Decimal>,
    T7: crate::ArraySql<Item = rust_decimal::Decimal>,
    T8: crate::ArraySql<Item = bool>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        DaysUpsertParams<T1, T2, T3, T4, T5, T6, T7, T8>,
        JiffCivilDateQuery<'c, 'a, 's, C, jiff::civil::Date, 9>,
        C,
    > for DaysUpsertStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a DaysUpsertParams<T1, T2, T3, T4, T5, T6, T7, T8>,
    ) -> JiffCivilDateQuery<'c, 'a, 's, C, jiff::civil::Date, 9> {
        self.bind(
            client,
            &params.store_id,
            &params.as_of,
            &params.days,
            &params.sales,
            &params.transactions,
            &params.customers,
            &params.units,
            &params.discounts,
            &params.are_gone,
        )
    }
}
pub struct WeeksDeriveStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn weeks_derive() -> WeeksDeriveStmt {
    WeeksDeriveStmt(
        "WITH touched AS MATERIALIZED ( SELECT DISTINCT day - (extract(isodow FROM day)::int - 1) AS week FROM unnest($1::date[]) AS one (day) ), derived AS MATERIALIZED ( SELECT touched.week, sum(d.sales) AS sales, sum(d.transactions) AS transactions, sum(d.customers) AS customers, sum(d.units) AS units, sum(d.discount) AS discount, count(*) AS days FROM touched JOIN analytics.sales_day AS d ON d.store_id = $2 AND d.day BETWEEN touched.week AND touched.week + 6 AND NOT d.is_gone GROUP BY touched.week ), gone AS ( DELETE FROM analytics.sales_week AS w USING touched WHERE w.store_id = $2 AND w.week = touched.week AND NOT EXISTS (SELECT FROM derived WHERE derived.week = w.week) ) INSERT INTO analytics.sales_week AS w (store_id, week, sales, transactions, customers, units, discount, days) SELECT $2, week, sales, transactions, customers, units, discount, days FROM derived ON CONFLICT (store_id, week) DO UPDATE SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers, units = excluded.units, discount = excluded.discount, days = excluded.days",
        None,
    )
}
impl WeeksDeriveStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::ArraySql<Item = jiff::civil::Date>,
        T2: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        days: &'a T1,
        store_id: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[days, store_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::ArraySql<Item = jiff::civil::Date>, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        WeeksDeriveParams<T1, T2>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for WeeksDeriveStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a WeeksDeriveParams<T1, T2>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.days, &params.store_id))
    }
}
pub struct MonthDeriveStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn month_derive() -> MonthDeriveStmt {
    MonthDeriveStmt(
        "WITH derived AS MATERIALIZED ( SELECT sum(sales) AS sales, sum(transactions) AS transactions, sum(customers) AS customers, sum(units) AS units, sum(discount) AS discount, count(*) AS days FROM analytics.sales_day WHERE store_id = $1 AND day BETWEEN $2 AND $3 AND NOT is_gone HAVING count(*) > 0 ), gone AS ( DELETE FROM analytics.sales_month AS m WHERE m.store_id = $1 AND m.month = $2 AND NOT EXISTS (SELECT FROM derived) ) INSERT INTO analytics.sales_month AS m (store_id, month, sales, transactions, customers, units, discount, days) SELECT $1, $2, sales, transactions, customers, units, discount, days FROM derived ON CONFLICT (store_id, month) DO UPDATE SET sales = excluded.sales, transactions = excluded.transactions, customers = excluded.customers, units = excluded.units, discount = excluded.discount, days = excluded.days",
        None,
    )
}
impl MonthDeriveStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        store_id: &'a T1,
        first: &'a jiff::civil::Date,
        last: &'a jiff::civil::Date,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[store_id, first, last]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        MonthDeriveParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for MonthDeriveStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a MonthDeriveParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.store_id, &params.first, &params.last))
    }
}
