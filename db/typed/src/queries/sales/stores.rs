// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct StoreInsertParams<T1: crate::StringSql, T2: crate::StringSql, T3: crate::StringSql, T4: crate::StringSql> {
    pub id: T1,
    pub name: T2,
    pub place: Option<T3>,
    pub status: T4,
    pub business_id: Option<uuid::Uuid>,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct StoreUpdateParams<T1: crate::StringSql, T2: crate::StringSql, T3: crate::StringSql, T4: crate::StringSql> {
    pub name: T1,
    pub place: Option<T2>,
    pub status: T3,
    pub business_id: Option<uuid::Uuid>,
    pub now: jiff::Timestamp,
    pub id: T4,
}
#[derive(Debug)]
pub struct StoresMakeParams<T1: crate::StringSql, T2: crate::ArraySql<Item = T1>> {
    pub now: jiff::Timestamp,
    pub ids: T2,
}
#[derive(Debug, Clone, PartialEq)]
pub struct StoreRow {
    pub id: String,
    pub name: String,
    pub place: Option<String>,
    pub status: String,
    pub business_id: Option<uuid::Uuid>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct StoreRowBorrowed<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub place: Option<&'a str>,
    pub status: &'a str,
    pub business_id: Option<uuid::Uuid>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<StoreRowBorrowed<'a>> for StoreRow {
    fn from(
        StoreRowBorrowed { id, name, place, status, business_id, version, created_at, updated_at }: StoreRowBorrowed<
            'a,
        >,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            place: place.map(|v| v.into()),
            status: status.into(),
            business_id,
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct StoresMake {
    pub id: String,
    pub name: String,
}
pub struct StoresMakeBorrowed<'a> {
    pub id: &'a str,
    pub name: &'a str,
}
impl<'a> From<StoresMakeBorrowed<'a>> for StoresMake {
    fn from(StoresMakeBorrowed { id, name }: StoresMakeBorrowed<'a>) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct StoreRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<StoreRowBorrowed, tokio_postgres::Error>,
    mapper: fn(StoreRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> StoreRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(StoreRowBorrowed) -> R) -> StoreRowQuery<'c, 'a, 's, C, R, N> {
        StoreRowQuery {
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
pub struct StringQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<&str, tokio_postgres::Error>,
    mapper: fn(&str) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> StringQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(&str) -> R) -> StringQuery<'c, 'a, 's, C, R, N> {
        StringQuery {
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
pub struct StoresMakeQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<StoresMakeBorrowed, tokio_postgres::Error>,
    mapper: fn(StoresMakeBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> StoresMakeQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(StoresMakeBorrowed) -> R) -> StoresMakeQuery<'c, 'a, 's, C, R, N> {
        StoresMakeQuery {
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
pub struct StoreByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn store_by_id() -> StoreByIdStmt {
    StoreByIdStmt(
        "SELECT id, name, place, status::text AS status, business_id, version, created_at, updated_at FROM sales.store WHERE id = $1",
        None,
    )
}
impl StoreByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        id: &'a T1,
    ) -> StoreRowQuery<'c, 'a, 's, C, StoreRow, 1> {
        StoreRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<StoreRowBorrowed, tokio_postgres::Error> {
                Ok(StoreRowBorrowed {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    place: row.try_get(2)?,
                    status: row.try_get(3)?,
                    business_id: row.try_get(4)?,
                    version: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                    updated_at: row.try_get(7)?,
                })
            },
            mapper: |it| StoreRow::from(it),
        }
    }
}
pub struct StoreLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn store_lock() -> StoreLockStmt {
    StoreLockStmt(
        "SELECT id, name, place, status::text AS status, business_id, version, created_at, updated_at FROM sales.store WHERE id = $1 FOR UPDATE",
        None,
    )
}
impl StoreLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        id: &'a T1,
    ) -> StoreRowQuery<'c, 'a, 's, C, StoreRow, 1> {
        StoreRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<StoreRowBorrowed, tokio_postgres::Error> {
                Ok(StoreRowBorrowed {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    place: row.try_get(2)?,
                    status: row.try_get(3)?,
                    business_id: row.try_get(4)?,
                    version: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                    updated_at: row.try_get(7)?,
                })
            },
            mapper: |it| StoreRow::from(it),
        }
    }
}
pub struct StoreInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn store_insert() -> StoreInsertStmt {
    StoreInsertStmt(
        "INSERT INTO sales.store (id, name, place, status, business_id, created_at, updated_at) VALUES ($1, $2, $3, $4::text::sales.store_status, $5, $6, $6) ON CONFLICT DO NOTHING",
        None,
    )
}
impl StoreInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::StringSql,
        T3: crate::StringSql,
        T4: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a T1,
        name: &'a T2,
        place: &'a Option<T3>,
        status: &'a T4,
        business_id: &'a Option<uuid::Uuid>,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, name, place, status, business_id, now]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        StoreInsertParams<T1, T2, T3, T4>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for StoreInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a StoreInsertParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.name,
            &params.place,
            &params.status,
            &params.business_id,
            &params.now,
        ))
    }
}
pub struct StoreUpdateStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn store_update() -> StoreUpdateStmt {
    StoreUpdateStmt(
        "UPDATE sales.store SET name = $1, place = $2, status = $3::text::sales.store_status, business_id = $4, version = version + 1, updated_at = $5 WHERE id = $6",
        None,
    )
}
impl StoreUpdateStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::StringSql,
        T2: crate::StringSql,
        T3: crate::StringSql,
        T4: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        name: &'a T1,
        place: &'a Option<T2>,
        status: &'a T3,
        business_id: &'a Option<uuid::Uuid>,
        now: &'a jiff::Timestamp,
        id: &'a T4,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[name, place, status, business_id, now, id]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        StoreUpdateParams<T1, T2, T3, T4>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for StoreUpdateStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a StoreUpdateParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.name,
            &params.place,
            &params.status,
            &params.business_id,
            &params.now,
            &params.id,
        ))
    }
}
pub struct StoreDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn store_delete() -> StoreDeleteStmt {
    StoreDeleteStmt("DELETE FROM sales.store WHERE id = $1", None)
}
impl StoreDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        id: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct StoresKnownStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn stores_known() -> StoresKnownStmt {
    StoresKnownStmt("SELECT id FROM sales.store WHERE id = ANY ($1)", None)
}
impl StoresKnownStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        ids: &'a T2,
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct StoresMakeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn stores_make() -> StoresMakeStmt {
    StoresMakeStmt(
        "INSERT INTO sales.store (id, name, created_at, updated_at) SELECT missing.id, 'Store ' || missing.id, $1, $1 FROM (SELECT DISTINCT unnest($2::text[]) AS id ORDER BY id) AS missing ON CONFLICT DO NOTHING RETURNING id, name",
        None,
    )
}
impl StoresMakeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        ids: &'a T2,
    ) -> StoresMakeQuery<'c, 'a, 's, C, StoresMake, 2> {
        StoresMakeQuery {
            client,
            params: [now, ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<StoresMakeBorrowed, tokio_postgres::Error> {
                Ok(StoresMakeBorrowed { id: row.try_get(0)?, name: row.try_get(1)? })
            },
            mapper: |it| StoresMake::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        StoresMakeParams<T1, T2>,
        StoresMakeQuery<'c, 'a, 's, C, StoresMake, 2>,
        C,
    > for StoresMakeStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a StoresMakeParams<T1, T2>,
    ) -> StoresMakeQuery<'c, 'a, 's, C, StoresMake, 2> {
        self.bind(client, &params.now, &params.ids)
    }
}
