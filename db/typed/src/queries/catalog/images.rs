// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct ImageInsertParams<T1: crate::StringSql, T2: crate::StringSql> {
    pub id: uuid::Uuid,
    pub product_id: uuid::Uuid,
    pub url: T1,
    pub alt: T2,
    pub width_px: Option<i32>,
    pub height_px: Option<i32>,
    pub position: i32,
    pub now: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct ImageDeleteParams {
    pub id: uuid::Uuid,
    pub product_id: uuid::Uuid,
}
#[derive(Clone, Copy, Debug)]
pub struct ProductImagesChangedParams {
    pub id: uuid::Uuid,
    pub now: jiff::Timestamp,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRow {
    pub id: uuid::Uuid,
    pub url: String,
    pub alt: String,
    pub width_px: Option<i32>,
    pub height_px: Option<i32>,
    pub position: i32,
    pub created_at: jiff::Timestamp,
}
pub struct ImageRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub url: &'a str,
    pub alt: &'a str,
    pub width_px: Option<i32>,
    pub height_px: Option<i32>,
    pub position: i32,
    pub created_at: jiff::Timestamp,
}
impl<'a> From<ImageRowBorrowed<'a>> for ImageRow {
    fn from(
        ImageRowBorrowed { id, url, alt, width_px, height_px, position, created_at }: ImageRowBorrowed<'a>,
    ) -> Self {
        Self { id, url: url.into(), alt: alt.into(), width_px, height_px, position, created_at }
    }
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ImageRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ImageRowBorrowed, tokio_postgres::Error>,
    mapper: fn(ImageRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ImageRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ImageRowBorrowed) -> R) -> ImageRowQuery<'c, 'a, 's, C, R, N> {
        ImageRowQuery {
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
pub struct ImageListStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_list() -> ImageListStmt {
    ImageListStmt(
        "SELECT id, url, alt, width_px, height_px, position, created_at FROM catalog.product_image WHERE product_id = $1 ORDER BY position, id",
        None,
    )
}
impl ImageListStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        product_id: &'a uuid::Uuid,
    ) -> ImageRowQuery<'c, 'a, 's, C, ImageRow, 1> {
        ImageRowQuery {
            client,
            params: [product_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ImageRowBorrowed, tokio_postgres::Error> {
                Ok(ImageRowBorrowed {
                    id: row.try_get(0)?,
                    url: row.try_get(1)?,
                    alt: row.try_get(2)?,
                    width_px: row.try_get(3)?,
                    height_px: row.try_get(4)?,
                    position: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                })
            },
            mapper: |it| ImageRow::from(it),
        }
    }
}
pub struct ImageInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_insert() -> ImageInsertStmt {
    ImageInsertStmt(
        "INSERT INTO catalog.product_image (id, product_id, url, alt, width_px, height_px, position, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, url, alt, width_px, height_px, position, created_at",
        None,
    )
}
impl ImageInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        product_id: &'a uuid::Uuid,
        url: &'a T1,
        alt: &'a T2,
        width_px: &'a Option<i32>,
        height_px: &'a Option<i32>,
        position: &'a i32,
        now: &'a jiff::Timestamp,
    ) -> ImageRowQuery<'c, 'a, 's, C, ImageRow, 8> {
        ImageRowQuery {
            client,
            params: [id, product_id, url, alt, width_px, height_px, position, now],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ImageRowBorrowed, tokio_postgres::Error> {
                Ok(ImageRowBorrowed {
                    id: row.try_get(0)?,
                    url: row.try_get(1)?,
                    alt: row.try_get(2)?,
                    width_px: row.try_get(3)?,
                    height_px: row.try_get(4)?,
                    position: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                })
            },
            mapper: |it| ImageRow::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, ImageInsertParams<T1, T2>, ImageRowQuery<'c, 'a, 's, C, ImageRow, 8>, C>
    for ImageInsertStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ImageInsertParams<T1, T2>,
    ) -> ImageRowQuery<'c, 'a, 's, C, ImageRow, 8> {
        self.bind(
            client,
            &params.id,
            &params.product_id,
            &params.url,
            &params.alt,
            &params.width_px,
            &params.height_px,
            &params.position,
            &params.now,
        )
    }
}
pub struct ImageNextPositionStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_next_position() -> ImageNextPositionStmt {
    ImageNextPositionStmt(
        "SELECT coalesce(max(position) + 1, 0) AS position FROM catalog.product_image WHERE product_id = $1",
        None,
    )
}
impl ImageNextPositionStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        product_id: &'a uuid::Uuid,
    ) -> I32Query<'c, 'a, 's, C, i32, 1> {
        I32Query {
            client,
            params: [product_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct ImageDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_delete() -> ImageDeleteStmt {
    ImageDeleteStmt("DELETE FROM catalog.product_image WHERE id = $1 AND product_id = $2", None)
}
impl ImageDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        product_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id, product_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ImageDeleteParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ImageDeleteStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ImageDeleteParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.id, &params.product_id))
    }
}
pub struct ProductImagesChangedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_images_changed() -> ProductImagesChangedStmt {
    ProductImagesChangedStmt(
        "UPDATE catalog.product SET image_count = (SELECT count(*) FROM catalog.product_image WHERE product_id = $1), version = version + 1, updated_at = $2 WHERE id = $1",
        None,
    )
}
impl ProductImagesChangedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[id, now]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductImagesChangedParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductImagesChangedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductImagesChangedParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.id, &params.now))
    }
}
