// This file was generated with `clorinde`. Do not modify.

#[derive(Clone, Copy, Debug)]
pub struct ProductRatedParams {
    pub rating: rust_decimal::Decimal,
    pub rating_count: i32,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewInsertMany {
    pub id: uuid::Uuid,
    pub product_id: uuid::Uuid,
    pub rating: i16,
    pub title: String,
    pub body: String,
    pub author: String,
    pub created_at: jiff::Timestamp,
}
pub struct ReviewInsertManyBorrowed<'a> {
    pub id: uuid::Uuid,
    pub product_id: uuid::Uuid,
    pub rating: i16,
    pub title: &'a str,
    pub body: &'a str,
    pub author: &'a str,
    pub created_at: jiff::Timestamp,
}
impl<'a> From<ReviewInsertManyBorrowed<'a>> for ReviewInsertMany {
    fn from(
        ReviewInsertManyBorrowed { id, product_id, rating, title, body, author, created_at }: ReviewInsertManyBorrowed<
            'a,
        >,
    ) -> Self {
        Self { id, product_id, rating, title: title.into(), body: body.into(), author: author.into(), created_at }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct ReviewStars {
    pub rating: i16,
    pub reviews: i64,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct ReviewInsertManyQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ReviewInsertManyBorrowed, tokio_postgres::Error>,
    mapper: fn(ReviewInsertManyBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ReviewInsertManyQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ReviewInsertManyBorrowed) -> R) -> ReviewInsertManyQuery<'c, 'a, 's, C, R, N> {
        ReviewInsertManyQuery {
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
pub struct ReviewStarsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ReviewStars, tokio_postgres::Error>,
    mapper: fn(ReviewStars) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ReviewStarsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ReviewStars) -> R) -> ReviewStarsQuery<'c, 'a, 's, C, R, N> {
        ReviewStarsQuery {
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
pub struct ReviewInsertManyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn review_insert_many() -> ReviewInsertManyStmt {
    ReviewInsertManyStmt(
        "INSERT INTO catalog.review (id, product_id, rating, title, body, author, created_at) SELECT r.id, r.product_id, r.rating, r.title, r.body, r.author, r.created_at FROM jsonb_to_recordset($1) AS r (id uuid, product_id uuid, rating smallint, title text, body text, author text, created_at timestamptz) RETURNING id, product_id, rating, title, body, author, created_at",
        None,
    )
}
impl ReviewInsertManyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql>(
        &'s self,
        client: &'c C,
        rows: &'a T1,
    ) -> ReviewInsertManyQuery<'c, 'a, 's, C, ReviewInsertMany, 1> {
        ReviewInsertManyQuery {
            client,
            params: [rows],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ReviewInsertManyBorrowed, tokio_postgres::Error> {
                Ok(ReviewInsertManyBorrowed {
                    id: row.try_get(0)?,
                    product_id: row.try_get(1)?,
                    rating: row.try_get(2)?,
                    title: row.try_get(3)?,
                    body: row.try_get(4)?,
                    author: row.try_get(5)?,
                    created_at: row.try_get(6)?,
                })
            },
            mapper: |it| ReviewInsertMany::from(it),
        }
    }
}
pub struct ReviewStarsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn review_stars() -> ReviewStarsStmt {
    ReviewStarsStmt(
        "SELECT rating, count(*) AS reviews FROM catalog.review WHERE product_id = $1 GROUP BY rating",
        None,
    )
}
impl ReviewStarsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        product_id: &'a uuid::Uuid,
    ) -> ReviewStarsQuery<'c, 'a, 's, C, ReviewStars, 1> {
        ReviewStarsQuery {
            client,
            params: [product_id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ReviewStars, tokio_postgres::Error> {
                Ok(ReviewStars { rating: row.try_get(0)?, reviews: row.try_get(1)? })
            },
            mapper: |it| ReviewStars::from(it),
        }
    }
}
pub struct ProductRatedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_rated() -> ProductRatedStmt {
    ProductRatedStmt(
        "UPDATE catalog.product SET rating = $1, rating_count = $2, version = version + 1, updated_at = $3 WHERE id = $4",
        None,
    )
}
impl ProductRatedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        rating: &'a rust_decimal::Decimal,
        rating_count: &'a i32,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[rating, rating_count, now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductRatedParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductRatedStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductRatedParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.rating, &params.rating_count, &params.now, &params.id))
    }
}
