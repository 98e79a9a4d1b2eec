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
#[derive(Clone, Copy, Debug)]
pub struct ImageMeasuredParams {
    pub width_px: i32,
    pub height_px: i32,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct PictureInsertParams<T1: crate::StringSql> {
    pub image_id: uuid::Uuid,
    pub format: T1,
    pub bytes: i64,
    pub now: jiff::Timestamp,
}
#[derive(Clone, Copy, Debug)]
pub struct PicturesQueuedParams {
    pub before: jiff::Timestamp,
    pub after: uuid::Uuid,
    pub at_most: i64,
}
#[derive(Debug)]
pub struct PictureReadyParams<T1: crate::StringSql> {
    pub variants: T1,
    pub now: jiff::Timestamp,
    pub image_id: uuid::Uuid,
}
#[derive(Debug)]
pub struct PictureFailedParams<T1: crate::StringSql> {
    pub error: T1,
    pub image_id: uuid::Uuid,
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
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRow {
    pub image_id: uuid::Uuid,
    pub product_id: uuid::Uuid,
    pub status: String,
    pub error: Option<String>,
    pub variants: String,
}
pub struct PictureRowBorrowed<'a> {
    pub image_id: uuid::Uuid,
    pub product_id: uuid::Uuid,
    pub status: &'a str,
    pub error: Option<&'a str>,
    pub variants: &'a str,
}
impl<'a> From<PictureRowBorrowed<'a>> for PictureRow {
    fn from(PictureRowBorrowed { image_id, product_id, status, error, variants }: PictureRowBorrowed<'a>) -> Self {
        Self { image_id, product_id, status: status.into(), error: error.map(|v| v.into()), variants: variants.into() }
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
pub struct PictureRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<PictureRowBorrowed, tokio_postgres::Error>,
    mapper: fn(PictureRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> PictureRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(PictureRowBorrowed) -> R) -> PictureRowQuery<'c, 'a, 's, C, R, N> {
        PictureRowQuery {
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
pub struct ImageCountStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_count() -> ImageCountStmt {
    ImageCountStmt("SELECT count(*) AS images FROM catalog.product_image WHERE product_id = $1", None)
}
impl ImageCountStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        product_id: &'a uuid::Uuid,
    ) -> I64Query<'c, 'a, 's, C, i64, 1> {
        I64Query {
            client,
            params: [product_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
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
pub struct ImageMeasuredStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn image_measured() -> ImageMeasuredStmt {
    ImageMeasuredStmt("UPDATE catalog.product_image SET width_px = $1, height_px = $2 WHERE id = $3", None)
}
impl ImageMeasuredStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        width_px: &'a i32,
        height_px: &'a i32,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[width_px, height_px, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ImageMeasuredParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ImageMeasuredStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ImageMeasuredParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.width_px, &params.height_px, &params.id))
    }
}
pub struct PictureInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn picture_insert() -> PictureInsertStmt {
    PictureInsertStmt("INSERT INTO catalog.picture (image_id, format, bytes, created_at) VALUES ($1, $2, $3, $4)", None)
}
impl PictureInsertStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        image_id: &'a uuid::Uuid,
        format: &'a T1,
        bytes: &'a i64,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[image_id, format, bytes, now]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PictureInsertParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PictureInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PictureInsertParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.image_id, &params.format, &params.bytes, &params.now))
    }
}
pub struct PictureByImageStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn picture_by_image() -> PictureByImageStmt {
    PictureByImageStmt(
        "SELECT p.image_id, i.product_id, p.status, p.error, p.variants::text AS variants FROM catalog.picture p JOIN catalog.product_image i ON i.id = p.image_id WHERE p.image_id = $1",
        None,
    )
}
impl PictureByImageStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        image_id: &'a uuid::Uuid,
    ) -> PictureRowQuery<'c, 'a, 's, C, PictureRow, 1> {
        PictureRowQuery {
            client,
            params: [image_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PictureRowBorrowed, tokio_postgres::Error> {
                Ok(PictureRowBorrowed {
                    image_id: row.try_get(0)?,
                    product_id: row.try_get(1)?,
                    status: row.try_get(2)?,
                    error: row.try_get(3)?,
                    variants: row.try_get(4)?,
                })
            },
            mapper: |it| PictureRow::from(it),
        }
    }
}
pub struct PictureListStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn picture_list() -> PictureListStmt {
    PictureListStmt(
        "SELECT p.image_id, i.product_id, p.status, p.error, p.variants::text AS variants FROM catalog.picture p JOIN catalog.product_image i ON i.id = p.image_id WHERE p.image_id = ANY ($1)",
        None,
    )
}
impl PictureListStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        image_ids: &'a T1,
    ) -> PictureRowQuery<'c, 'a, 's, C, PictureRow, 1> {
        PictureRowQuery {
            client,
            params: [image_ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<PictureRowBorrowed, tokio_postgres::Error> {
                Ok(PictureRowBorrowed {
                    image_id: row.try_get(0)?,
                    product_id: row.try_get(1)?,
                    status: row.try_get(2)?,
                    error: row.try_get(3)?,
                    variants: row.try_get(4)?,
                })
            },
            mapper: |it| PictureRow::from(it),
        }
    }
}
pub struct PicturesQueuedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn pictures_queued() -> PicturesQueuedStmt {
    PicturesQueuedStmt(
        "SELECT image_id FROM catalog.picture WHERE status = 'queued' AND created_at < $1 AND image_id > $2 ORDER BY image_id LIMIT $3",
        None,
    )
}
impl PicturesQueuedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        before: &'a jiff::Timestamp,
        after: &'a uuid::Uuid,
        at_most: &'a i64,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 3> {
        UuidUuidQuery {
            client,
            params: [before, after, at_most],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, PicturesQueuedParams, UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 3>, C>
    for PicturesQueuedStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a PicturesQueuedParams,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 3> {
        self.bind(client, &params.before, &params.after, &params.at_most)
    }
}
pub struct PictureReadyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn picture_ready() -> PictureReadyStmt {
    PictureReadyStmt(
        "UPDATE catalog.picture SET status = 'ready', error = NULL, variants = $1::text::jsonb, ready_at = $2 WHERE image_id = $3 AND status <> 'ready'",
        None,
    )
}
impl PictureReadyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        variants: &'a T1,
        now: &'a jiff::Timestamp,
        image_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[variants, now, image_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PictureReadyParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PictureReadyStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PictureReadyParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.variants, &params.now, &params.image_id))
    }
}
pub struct PictureFailedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn picture_failed() -> PictureFailedStmt {
    PictureFailedStmt(
        "UPDATE catalog.picture SET status = 'failed', error = $1 WHERE image_id = $2 AND status = 'queued'",
        None,
    )
}
impl PictureFailedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        error: &'a T1,
        image_id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[error, image_id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::StringSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        PictureFailedParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for PictureFailedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a PictureFailedParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.error, &params.image_id))
    }
}
