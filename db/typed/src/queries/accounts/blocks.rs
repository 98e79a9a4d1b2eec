// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct BlockInsertParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub id: uuid::Uuid,
    pub network: T1,
    pub reason: T2,
    pub created_by: Option<uuid::Uuid>,
    pub now: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
}
#[derive(Debug)]
pub struct BlocksBeforeParams<T1: crate::StringSql> {
    pub network: T1,
    pub since: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct BlockLiftParams {
    pub now: jiff::Timestamp,
    pub lifted_by: Option<uuid::Uuid>,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct BlocksInForce {
    pub id: uuid::Uuid,
    pub network: String,
    pub expires_at: jiff::Timestamp,
}
pub struct BlocksInForceBorrowed<'a> {
    pub id: uuid::Uuid,
    pub network: &'a str,
    pub expires_at: jiff::Timestamp,
}
impl<'a> From<BlocksInForceBorrowed<'a>> for BlocksInForce {
    fn from(BlocksInForceBorrowed { id, network, expires_at }: BlocksInForceBorrowed<'a>) -> Self {
        Self { id, network: network.into(), expires_at }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct BlockRow {
    pub id: uuid::Uuid,
    pub network: String,
    pub reason: String,
    pub created_by: Option<uuid::Uuid>,
    pub created_at: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
    pub lifted_at: Option<jiff::Timestamp>,
    pub lifted_by: Option<uuid::Uuid>,
}
pub struct BlockRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub network: &'a str,
    pub reason: &'a str,
    pub created_by: Option<uuid::Uuid>,
    pub created_at: jiff::Timestamp,
    pub expires_at: jiff::Timestamp,
    pub lifted_at: Option<jiff::Timestamp>,
    pub lifted_by: Option<uuid::Uuid>,
}
impl<'a> From<BlockRowBorrowed<'a>> for BlockRow {
    fn from(
        BlockRowBorrowed {
            id,
            network,
            reason,
            created_by,
            created_at,
            expires_at,
            lifted_at,
            lifted_by,
        }: BlockRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            network: network.into(),
            reason: reason.into(),
            created_by,
            created_at,
            expires_at,
            lifted_at,
            lifted_by,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct BlocksInForceQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<BlocksInForceBorrowed, tokio_postgres::Error>,
    mapper: fn(BlocksInForceBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> BlocksInForceQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(BlocksInForceBorrowed) -> R) -> BlocksInForceQuery<'c, 'a, 's, C, R, N> {
        BlocksInForceQuery {
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
pub struct I64Query<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<i64, tokio_postgres::Error>,
    mapper: fn(i64) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> I64Query<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(i64) -> R) -> I64Query<'c, 'a, 's, C, R, N> {
        I64Query {
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
pub struct BlockRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<BlockRowBorrowed, tokio_postgres::Error>,
    mapper: fn(BlockRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> BlockRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(BlockRowBorrowed) -> R) -> BlockRowQuery<'c, 'a, 's, C, R, N> {
        BlockRowQuery {
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
pub struct BlockInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn block_insert() -> BlockInsertStmt {
    BlockInsertStmt(
        "INSERT INTO accounts.block (id, network, reason, created_by, created_at, expires_at) VALUES ($1, $2::text::cidr, $3, $4, $5, $6)",
        None,
    )
}
impl BlockInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        network: &'a T1,
        reason: &'a T2,
        created_by: &'a Option<uuid::Uuid>,
        now: &'a jiff::Timestamp,
        expires_at: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, network, reason, created_by, now, expires_at]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        BlockInsertParams<T1, T2>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for BlockInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a BlockInsertParams<T1, T2>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.network,
            &params.reason,
            &params.created_by,
            &params.now,
            &params.expires_at,
        ))
    }
}
pub struct BlocksInForceStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn blocks_in_force() -> BlocksInForceStmt {
    BlocksInForceStmt(
        "SELECT id, network::text AS network, expires_at FROM accounts.block WHERE lifted_at IS NULL AND expires_at > $1 ORDER BY expires_at DESC LIMIT 100000",
        None,
    )
}
impl BlocksInForceStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
    ) -> BlocksInForceQuery<'c, 'a, 's, C, BlocksInForce, 1> {
        BlocksInForceQuery {
            client,
            params: [now],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<BlocksInForceBorrowed, tokio_postgres::Error> {
                Ok(BlocksInForceBorrowed { id: row.try_get(0)?, network: row.try_get(1)?, expires_at: row.try_get(2)? })
            },
            mapper: |it| BlocksInForce::from(it),
        }
    }
}
pub struct BlocksBeforeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn blocks_before() -> BlocksBeforeStmt {
    BlocksBeforeStmt("SELECT count(*) FROM accounts.block WHERE network = $1::text::cidr AND created_at > $2", None)
}
impl BlocksBeforeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        network: &'a T1,
        since: &'a jiff::Timestamp,
    ) -> I64Query<'c, 'a, 's, C, i64, 2> {
        I64Query {
            client,
            params: [network, since],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, BlocksBeforeParams<T1>, I64Query<'c, 'a, 's, C, i64, 2>, C>
    for BlocksBeforeStmt
{
    fn params(&'s self, client: &'c C, params: &'a BlocksBeforeParams<T1>) -> I64Query<'c, 'a, 's, C, i64, 2> {
        self.bind(client, &params.network, &params.since)
    }
}
pub struct BlockByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn block_by_id() -> BlockByIdStmt {
    BlockByIdStmt(
        "SELECT id, network::text AS network, reason, created_by, created_at, expires_at, lifted_at, lifted_by FROM accounts.block WHERE id = $1",
        None,
    )
}
impl BlockByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> BlockRowQuery<'c, 'a, 's, C, BlockRow, 1> {
        BlockRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<BlockRowBorrowed, tokio_postgres::Error> {
                Ok(BlockRowBorrowed {
                    id: row.try_get(0)?,
                    network: row.try_get(1)?,
                    reason: row.try_get(2)?,
                    created_by: row.try_get(3)?,
                    created_at: row.try_get(4)?,
                    expires_at: row.try_get(5)?,
                    lifted_at: row.try_get(6)?,
                    lifted_by: row.try_get(7)?,
                })
            },
            mapper: |it| BlockRow::from(it),
        }
    }
}
pub struct BlockLiftStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn block_lift() -> BlockLiftStmt {
    BlockLiftStmt(
        "UPDATE accounts.block SET lifted_at = $1, lifted_by = $2 WHERE id = $3 AND lifted_at IS NULL AND expires_at > $1",
        None,
    )
}
impl BlockLiftStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        lifted_by: &'a Option<uuid::Uuid>,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, lifted_by, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        BlockLiftParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for BlockLiftStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a BlockLiftParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.lifted_by, &params.id))
    }
}
