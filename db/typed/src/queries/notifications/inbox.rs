// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct NotificationInsertParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
    pub kind: T1,
    pub title: T2,
    pub body: T3,
    pub link: Option<T4>,
    pub now: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationListParams {
    pub person_id: uuid::Uuid,
    pub below: Option<uuid::Uuid>,
    pub at_most: i64,
    pub skipped: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationListUnreadParams {
    pub person_id: uuid::Uuid,
    pub below: Option<uuid::Uuid>,
    pub at_most: i64,
    pub skipped: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationsUnreadParams {
    pub person_id: uuid::Uuid,
    pub at_most: i64,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationReadParams {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationsReadAllParams {
    pub now: jiff::Timestamp,
    pub person_id: uuid::Uuid,
    pub up_to: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationDeleteParams {
    pub id: uuid::Uuid,
    pub person_id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct NotificationsForgetParams {
    pub before: jiff::Timestamp,
    pub at_most: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationRow {
    pub id: uuid::Uuid,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub link: Option<String>,
    pub created_at: jiff::Timestamp,
    pub read_at: Option<jiff::Timestamp>,
}
pub struct NotificationRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub kind: &'a str,
    pub title: &'a str,
    pub body: &'a str,
    pub link: Option<&'a str>,
    pub created_at: jiff::Timestamp,
    pub read_at: Option<jiff::Timestamp>,
}
impl<'a> From<NotificationRowBorrowed<'a>> for NotificationRow {
    fn from(
        NotificationRowBorrowed { id, kind, title, body, link, created_at, read_at }: NotificationRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            kind: kind.into(),
            title: title.into(),
            body: body.into(),
            link: link.map(|v| v.into()),
            created_at,
            read_at,
        }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct NotificationRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<NotificationRowBorrowed, tokio_postgres::Error>,
    mapper: fn(NotificationRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> NotificationRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(NotificationRowBorrowed) -> R) -> NotificationRowQuery<'c, 'a, 's, C, R, N> {
        NotificationRowQuery {
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
pub struct NotificationInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notification_insert() -> NotificationInsertStmt {
    NotificationInsertStmt(
        "INSERT INTO notifications.notification (id, person_id, kind, title, body, link, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        None,
    )
}
impl NotificationInsertStmt {
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
        id: &'a uuid::Uuid,
        person_id: &'a uuid::Uuid,
        kind: &'a T1,
        title: &'a T2,
        body: &'a T3,
        link: &'a Option<T4>,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, person_id, kind, title, body, link, now]).await
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
        NotificationInsertParams<T1, T2, T3, T4>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for NotificationInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a NotificationInsertParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.person_id,
            &params.kind,
            &params.title,
            &params.body,
            &params.link,
            &params.now,
        ))
    }
}
pub struct NotificationListStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notification_list() -> NotificationListStmt {
    NotificationListStmt(
        "SELECT id, kind, title, body, link, created_at, read_at FROM notifications.notification WHERE person_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4",
        None,
    )
}
impl NotificationListStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        below: &'a Option<uuid::Uuid>,
        at_most: &'a i64,
        skipped: &'a i64,
    ) -> NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4> {
        NotificationRowQuery {
            client,
            params: [person_id, below, at_most, skipped],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<NotificationRowBorrowed, tokio_postgres::Error> {
                Ok(NotificationRowBorrowed {
                    id: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    title: row.try_get(2)?,
                    body: row.try_get(3)?,
                    link: row.try_get(4)?,
                    created_at: row.try_get(5)?,
                    read_at: row.try_get(6)?,
                })
            },
            mapper: |it| NotificationRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        NotificationListParams,
        NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4>,
        C,
    > for NotificationListStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a NotificationListParams,
    ) -> NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4> {
        self.bind(client, &params.person_id, &params.below, &params.at_most, &params.skipped)
    }
}
pub struct NotificationListUnreadStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notification_list_unread() -> NotificationListUnreadStmt {
    NotificationListUnreadStmt(
        "SELECT id, kind, title, body, link, created_at, read_at FROM notifications.notification WHERE person_id = $1 AND read_at IS NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3 OFFSET $4",
        None,
    )
}
impl NotificationListUnreadStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        below: &'a Option<uuid::Uuid>,
        at_most: &'a i64,
        skipped: &'a i64,
    ) -> NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4> {
        NotificationRowQuery {
            client,
            params: [person_id, below, at_most, skipped],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<NotificationRowBorrowed, tokio_postgres::Error> {
                Ok(NotificationRowBorrowed {
                    id: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    title: row.try_get(2)?,
                    body: row.try_get(3)?,
                    link: row.try_get(4)?,
                    created_at: row.try_get(5)?,
                    read_at: row.try_get(6)?,
                })
            },
            mapper: |it| NotificationRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        NotificationListUnreadParams,
        NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4>,
        C,
    > for NotificationListUnreadStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a NotificationListUnreadParams,
    ) -> NotificationRowQuery<'c, 'a, 's, C, NotificationRow, 4> {
        self.bind(client, &params.person_id, &params.below, &params.at_most, &params.skipped)
    }
}
pub struct NotificationsUnreadStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notifications_unread() -> NotificationsUnreadStmt {
    NotificationsUnreadStmt(
        "SELECT count(*) FROM ( SELECT FROM notifications.notification WHERE person_id = $1 AND read_at IS NULL LIMIT $2 ) AS unread",
        None,
    )
}
impl NotificationsUnreadStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        person_id: &'a uuid::Uuid,
        at_most: &'a i64,
    ) -> I64Query<'c, 'a, 's, C, i64, 2> {
        I64Query {
            client,
            params: [person_id, at_most],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, NotificationsUnreadParams, I64Query<'c, 'a, 's, C, i64, 2>, C>
    for NotificationsUnreadStmt
{
    fn params(&'s self, client: &'c C, params: &'a NotificationsUnreadParams) -> I64Query<'c, 'a, 's, C, i64, 2> {
        self.bind(client, &params.person_id, &params.at_most)
    }
}
pub struct NotificationReadStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notification_read() -> NotificationReadStmt {
    NotificationReadStmt(
        "UPDATE notifications.notification SET read_at = coalesce(read_at, $1) WHERE id = $2 AND person_id = $3",
        None,
    )
}
impl NotificationReadStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
        person_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, id, person_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        NotificationReadParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for NotificationReadStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a NotificationReadParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id, &params.person_id))
    }
}
pub struct NotificationsReadAllStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notifications_read_all() -> NotificationsReadAllStmt {
    NotificationsReadAllStmt(
        "UPDATE notifications.notification SET read_at = $1 WHERE person_id = $2 AND read_at IS NULL AND id <= $3",
        None,
    )
}
impl NotificationsReadAllStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        person_id: &'a uuid::Uuid,
        up_to: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, person_id, up_to]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        NotificationsReadAllParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for NotificationsReadAllStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a NotificationsReadAllParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.person_id, &params.up_to))
    }
}
pub struct NotificationDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notification_delete() -> NotificationDeleteStmt {
    NotificationDeleteStmt("DELETE FROM notifications.notification WHERE id = $1 AND person_id = $2", None)
}
impl NotificationDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        person_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id, person_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        NotificationDeleteParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for NotificationDeleteStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a NotificationDeleteParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.id, &params.person_id))
    }
}
pub struct NotificationsForgetStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn notifications_forget() -> NotificationsForgetStmt {
    NotificationsForgetStmt(
        "DELETE FROM notifications.notification WHERE id IN ( SELECT id FROM notifications.notification WHERE created_at < $1 ORDER BY created_at LIMIT $2 )",
        None,
    )
}
impl NotificationsForgetStmt {
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
        NotificationsForgetParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for NotificationsForgetStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a NotificationsForgetParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.before, &params.at_most))
    }
}
