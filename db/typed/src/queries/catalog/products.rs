// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct ProductInsertManyParams<T1: crate::JsonSql> {
    pub now: jiff::Timestamp,
    pub rows: T1,
}
#[derive(Debug)]
pub struct ProductUpdateManyParams<T1: crate::JsonSql> {
    pub now: jiff::Timestamp,
    pub rows: T1,
}
#[derive(Clone, Copy, Debug)]
pub struct ProductDeleteParams {
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct ProductLearnFormsParams<
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = T3>,
> {
    pub forms: T2,
    pub words: T4,
}
#[derive(Clone, Copy, Debug)]
pub struct ProductWordsAsLongParams {
    pub least: i32,
    pub most: i32,
}
#[derive(Clone, Copy, Debug)]
pub struct ProductsToAnalyseParams {
    pub behind: uuid::Uuid,
    pub at_most: i64,
}
#[derive(Debug)]
pub struct ProductSetWordsParams<
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
> {
    pub ids: T1,
    pub words: T3,
}
#[derive(Debug)]
pub struct StockRowsParams<T1: crate::StringSql> {
    pub category: Option<T1>,
    pub at_most: Option<i32>,
    pub rows: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductLock {
    pub id: uuid::Uuid,
    pub version: i64,
    pub deleted: bool,
    pub seller_id: Option<uuid::Uuid>,
    pub sku: String,
    pub slug: String,
}
pub struct ProductLockBorrowed<'a> {
    pub id: uuid::Uuid,
    pub version: i64,
    pub deleted: bool,
    pub seller_id: Option<uuid::Uuid>,
    pub sku: &'a str,
    pub slug: &'a str,
}
impl<'a> From<ProductLockBorrowed<'a>> for ProductLock {
    fn from(ProductLockBorrowed { id, version, deleted, seller_id, sku, slug }: ProductLockBorrowed<'a>) -> Self {
        Self { id, version, deleted, seller_id, sku: sku.into(), slug: slug.into() }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductLockBySkus {
    pub id: uuid::Uuid,
    pub sku: String,
    pub version: i64,
}
pub struct ProductLockBySkusBorrowed<'a> {
    pub id: uuid::Uuid,
    pub sku: &'a str,
    pub version: i64,
}
impl<'a> From<ProductLockBySkusBorrowed<'a>> for ProductLockBySkus {
    fn from(ProductLockBySkusBorrowed { id, sku, version }: ProductLockBySkusBorrowed<'a>) -> Self {
        Self { id, sku: sku.into(), version }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductKept {
    pub id: uuid::Uuid,
    pub slug: String,
    pub rating: rust_decimal::Decimal,
    pub rating_count: i32,
}
pub struct ProductKeptBorrowed<'a> {
    pub id: uuid::Uuid,
    pub slug: &'a str,
    pub rating: rust_decimal::Decimal,
    pub rating_count: i32,
}
impl<'a> From<ProductKeptBorrowed<'a>> for ProductKept {
    fn from(ProductKeptBorrowed { id, slug, rating, rating_count }: ProductKeptBorrowed<'a>) -> Self {
        Self { id, slug: slug.into(), rating, rating_count }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductNamesTaken {
    pub name: String,
    pub product_id: uuid::Uuid,
}
pub struct ProductNamesTakenBorrowed<'a> {
    pub name: &'a str,
    pub product_id: uuid::Uuid,
}
impl<'a> From<ProductNamesTakenBorrowed<'a>> for ProductNamesTaken {
    fn from(ProductNamesTakenBorrowed { name, product_id }: ProductNamesTakenBorrowed<'a>) -> Self {
        Self { name: name.into(), product_id }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductMarks {
    pub id: uuid::Uuid,
    pub sku: String,
    pub slug: String,
    pub category_path: Vec<uuid::Uuid>,
    pub active: bool,
}
pub struct ProductMarksBorrowed<'a> {
    pub id: uuid::Uuid,
    pub sku: &'a str,
    pub slug: &'a str,
    pub category_path: crate::ArrayIterator<'a, uuid::Uuid>,
    pub active: bool,
}
impl<'a> From<ProductMarksBorrowed<'a>> for ProductMarks {
    fn from(ProductMarksBorrowed { id, sku, slug, category_path, active }: ProductMarksBorrowed<'a>) -> Self {
        Self { id, sku: sku.into(), slug: slug.into(), category_path: category_path.map(|v| v).collect(), active }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductsToAnalyse {
    pub id: uuid::Uuid,
    pub sku: String,
    pub title: String,
    pub brand: Option<String>,
    pub description: String,
}
pub struct ProductsToAnalyseBorrowed<'a> {
    pub id: uuid::Uuid,
    pub sku: &'a str,
    pub title: &'a str,
    pub brand: Option<&'a str>,
    pub description: &'a str,
}
impl<'a> From<ProductsToAnalyseBorrowed<'a>> for ProductsToAnalyse {
    fn from(ProductsToAnalyseBorrowed { id, sku, title, brand, description }: ProductsToAnalyseBorrowed<'a>) -> Self {
        Self {
            id,
            sku: sku.into(),
            title: title.into(),
            brand: brand.map(|v| v.into()),
            description: description.into(),
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct ProductsDescribed {
    pub id: uuid::Uuid,
    pub sku: String,
    pub title: String,
    pub brand: Option<String>,
    pub description: String,
}
pub struct ProductsDescribedBorrowed<'a> {
    pub id: uuid::Uuid,
    pub sku: &'a str,
    pub title: &'a str,
    pub brand: Option<&'a str>,
    pub description: &'a str,
}
impl<'a> From<ProductsDescribedBorrowed<'a>> for ProductsDescribed {
    fn from(ProductsDescribedBorrowed { id, sku, title, brand, description }: ProductsDescribedBorrowed<'a>) -> Self {
        Self {
            id,
            sku: sku.into(),
            title: title.into(),
            brand: brand.map(|v| v.into()),
            description: description.into(),
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct StockRows {
    pub sku: String,
    pub title: String,
    pub category: Option<String>,
    pub stock: i32,
    pub price: Option<rust_decimal::Decimal>,
    pub currency: Option<String>,
}
pub struct StockRowsBorrowed<'a> {
    pub sku: &'a str,
    pub title: &'a str,
    pub category: Option<&'a str>,
    pub stock: i32,
    pub price: Option<rust_decimal::Decimal>,
    pub currency: Option<&'a str>,
}
impl<'a> From<StockRowsBorrowed<'a>> for StockRows {
    fn from(StockRowsBorrowed { sku, title, category, stock, price, currency }: StockRowsBorrowed<'a>) -> Self {
        Self {
            sku: sku.into(),
            title: title.into(),
            category: category.map(|v| v.into()),
            stock,
            price,
            currency: currency.map(|v| v.into()),
        }
    }
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
pub struct ProductLockQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductLockBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductLockBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductLockQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductLockBorrowed) -> R) -> ProductLockQuery<'c, 'a, 's, C, R, N> {
        ProductLockQuery {
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
pub struct ProductLockBySkusQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductLockBySkusBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductLockBySkusBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductLockBySkusQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductLockBySkusBorrowed) -> R) -> ProductLockBySkusQuery<'c, 'a, 's, C, R, N> {
        ProductLockBySkusQuery {
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
pub struct ProductKeptQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductKeptBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductKeptBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductKeptQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductKeptBorrowed) -> R) -> ProductKeptQuery<'c, 'a, 's, C, R, N> {
        ProductKeptQuery {
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
pub struct ProductNamesTakenQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductNamesTakenBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductNamesTakenBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductNamesTakenQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductNamesTakenBorrowed) -> R) -> ProductNamesTakenQuery<'c, 'a, 's, C, R, N> {
        ProductNamesTakenQuery {
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
pub struct ProductMarksQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductMarksBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductMarksBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductMarksQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductMarksBorrowed) -> R) -> ProductMarksQuery<'c, 'a, 's, C, R, N> {
        ProductMarksQuery {
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
pub struct ProductsToAnalyseQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductsToAnalyseBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductsToAnalyseBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductsToAnalyseQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductsToAnalyseBorrowed) -> R) -> ProductsToAnalyseQuery<'c, 'a, 's, C, R, N> {
        ProductsToAnalyseQuery {
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
pub struct ProductsDescribedQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<ProductsDescribedBorrowed, tokio_postgres::Error>,
    mapper: fn(ProductsDescribedBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> ProductsDescribedQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(ProductsDescribedBorrowed) -> R) -> ProductsDescribedQuery<'c, 'a, 's, C, R, N> {
        ProductsDescribedQuery {
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
pub struct BoolQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<bool, tokio_postgres::Error>,
    mapper: fn(bool) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> BoolQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(bool) -> R) -> BoolQuery<'c, 'a, 's, C, R, N> {
        BoolQuery {
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
pub struct StockRowsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<StockRowsBorrowed, tokio_postgres::Error>,
    mapper: fn(StockRowsBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> StockRowsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(StockRowsBorrowed) -> R) -> StockRowsQuery<'c, 'a, 's, C, R, N> {
        StockRowsQuery {
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
pub struct ProductFindStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_find() -> ProductFindStmt {
    ProductFindStmt("SELECT product_id FROM catalog.product_name WHERE name = $1", None)
}
impl ProductFindStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        reference: &'a T1,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [reference],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct ProductLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_lock() -> ProductLockStmt {
    ProductLockStmt(
        "SELECT id, version, deleted_at IS NOT NULL AS deleted, seller_id, sku, slug FROM catalog.product WHERE id = $1 FOR UPDATE",
        None,
    )
}
impl ProductLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> ProductLockQuery<'c, 'a, 's, C, ProductLock, 1> {
        ProductLockQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductLockBorrowed, tokio_postgres::Error> {
                Ok(ProductLockBorrowed {
                    id: row.try_get(0)?,
                    version: row.try_get(1)?,
                    deleted: row.try_get(2)?,
                    seller_id: row.try_get(3)?,
                    sku: row.try_get(4)?,
                    slug: row.try_get(5)?,
                })
            },
            mapper: |it| ProductLock::from(it),
        }
    }
}
pub struct ProductLockBySkusStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_lock_by_skus() -> ProductLockBySkusStmt {
    ProductLockBySkusStmt(
        "SELECT id, sku, version FROM catalog.product WHERE sku = ANY ($1) AND deleted_at IS NULL ORDER BY sku FOR UPDATE",
        None,
    )
}
impl ProductLockBySkusStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        skus: &'a T2,
    ) -> ProductLockBySkusQuery<'c, 'a, 's, C, ProductLockBySkus, 1> {
        ProductLockBySkusQuery {
            client,
            params: [skus],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductLockBySkusBorrowed, tokio_postgres::Error> {
                Ok(ProductLockBySkusBorrowed { id: row.try_get(0)?, sku: row.try_get(1)?, version: row.try_get(2)? })
            },
            mapper: |it| ProductLockBySkus::from(it),
        }
    }
}
pub struct ProductKeptStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_kept() -> ProductKeptStmt {
    ProductKeptStmt("SELECT id, slug, rating, rating_count FROM catalog.product WHERE id = ANY ($1)", None)
}
impl ProductKeptStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        ids: &'a T1,
    ) -> ProductKeptQuery<'c, 'a, 's, C, ProductKept, 1> {
        ProductKeptQuery {
            client,
            params: [ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductKeptBorrowed, tokio_postgres::Error> {
                Ok(ProductKeptBorrowed {
                    id: row.try_get(0)?,
                    slug: row.try_get(1)?,
                    rating: row.try_get(2)?,
                    rating_count: row.try_get(3)?,
                })
            },
            mapper: |it| ProductKept::from(it),
        }
    }
}
pub struct ProductNamesTakenStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_names_taken() -> ProductNamesTakenStmt {
    ProductNamesTakenStmt("SELECT name, product_id FROM catalog.product_name WHERE name = ANY ($1)", None)
}
impl ProductNamesTakenStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        names: &'a T2,
    ) -> ProductNamesTakenQuery<'c, 'a, 's, C, ProductNamesTaken, 1> {
        ProductNamesTakenQuery {
            client,
            params: [names],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductNamesTakenBorrowed, tokio_postgres::Error> {
                Ok(ProductNamesTakenBorrowed { name: row.try_get(0)?, product_id: row.try_get(1)? })
            },
            mapper: |it| ProductNamesTaken::from(it),
        }
    }
}
pub struct ProductMarksStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_marks() -> ProductMarksStmt {
    ProductMarksStmt("SELECT id, sku, slug, category_path, active FROM catalog.product WHERE id = ANY ($1)", None)
}
impl ProductMarksStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        ids: &'a T1,
    ) -> ProductMarksQuery<'c, 'a, 's, C, ProductMarks, 1> {
        ProductMarksQuery {
            client,
            params: [ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductMarksBorrowed, tokio_postgres::Error> {
                Ok(ProductMarksBorrowed {
                    id: row.try_get(0)?,
                    sku: row.try_get(1)?,
                    slug: row.try_get(2)?,
                    category_path: row.try_get(3)?,
                    active: row.try_get(4)?,
                })
            },
            mapper: |it| ProductMarks::from(it),
        }
    }
}
pub struct ProductInsertManyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_insert_many() -> ProductInsertManyStmt {
    ProductInsertManyStmt(
        "INSERT INTO catalog.product (id, sku, slug, title, description, brand, category_id, category_path, manufacturer, seller_id, package_size, price, currency, rating, rating_count, stock, specifications, tags, active, created_at, updated_at, words, document) SELECT r.id, r.sku, r.slug, r.title, r.description, r.brand, r.category_id, coalesce(c.path, '{}'), r.manufacturer, r.seller_id, r.package_size, r.price, r.currency, r.rating, r.rating_count, r.stock, r.specifications, ARRAY(SELECT jsonb_array_elements_text(r.tags)), r.active, $1, $1, r.words::tsvector, r.words::tsvector || shelves.words FROM jsonb_to_recordset($2) AS r (id uuid, sku text, slug text, title text, description text, brand text, category_id uuid, manufacturer text, seller_id uuid, package_size text, price numeric, currency text, rating numeric, rating_count int, stock int, specifications jsonb, tags jsonb, active boolean, words text) LEFT JOIN catalog.category c ON c.id = r.category_id CROSS JOIN LATERAL ( SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path) ) AS shelves",
        None,
    )
}
impl ProductInsertManyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        rows: &'a T1,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, rows]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::JsonSql>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductInsertManyParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductInsertManyStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductInsertManyParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.rows))
    }
}
pub struct ProductUpdateManyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_update_many() -> ProductUpdateManyStmt {
    ProductUpdateManyStmt(
        "UPDATE catalog.product p SET sku = r.sku, slug = r.slug, title = r.title, description = r.description, brand = r.brand, category_id = r.category_id, category_path = coalesce(c.path, '{}'), manufacturer = r.manufacturer, seller_id = r.seller_id, package_size = r.package_size, price = r.price, currency = r.currency, rating = r.rating, rating_count = r.rating_count, stock = r.stock, specifications = r.specifications, tags = ARRAY(SELECT jsonb_array_elements_text(r.tags)), active = r.active, words = r.words::tsvector, document = r.words::tsvector || shelves.words, version = p.version + 1, updated_at = $1 FROM jsonb_to_recordset($2) AS r (id uuid, sku text, slug text, title text, description text, brand text, category_id uuid, manufacturer text, seller_id uuid, package_size text, price numeric, currency text, rating numeric, rating_count int, stock int, specifications jsonb, tags jsonb, active boolean, words text) LEFT JOIN catalog.category c ON c.id = r.category_id CROSS JOIN LATERAL ( SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path) ) AS shelves WHERE p.id = r.id AND (p.sku, p.slug, p.title, p.description, p.brand, p.category_id, p.manufacturer, p.seller_id, p.package_size, p.price, p.currency::text, p.rating, p.rating_count, p.stock, p.specifications, p.tags, p.active) IS DISTINCT FROM (r.sku, r.slug, r.title, r.description, r.brand, r.category_id, r.manufacturer, r.seller_id, r.package_size, r.price, r.currency, r.rating, r.rating_count, r.stock, r.specifications, ARRAY(SELECT jsonb_array_elements_text(r.tags)), r.active) RETURNING p.id",
        None,
    )
}
impl ProductUpdateManyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        rows: &'a T1,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        UuidUuidQuery {
            client,
            params: [now, rows],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::JsonSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        ProductUpdateManyParams<T1>,
        UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2>,
        C,
    > for ProductUpdateManyStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ProductUpdateManyParams<T1>,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 2> {
        self.bind(client, &params.now, &params.rows)
    }
}
pub struct ProductDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_delete() -> ProductDeleteStmt {
    ProductDeleteStmt(
        "UPDATE catalog.product SET active = false, deleted_at = $1, version = version + 1, updated_at = $1 WHERE id = $2",
        None,
    )
}
impl ProductDeleteStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductDeleteParams,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductDeleteStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductDeleteParams,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.now, &params.id))
    }
}
pub struct ProductUnknownWordsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_unknown_words() -> ProductUnknownWordsStmt {
    ProductUnknownWordsStmt(
        "SELECT word FROM unnest($1::text[]) AS w(word) WHERE NOT EXISTS (SELECT FROM catalog.search_word known WHERE known.word = w.word) ORDER BY word",
        None,
    )
}
impl ProductUnknownWordsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        words: &'a T2,
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [words],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct ProductLearnWordsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_learn_words() -> ProductLearnWordsStmt {
    ProductLearnWordsStmt(
        "INSERT INTO catalog.search_word (word) SELECT DISTINCT word FROM unnest($1::text[]) AS w(word) ORDER BY word ON CONFLICT DO NOTHING",
        None,
    )
}
impl ProductLearnWordsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        words: &'a T2,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[words]).await
    }
}
pub struct ProductLearnFormsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_learn_forms() -> ProductLearnFormsStmt {
    ProductLearnFormsStmt(
        "INSERT INTO catalog.search_form (form, word) SELECT DISTINCT form, word FROM unnest($1::text[], $2::text[]) AS f(form, word) ORDER BY form, word ON CONFLICT DO NOTHING",
        None,
    )
}
impl ProductLearnFormsStmt {
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
        T2: crate::ArraySql<Item = T1>,
        T3: crate::StringSql,
        T4: crate::ArraySql<Item = T3>,
    >(
        &'s self,
        client: &'c C,
        forms: &'a T2,
        words: &'a T4,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[forms, words]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::ArraySql<Item = T1>,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = T3>,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductLearnFormsParams<T1, T2, T3, T4>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductLearnFormsStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductLearnFormsParams<T1, T2, T3, T4>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.forms, &params.words))
    }
}
pub struct ProductWordsAlikeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_words_alike() -> ProductWordsAlikeStmt {
    ProductWordsAlikeStmt(
        "SELECT DISTINCT word FROM catalog.search_form WHERE form = ANY ($1) ORDER BY word LIMIT 500",
        None,
    )
}
impl ProductWordsAlikeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        forms: &'a T2,
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
        StringQuery {
            client,
            params: [forms],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct ProductWordsAsLongStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_words_as_long() -> ProductWordsAsLongStmt {
    ProductWordsAsLongStmt(
        "SELECT word FROM catalog.search_word WHERE char_length(word) BETWEEN $1 AND $2 ORDER BY word LIMIT 20000",
        None,
    )
}
impl ProductWordsAsLongStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        least: &'a i32,
        most: &'a i32,
    ) -> StringQuery<'c, 'a, 's, C, String, 2> {
        StringQuery {
            client,
            params: [least, most],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<'c, 'a, 's, ProductWordsAsLongParams, StringQuery<'c, 'a, 's, C, String, 2>, C>
    for ProductWordsAsLongStmt
{
    fn params(&'s self, client: &'c C, params: &'a ProductWordsAsLongParams) -> StringQuery<'c, 'a, 's, C, String, 2> {
        self.bind(client, &params.least, &params.most)
    }
}
pub struct ProductsToAnalyseStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn products_to_analyse() -> ProductsToAnalyseStmt {
    ProductsToAnalyseStmt(
        "SELECT id, sku, title, brand, description FROM catalog.product WHERE id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE",
        None,
    )
}
impl ProductsToAnalyseStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        behind: &'a uuid::Uuid,
        at_most: &'a i64,
    ) -> ProductsToAnalyseQuery<'c, 'a, 's, C, ProductsToAnalyse, 2> {
        ProductsToAnalyseQuery {
            client,
            params: [behind, at_most],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductsToAnalyseBorrowed, tokio_postgres::Error> {
                Ok(ProductsToAnalyseBorrowed {
                    id: row.try_get(0)?,
                    sku: row.try_get(1)?,
                    title: row.try_get(2)?,
                    brand: row.try_get(3)?,
                    description: row.try_get(4)?,
                })
            },
            mapper: |it| ProductsToAnalyse::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        ProductsToAnalyseParams,
        ProductsToAnalyseQuery<'c, 'a, 's, C, ProductsToAnalyse, 2>,
        C,
    > for ProductsToAnalyseStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a ProductsToAnalyseParams,
    ) -> ProductsToAnalyseQuery<'c, 'a, 's, C, ProductsToAnalyse, 2> {
        self.bind(client, &params.behind, &params.at_most)
    }
}
pub struct ProductsDescribedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn products_described() -> ProductsDescribedStmt {
    ProductsDescribedStmt(
        "SELECT id, sku, title, brand, description FROM catalog.product WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
        None,
    )
}
impl ProductsDescribedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        ids: &'a T1,
    ) -> ProductsDescribedQuery<'c, 'a, 's, C, ProductsDescribed, 1> {
        ProductsDescribedQuery {
            client,
            params: [ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<ProductsDescribedBorrowed, tokio_postgres::Error> {
                Ok(ProductsDescribedBorrowed {
                    id: row.try_get(0)?,
                    sku: row.try_get(1)?,
                    title: row.try_get(2)?,
                    brand: row.try_get(3)?,
                    description: row.try_get(4)?,
                })
            },
            mapper: |it| ProductsDescribed::from(it),
        }
    }
}
pub struct ProductSetWordsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn product_set_words() -> ProductSetWordsStmt {
    ProductSetWordsStmt(
        "UPDATE catalog.product p SET words = w.words::tsvector, document = w.words::tsvector || shelves.words FROM unnest($1::uuid[], $2::text[]) AS w(id, words) JOIN catalog.product o ON o.id = w.id LEFT JOIN catalog.category c ON c.id = o.category_id CROSS JOIN LATERAL ( SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path) ) AS shelves WHERE p.id = w.id",
        None,
    )
}
impl ProductSetWordsStmt {
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
        T2: crate::StringSql,
        T3: crate::ArraySql<Item = T2>,
    >(
        &'s self,
        client: &'c C,
        ids: &'a T1,
        words: &'a T3,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[ids, words]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        ProductSetWordsParams<T1, T2, T3>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for ProductSetWordsStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a ProductSetWordsParams<T1, T2, T3>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.ids, &params.words))
    }
}
pub struct AnalysisRulesStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn analysis_rules() -> AnalysisRulesStmt {
    AnalysisRulesStmt("SELECT rules FROM catalog.analysis", None)
}
impl AnalysisRulesStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> I32Query<'c, 'a, 's, C, i32, 0> {
        I32Query {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct AnalysisDoneStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn analysis_done() -> AnalysisDoneStmt {
    AnalysisDoneStmt("UPDATE catalog.analysis SET rules = $1", None)
}
impl AnalysisDoneStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        rules: &'a i32,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[rules]).await
    }
}
pub struct CatalogIsEmptyStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn catalog_is_empty() -> CatalogIsEmptyStmt {
    CatalogIsEmptyStmt(
        "SELECT NOT EXISTS (SELECT FROM catalog.product) AND NOT EXISTS (SELECT FROM catalog.category) AS empty",
        None,
    )
}
impl CatalogIsEmptyStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> BoolQuery<'c, 'a, 's, C, bool, 0> {
        BoolQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct CatalogClearStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn catalog_clear() -> CatalogClearStmt {
    CatalogClearStmt(
        "TRUNCATE catalog.product, catalog.product_image, catalog.picture, catalog.review, catalog.product_views, catalog.category, catalog.search_word, catalog.search_form, catalog.product_name",
        None,
    )
}
impl CatalogClearStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> Result<u64, tokio_postgres::Error> {
        client.execute(&client.prepare(self.0).await?, &[]).await
    }
}
pub struct StockRowsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn stock_rows() -> StockRowsStmt {
    StockRowsStmt(
        "SELECT p.sku, p.title, c.name AS category, p.stock, p.price, p.currency::text AS currency FROM catalog.product p LEFT JOIN catalog.category c ON c.id = p.category_id WHERE p.active AND ($1::text IS NULL OR p.category_path @> ARRAY(SELECT id FROM catalog.category WHERE slug = $1)) AND ($2::int IS NULL OR p.stock <= $2) ORDER BY c.name NULLS LAST, p.title, p.sku COLLATE \"C\" LIMIT $3",
        None,
    )
}
impl StockRowsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        category: &'a Option<T1>,
        at_most: &'a Option<i32>,
        rows: &'a i64,
    ) -> StockRowsQuery<'c, 'a, 's, C, StockRows, 3> {
        StockRowsQuery {
            client,
            params: [category, at_most, rows],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<StockRowsBorrowed, tokio_postgres::Error> {
                Ok(StockRowsBorrowed {
                    sku: row.try_get(0)?,
                    title: row.try_get(1)?,
                    category: row.try_get(2)?,
                    stock: row.try_get(3)?,
                    price: row.try_get(4)?,
                    currency: row.try_get(5)?,
                })
            },
            mapper: |it| StockRows::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<'c, 'a, 's, StockRowsParams<T1>, StockRowsQuery<'c, 'a, 's, C, StockRows, 3>, C>
    for StockRowsStmt
{
    fn params(&'s self, client: &'c C, params: &'a StockRowsParams<T1>) -> StockRowsQuery<'c, 'a, 's, C, StockRows, 3> {
        self.bind(client, &params.category, &params.at_most, &params.rows)
    }
}
