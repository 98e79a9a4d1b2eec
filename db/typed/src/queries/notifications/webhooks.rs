// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct WebhookInsertParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub owner: uuid::Uuid,
    pub url: T1,
    pub topics: T3,
    pub description: T4,
    pub secret: T5,
    pub is_enabled: bool,
    pub now: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct WebhookListParams {
    pub owner: Option<uuid::Uuid>,
    pub below: Option<uuid::Uuid>,
    pub at_most: i64,
    pub skipped: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct WebhookByIdParams {
    pub id: uuid::Uuid,
    pub owner: Option<uuid::Uuid>,
}
#[derive(Clone, Copy, Debug)]
pub struct WebhookLockParams {
    pub id: uuid::Uuid,
    pub owner: Option<uuid::Uuid>,
}
#[derive(Debug)]
pub struct WebhookUpdateParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::StringSql,
    T7: crate::StringSql,
> {
    pub url: T1,
    pub topics: T3,
    pub description: T4,
    pub secret: T5,
    pub old_secret: Option<T6>,
    pub old_secret_until: Option<jiff::Timestamp>,
    pub is_enabled: bool,
    pub disabled_reason: Option<T7>,
    pub failures: i32,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct DeliveryInsertParams<T1: crate::StringSql, T2: crate::StringSql, T3: crate::JsonSql> {
    pub id: uuid::Uuid,
    pub webhook_id: uuid::Uuid,
    pub event: T1,
    pub topic: T2,
    pub body: T3,
    pub now: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct DeliveryByIdParams {
    pub id: uuid::Uuid,
    pub webhook_id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct DeliveryListParams {
    pub webhook_id: uuid::Uuid,
    pub below: Option<uuid::Uuid>,
    pub at_most: i64,
    pub skipped: i64,
}
#[derive(Debug)]
pub struct DeliveryTriedParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub status: T1,
    pub http_status: Option<i32>,
    pub error: Option<T2>,
    pub finished_at: Option<jiff::Timestamp>,
    pub id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct DeliveryAgainParams {
    pub id: uuid::Uuid,
    pub is_given_up: bool,
}
#[derive(Clone, Copy, Debug)]
pub struct DeliveriesForgetParams {
    pub before: jiff::Timestamp,
    pub at_most: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookRow {
    pub id: uuid::Uuid,
    pub owner: uuid::Uuid,
    pub url: String,
    pub topics: Vec<String>,
    pub description: String,
    pub secret: String,
    pub old_secret: Option<String>,
    pub old_secret_until: Option<jiff::Timestamp>,
    pub is_enabled: bool,
    pub disabled_reason: Option<String>,
    pub failures: i32,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct WebhookRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub owner: uuid::Uuid,
    pub url: &'a str,
    pub topics: crate::ArrayIterator<'a, &'a str>,
    pub description: &'a str,
    pub secret: &'a str,
    pub old_secret: Option<&'a str>,
    pub old_secret_until: Option<jiff::Timestamp>,
    pub is_enabled: bool,
    pub disabled_reason: Option<&'a str>,
    pub failures: i32,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<WebhookRowBorrowed<'a>> for WebhookRow {
    fn from(
        WebhookRowBorrowed {
            id,
            owner,
            url,
            topics,
            description,
            secret,
            old_secret,
            old_secret_until,
            is_enabled,
            disabled_reason,
            failures,
            version,
            created_at,
            updated_at,
        }: WebhookRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            owner,
            url: url.into(),
            topics: topics.map(|v| v.into()).collect(),
            description: description.into(),
            secret: secret.into(),
            old_secret: old_secret.map(|v| v.into()),
            old_secret_until,
            is_enabled,
            disabled_reason: disabled_reason.map(|v| v.into()),
            failures,
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct WebhooksEnabled {
    pub id: uuid::Uuid,
    pub topics: Vec<String>,
}
pub struct WebhooksEnabledBorrowed<'a> {
    pub id: uuid::Uuid,
    pub topics: crate::ArrayIterator<'a, &'a str>,
}
impl<'a> From<WebhooksEnabledBorrowed<'a>> for WebhooksEnabled {
    fn from(WebhooksEnabledBorrowed { id, topics }: WebhooksEnabledBorrowed<'a>) -> Self {
        Self { id, topics: topics.map(|v| v.into()).collect() }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    pub id: uuid::Uuid,
    pub webhook_id: uuid::Uuid,
    pub event: String,
    pub topic: String,
    pub body: serde_json::Value,
    pub status: String,
    pub attempts: i32,
    pub http_status: Option<i32>,
    pub error: Option<String>,
    pub created_at: jiff::Timestamp,
    pub finished_at: Option<jiff::Timestamp>,
}
pub struct DeliveryRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub webhook_id: uuid::Uuid,
    pub event: &'a str,
    pub topic: &'a str,
    pub body: postgres_types::Json<&'a serde_json::value::RawValue>,
    pub status: &'a str,
    pub attempts: i32,
    pub http_status: Option<i32>,
    pub error: Option<&'a str>,
    pub created_at: jiff::Timestamp,
    pub finished_at: Option<jiff::Timestamp>,
}
impl<'a> From<DeliveryRowBorrowed<'a>> for DeliveryRow {
    fn from(
        DeliveryRowBorrowed {
            id,
            webhook_id,
            event,
            topic,
            body,
            status,
            attempts,
            http_status,
            error,
            created_at,
            finished_at,
        }: DeliveryRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            webhook_id,
            event: event.into(),
            topic: topic.into(),
            body: serde_json::from_str(body.0.get()).unwrap(),
            status: status.into(),
            attempts,
            http_status,
            error: error.map(|v| v.into()),
            created_at,
            finished_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
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
pub struct WebhookRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<WebhookRowBorrowed, tokio_postgres::Error>,
    mapper: fn(WebhookRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> WebhookRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(WebhookRowBorrowed) -> R) -> WebhookRowQuery<'c, 'a, 's, C, R, N> {
        WebhookRowQuery {
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
pub struct WebhooksEnabledQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<WebhooksEnabledBorrowed, tokio_postgres::Error>,
    mapper: fn(WebhooksEnabledBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> WebhooksEnabledQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(WebhooksEnabledBorrowed) -> R) -> WebhooksEnabledQuery<'c, 'a, 's, C, R, N> {
        WebhooksEnabledQuery {
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
pub struct I32Query<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<i32, tokio_postgres::Error>,
    mapper: fn(i32) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> I32Query<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(i32) -> R) -> I32Query<'c, 'a, 's, C, R, N> {
        I32Query {
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
pub struct DeliveryRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<DeliveryRowBorrowed, tokio_postgres::Error>,
    mapper: fn(DeliveryRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> DeliveryRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(DeliveryRowBorrowed) -> R) -> DeliveryRowQuery<'c, 'a, 's, C, R, N> {
        DeliveryRowQuery {
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
pub struct WebhookInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_insert() -> WebhookInsertStmt {
    WebhookInsertStmt(
        "INSERT INTO notifications.webhook (id, owner, url, topics, description, secret, is_enabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        None,
    )
}
impl WebhookInsertStmt {
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
        T3: crate::ArraySql<Item = T2>,
        T4: crate::StringSql,
        T5: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        owner: &'a uuid::Uuid,
        url: &'a T1,
        topics: &'a T3,
        description: &'a T4,
        secret: &'a T5,
        is_enabled: &'a bool,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, owner, url, topics, description, secret, is_enabled, now]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        WebhookInsertParams<T1, T2, T3, T4, T5>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for WebhookInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a WebhookInsertParams<T1, T2, T3, T4, T5>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.owner,
            &params.url,
            &params.topics,
            &params.description,
            &params.secret,
            &params.is_enabled,
            &params.now,
        ))
    }
}
pub struct WebhookCountStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_count() -> WebhookCountStmt {
    WebhookCountStmt("SELECT count(*) FROM notifications.webhook WHERE owner = $1", None)
}
impl WebhookCountStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        owner: &'a uuid::Uuid,
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [owner],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct WebhookListStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_list() -> WebhookListStmt {
    WebhookListStmt(
        "SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason, failures, version, created_at, updated_at FROM notifications.webhook WHERE ($1::uuid IS NULL OR owner = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4",
        None,
    )
}
impl WebhookListStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        owner: &'a Option<uuid::Uuid>,
        below: &'a Option<uuid::Uuid>,
        at_most: &'a i64,
        skipped: &'a i64,
    ) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 4> {
        WebhookRowQuery {
            client,
            params: [owner, below, at_most, skipped],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<WebhookRowBorrowed, tokio_postgres::Error> {
                Ok(WebhookRowBorrowed {
                    id: row.try_get(0)?,
                    owner: row.try_get(1)?,
                    url: row.try_get(2)?,
                    topics: row.try_get(3)?,
                    description: row.try_get(4)?,
                    secret: row.try_get(5)?,
                    old_secret: row.try_get(6)?,
                    old_secret_until: row.try_get(7)?,
                    is_enabled: row.try_get(8)?,
                    disabled_reason: row.try_get(9)?,
                    failures: row.try_get(10)?,
                    version: row.try_get(11)?,
                    created_at: row.try_get(12)?,
                    updated_at: row.try_get(13)?,
                })
            },
            mapper: |it| WebhookRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, WebhookListParams, WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 4>, C>
    for WebhookListStmt
{
    fn params(&'s self, client: &'c C, params: &'a WebhookListParams) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 4> {
        self.bind(client, &params.owner, &params.below, &params.at_most, &params.skipped)
    }
}
pub struct WebhooksEnabledStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhooks_enabled() -> WebhooksEnabledStmt {
    WebhooksEnabledStmt("SELECT id, topics FROM notifications.webhook WHERE is_enabled ORDER BY id LIMIT 10000", None)
}
impl WebhooksEnabledStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
    ) -> WebhooksEnabledQuery<'c, 'a, 's, C, WebhooksEnabled, 0> {
        WebhooksEnabledQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<WebhooksEnabledBorrowed, tokio_postgres::Error> {
                Ok(WebhooksEnabledBorrowed { id: row.try_get(0)?, topics: row.try_get(1)? })
            },
            mapper: |it| WebhooksEnabled::from(it),
        }
    }
}
pub struct WebhookByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_by_id() -> WebhookByIdStmt {
    WebhookByIdStmt(
        "SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason, failures, version, created_at, updated_at FROM notifications.webhook WHERE id = $1 AND ($2::uuid IS NULL OR owner = $2)",
        None,
    )
}
impl WebhookByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        owner: &'a Option<uuid::Uuid>,
    ) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2> {
        WebhookRowQuery {
            client,
            params: [id, owner],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<WebhookRowBorrowed, tokio_postgres::Error> {
                Ok(WebhookRowBorrowed {
                    id: row.try_get(0)?,
                    owner: row.try_get(1)?,
                    url: row.try_get(2)?,
                    topics: row.try_get(3)?,
                    description: row.try_get(4)?,
                    secret: row.try_get(5)?,
                    old_secret: row.try_get(6)?,
                    old_secret_until: row.try_get(7)?,
                    is_enabled: row.try_get(8)?,
                    disabled_reason: row.try_get(9)?,
                    failures: row.try_get(10)?,
                    version: row.try_get(11)?,
                    created_at: row.try_get(12)?,
                    updated_at: row.try_get(13)?,
                })
            },
            mapper: |it| WebhookRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, WebhookByIdParams, WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2>, C>
    for WebhookByIdStmt
{
    fn params(&'s self, client: &'c C, params: &'a WebhookByIdParams) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2> {
        self.bind(client, &params.id, &params.owner)
    }
}
pub struct WebhookLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_lock() -> WebhookLockStmt {
    WebhookLockStmt(
        "SELECT id, owner, url, topics, description, secret, old_secret, old_secret_until, is_enabled, disabled_reason, failures, version, created_at, updated_at FROM notifications.webhook WHERE id = $1 AND ($2::uuid IS NULL OR owner = $2) FOR UPDATE",
        None,
    )
}
impl WebhookLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        owner: &'a Option<uuid::Uuid>,
    ) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2> {
        WebhookRowQuery {
            client,
            params: [id, owner],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<WebhookRowBorrowed, tokio_postgres::Error> {
                Ok(WebhookRowBorrowed {
                    id: row.try_get(0)?,
                    owner: row.try_get(1)?,
                    url: row.try_get(2)?,
                    topics: row.try_get(3)?,
                    description: row.try_get(4)?,
                    secret: row.try_get(5)?,
                    old_secret: row.try_get(6)?,
                    old_secret_until: row.try_get(7)?,
                    is_enabled: row.try_get(8)?,
                    disabled_reason: row.try_get(9)?,
                    failures: row.try_get(10)?,
                    version: row.try_get(11)?,
                    created_at: row.try_get(12)?,
                    updated_at: row.try_get(13)?,
                })
            },
            mapper: |it| WebhookRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, WebhookLockParams, WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2>, C>
    for WebhookLockStmt
{
    fn params(&'s self, client: &'c C, params: &'a WebhookLockParams) -> WebhookRowQuery<'c, 'a, 's, C, WebhookRow, 2> {
        self.bind(client, &params.id, &params.owner)
    }
}
pub struct WebhookUpdateStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_update() -> WebhookUpdateStmt {
    WebhookUpdateStmt(
        "UPDATE notifications.webhook SET url = $1, topics = $2, description = $3, secret = $4, old_secret = $5, old_secret_until = $6, is_enabled = $7, disabled_reason = $8, failures = $9, version = version + 1, updated_at = $10 WHERE id = $11",
        None,
    )
}
impl WebhookUpdateStmt {
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
        T3: crate::ArraySql<Item = T2>,
        T4: crate::StringSql,
        T5: crate::StringSql,
        T6: crate::StringSql,
        T7: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        url: &'a T1,
        topics: &'a T3,
        description: &'a T4,
        secret: &'a T5,
        old_secret: &'a Option<T6>,
        old_secret_until: &'a Option<jiff::Timestamp>,
        is_enabled: &'a bool,
        disabled_reason: &'a Option<T7>,
        failures: &'a i32,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client
            .execute(
                self.0,
                &[
                    url,
                    topics,
                    description,
                    secret,
                    old_secret,
                    old_secret_until,
                    is_enabled,
                    disabled_reason,
                    failures,
                    now,
                    id,
                ],
            )
            .await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
    T4: crate::StringSql,
    T5: crate::StringSql,
    T6: crate::StringSql,
    T7: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        WebhookUpdateParams<T1, T2, T3, T4, T5, T6, T7>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for WebhookUpdateStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a WebhookUpdateParams<T1, T2, T3, T4, T5, T6, T7>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.url,
            &params.topics,
            &params.description,
            &params.secret,
            &params.old_secret,
            &params.old_secret_until,
            &params.is_enabled,
            &params.disabled_reason,
            &params.failures,
            &params.now,
            &params.id,
        ))
    }
}
pub struct WebhookArrivedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_arrived() -> WebhookArrivedStmt {
    WebhookArrivedStmt("UPDATE notifications.webhook SET failures = 0 WHERE id = $1 AND failures > 0", None)
}
impl WebhookArrivedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct WebhookFailedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_failed() -> WebhookFailedStmt {
    WebhookFailedStmt("UPDATE notifications.webhook SET failures = failures + 1 WHERE id = $1 RETURNING failures", None)
}
impl WebhookFailedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> I32Query<'c, 'a, 's, C, i32, 1> {
        I32Query {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct WebhookDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn webhook_delete() -> WebhookDeleteStmt {
    WebhookDeleteStmt("DELETE FROM notifications.webhook WHERE id = $1", None)
}
impl WebhookDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id]).await
    }
}
pub struct DeliveryInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn delivery_insert() -> DeliveryInsertStmt {
    DeliveryInsertStmt(
        "INSERT INTO notifications.delivery (id, webhook_id, event, topic, body, status, created_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6)",
        None,
    )
}
impl DeliveryInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql, T3: crate::JsonSql>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        webhook_id: &'a uuid::Uuid,
        event: &'a T1,
        topic: &'a T2,
        body: &'a T3,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, webhook_id, event, topic, body, now]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql, T3: crate::JsonSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        DeliveryInsertParams<T1, T2, T3>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for DeliveryInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a DeliveryInsertParams<T1, T2, T3>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.webhook_id,
            &params.event,
            &params.topic,
            &params.body,
            &params.now,
        ))
    }
}
pub struct DeliveryByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn delivery_by_id() -> DeliveryByIdStmt {
    DeliveryByIdStmt(
        "SELECT id, webhook_id, event, topic, body, status, attempts, http_status, error, created_at, finished_at FROM notifications.delivery WHERE id = $1 AND webhook_id = $2",
        None,
    )
}
impl DeliveryByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        webhook_id: &'a uuid::Uuid,
    ) -> DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 2> {
        DeliveryRowQuery {
            client,
            params: [id, webhook_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<DeliveryRowBorrowed, tokio_postgres::Error> {
                Ok(DeliveryRowBorrowed {
                    id: row.try_get(0)?,
                    webhook_id: row.try_get(1)?,
                    event: row.try_get(2)?,
                    topic: row.try_get(3)?,
                    body: row.try_get(4)?,
                    status: row.try_get(5)?,
                    attempts: row.try_get(6)?,
                    http_status: row.try_get(7)?,
                    error: row.try_get(8)?,
                    created_at: row.try_get(9)?,
                    finished_at: row.try_get(10)?,
                })
            },
            mapper: |it| DeliveryRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, DeliveryByIdParams, DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 2>, C>
    for DeliveryByIdStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a DeliveryByIdParams,
    ) -> DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 2> {
        self.bind(client, &params.id, &params.webhook_id)
    }
}
pub struct DeliveryListStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn delivery_list() -> DeliveryListStmt {
    DeliveryListStmt(
        "SELECT id, webhook_id, event, topic, body, status, attempts, http_status, error, created_at, finished_at FROM notifications.delivery WHERE webhook_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4",
        None,
    )
}
impl DeliveryListStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        webhook_id: &'a uuid::Uuid,
        below: &'a Option<uuid::Uuid>,
        at_most: &'a i64,
        skipped: &'a i64,
    ) -> DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 4> {
        DeliveryRowQuery {
            client,
            params: [webhook_id, below, at_most, skipped],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<DeliveryRowBorrowed, tokio_postgres::Error> {
                Ok(DeliveryRowBorrowed {
                    id: row.try_get(0)?,
                    webhook_id: row.try_get(1)?,
                    event: row.try_get(2)?,
                    topic: row.try_get(3)?,
                    body: row.try_get(4)?,
                    status: row.try_get(5)?,
                    attempts: row.try_get(6)?,
                    http_status: row.try_get(7)?,
                    error: row.try_get(8)?,
                    created_at: row.try_get(9)?,
                    finished_at: row.try_get(10)?,
                })
            },
            mapper: |it| DeliveryRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, DeliveryListParams, DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 4>, C>
    for DeliveryListStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a DeliveryListParams,
    ) -> DeliveryRowQuery<'c, 'a, 's, C, DeliveryRow, 4> {
        self.bind(client, &params.webhook_id, &params.below, &params.at_most, &params.skipped)
    }
}
pub struct DeliveryTriedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn delivery_tried() -> DeliveryTriedStmt {
    DeliveryTriedStmt(
        "UPDATE notifications.delivery SET status = $1, attempts = attempts + 1, http_status = $2, error = $3, finished_at = $4 WHERE id = $5",
        None,
    )
}
impl DeliveryTriedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        status: &'a T1,
        http_status: &'a Option<i32>,
        error: &'a Option<T2>,
        finished_at: &'a Option<jiff::Timestamp>,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[status, http_status, error, finished_at, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        DeliveryTriedParams<T1, T2>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for DeliveryTriedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a DeliveryTriedParams<T1, T2>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.status, &params.http_status, &params.error, &params.finished_at, &params.id))
    }
}
pub struct DeliveryAgainStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn delivery_again() -> DeliveryAgainStmt {
    DeliveryAgainStmt(
        "UPDATE notifications.delivery SET status = 'pending', http_status = NULL, error = NULL, finished_at = NULL WHERE id = $1 AND (status <> 'pending' OR $2)",
        None,
    )
}
impl DeliveryAgainStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        is_given_up: &'a bool,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id, is_given_up]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        DeliveryAgainParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for DeliveryAgainStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a DeliveryAgainParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.id, &params.is_given_up))
    }
}
pub struct DeliveriesForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn deliveries_forget() -> DeliveriesForgetStmt {
    DeliveriesForgetStmt(
        "DELETE FROM notifications.delivery WHERE id IN ( SELECT id FROM notifications.delivery WHERE created_at < $1 AND status <> 'pending' ORDER BY created_at LIMIT $2 )",
        None,
    )
}
impl DeliveriesForgetStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
        at_most: &'a i64,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[before, at_most]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        DeliveriesForgetParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for DeliveriesForgetStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a DeliveriesForgetParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.before, &params.at_most))
    }
}
