// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct ProductViewsAddParams<T1: crate::ArraySql<Item = uuid::Uuid>, T2: crate::ArraySql<Item = i64>> {
    pub now: jiff::Timestamp,
    pub ids: T1,
    pub views: T2,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct UuidUuidQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<uuid::Uuid, tokio_postgres::Error>,
    mapper: fn(uuid::Uuid) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> UuidUuidQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(uuid::Uuid) -> R) -> UuidUuidQuery<'c, 'a, 's, C, R, N> {
        UuidUuidQuery {
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
pub struct ProductViewsAddStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_views_add() -> ProductViewsAddStmt {
    ProductViewsAddStmt(
        "INSERT INTO catalog.product_views AS v (product_id, views, updated_at) SELECT p.id, counted.views, $1 FROM unnest($2::uuid[], $3::bigint[]) AS counted (id, views) JOIN catalog.product p ON p.id = counted.id ORDER BY p.id ON CONFLICT (product_id) DO UPDATE SET views = v.views + excluded.views, updated_at = excluded.updated_at",
        None,
    )
}
impl ProductViewsAddStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<
        'c,
        'a,
        's,
        C: GenericClient,
        T1: crate::ArraySql<Item = uuid::Uuid>,
        T2: crate::ArraySql<Item = i64>,
    >(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        ids: &'a T1,
        views: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, ids, views]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::ArraySql<Item = uuid::Uuid>, T2: crate::ArraySql<Item = i64>>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductViewsAddParams<T1, T2>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductViewsAddStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductViewsAddParams<T1, T2>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.ids, &params.views))
    }
}
pub struct ProductPopularStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_popular() -> ProductPopularStmt {
    ProductPopularStmt(
        "WITH viewed AS MATERIALIZED ( SELECT p.id, v.views FROM catalog.product_views v JOIN catalog.product p ON p.id = v.product_id WHERE p.active AND v.views > 0 ORDER BY v.views DESC, v.product_id LIMIT 50 ), newest AS MATERIALIZED ( SELECT p.id, p.created_at FROM catalog.product p WHERE p.active ORDER BY p.created_at DESC, p.id DESC LIMIT 100 ) SELECT popular.id FROM ( SELECT viewed.id, viewed.views, row_number() OVER (ORDER BY viewed.views DESC, viewed.id) AS place FROM viewed UNION ALL SELECT newest.id, 0, row_number() OVER (ORDER BY newest.created_at DESC, newest.id DESC) AS place FROM newest WHERE newest.id NOT IN (SELECT viewed.id FROM viewed) ) AS popular ORDER BY popular.views DESC, popular.place LIMIT $1",
        None,
    )
}
impl ProductPopularStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        at_most: &'a i64,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [at_most],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
