// This file was generated with `clorinde`. Do not modify.

#[derive(Debug)]
pub struct CategoryNamedParams<T1: crate::StringSql> {
    pub parent: Option<uuid::Uuid>,
    pub name: T1,
}
#[derive(Debug)]
pub struct CategorySetWordsParams<
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
> {
    pub ids: T1,
    pub words: T3,
}
#[derive(Debug)]
pub struct CategoryPathsParams<
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
> {
    pub ids: T1,
    pub slugs: T3,
}
#[derive(Debug)]
pub struct CategoryInsertParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = uuid::Uuid>,
    T5: crate::StringSql,
> {
    pub id: uuid::Uuid,
    pub parent_id: Option<uuid::Uuid>,
    pub name: T1,
    pub slug: T2,
    pub description: T3,
    pub position: i32,
    pub path: T4,
    pub words: T5,
    pub now: jiff::Timestamp,
}
#[derive(Debug)]
pub struct CategoryUpdateParams<
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = uuid::Uuid>,
    T5: crate::StringSql,
> {
    pub parent_id: Option<uuid::Uuid>,
    pub name: T1,
    pub slug: T2,
    pub description: T3,
    pub position: i32,
    pub path: T4,
    pub words: T5,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug)]
pub struct CategoryMoveBelowParams<T1: crate::ArraySql<Item = uuid::Uuid>> {
    pub new_path: T1,
    pub old_depth: i32,
    pub now: jiff::Timestamp,
    pub id: uuid::Uuid,
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryRow {
    pub id: uuid::Uuid,
    pub parent_id: Option<uuid::Uuid>,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub position: i32,
    pub path: Vec<uuid::Uuid>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
pub struct CategoryRowBorrowed<'a> {
    pub id: uuid::Uuid,
    pub parent_id: Option<uuid::Uuid>,
    pub name: &'a str,
    pub slug: &'a str,
    pub description: &'a str,
    pub position: i32,
    pub path: crate::ArrayIterator<'a, uuid::Uuid>,
    pub version: i64,
    pub created_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
}
impl<'a> From<CategoryRowBorrowed<'a>> for CategoryRow {
    fn from(
        CategoryRowBorrowed {
            id,
            parent_id,
            name,
            slug,
            description,
            position,
            path,
            version,
            created_at,
            updated_at,
        }: CategoryRowBorrowed<'a>,
    ) -> Self {
        Self {
            id,
            parent_id,
            name: name.into(),
            slug: slug.into(),
            description: description.into(),
            position,
            path: path.map(|v| v).collect(),
            version,
            created_at,
            updated_at,
        }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategorySlugsTaken {
    pub slug: String,
    pub id: uuid::Uuid,
}
pub struct CategorySlugsTakenBorrowed<'a> {
    pub slug: &'a str,
    pub id: uuid::Uuid,
}
impl<'a> From<CategorySlugsTakenBorrowed<'a>> for CategorySlugsTaken {
    fn from(CategorySlugsTakenBorrowed { slug, id }: CategorySlugsTakenBorrowed<'a>) -> Self {
        Self { slug: slug.into(), id }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryNamed {
    pub id: uuid::Uuid,
    pub slug: String,
}
pub struct CategoryNamedBorrowed<'a> {
    pub id: uuid::Uuid,
    pub slug: &'a str,
}
impl<'a> From<CategoryNamedBorrowed<'a>> for CategoryNamed {
    fn from(CategoryNamedBorrowed { id, slug }: CategoryNamedBorrowed<'a>) -> Self {
        Self { id, slug: slug.into() }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategoriesToAnalyse {
    pub id: uuid::Uuid,
    pub name: String,
}
pub struct CategoriesToAnalyseBorrowed<'a> {
    pub id: uuid::Uuid,
    pub name: &'a str,
}
impl<'a> From<CategoriesToAnalyseBorrowed<'a>> for CategoriesToAnalyse {
    fn from(CategoriesToAnalyseBorrowed { id, name }: CategoriesToAnalyseBorrowed<'a>) -> Self {
        Self { id, name: name.into() }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct CategoryCounts {
    pub category_id: uuid::Uuid,
    pub products: i64,
    pub in_stock: i64,
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct CategoryCountsBelow {
    pub category_id: uuid::Uuid,
    pub products: i64,
    pub in_stock: i64,
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryResolve {
    pub id: uuid::Uuid,
    pub slug: String,
    pub has_children: bool,
}
pub struct CategoryResolveBorrowed<'a> {
    pub id: uuid::Uuid,
    pub slug: &'a str,
    pub has_children: bool,
}
impl<'a> From<CategoryResolveBorrowed<'a>> for CategoryResolve {
    fn from(CategoryResolveBorrowed { id, slug, has_children }: CategoryResolveBorrowed<'a>) -> Self {
        Self { id, slug: slug.into(), has_children }
    }
}
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryPaths {
    pub id: uuid::Uuid,
    pub slug: String,
    pub path: Vec<uuid::Uuid>,
    pub names: String,
}
pub struct CategoryPathsBorrowed<'a> {
    pub id: uuid::Uuid,
    pub slug: &'a str,
    pub path: crate::ArrayIterator<'a, uuid::Uuid>,
    pub names: &'a str,
}
impl<'a> From<CategoryPathsBorrowed<'a>> for CategoryPaths {
    fn from(CategoryPathsBorrowed { id, slug, path, names }: CategoryPathsBorrowed<'a>) -> Self {
        Self { id, slug: slug.into(), path: path.map(|v| v).collect(), names: names.into() }
    }
}
#[derive(Debug, Clone, PartialEq, Copy)]
pub struct CategoryInUse {
    pub has_children: bool,
    pub has_products: bool,
}
use crate::client::async_::GenericClient;
use futures::{self, StreamExt, TryStreamExt};
pub struct CategoryRowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryRowBorrowed, tokio_postgres::Error>,
    mapper: fn(CategoryRowBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryRowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryRowBorrowed) -> R) -> CategoryRowQuery<'c, 'a, 's, C, R, N> {
        CategoryRowQuery {
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
pub struct CategorySlugsTakenQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategorySlugsTakenBorrowed, tokio_postgres::Error>,
    mapper: fn(CategorySlugsTakenBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategorySlugsTakenQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategorySlugsTakenBorrowed) -> R) -> CategorySlugsTakenQuery<'c, 'a, 's, C, R, N> {
        CategorySlugsTakenQuery {
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
pub struct CategoryNamedQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryNamedBorrowed, tokio_postgres::Error>,
    mapper: fn(CategoryNamedBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryNamedQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryNamedBorrowed) -> R) -> CategoryNamedQuery<'c, 'a, 's, C, R, N> {
        CategoryNamedQuery {
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
pub struct CategoriesToAnalyseQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoriesToAnalyseBorrowed, tokio_postgres::Error>,
    mapper: fn(CategoriesToAnalyseBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoriesToAnalyseQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoriesToAnalyseBorrowed) -> R) -> CategoriesToAnalyseQuery<'c, 'a, 's, C, R, N> {
        CategoriesToAnalyseQuery {
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
pub struct CategoryCountsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryCounts, tokio_postgres::Error>,
    mapper: fn(CategoryCounts) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryCountsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryCounts) -> R) -> CategoryCountsQuery<'c, 'a, 's, C, R, N> {
        CategoryCountsQuery {
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
pub struct CategoryCountsBelowQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryCountsBelow, tokio_postgres::Error>,
    mapper: fn(CategoryCountsBelow) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryCountsBelowQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryCountsBelow) -> R) -> CategoryCountsBelowQuery<'c, 'a, 's, C, R, N> {
        CategoryCountsBelowQuery {
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
pub struct CategoryResolveQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryResolveBorrowed, tokio_postgres::Error>,
    mapper: fn(CategoryResolveBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryResolveQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryResolveBorrowed) -> R) -> CategoryResolveQuery<'c, 'a, 's, C, R, N> {
        CategoryResolveQuery {
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
pub struct CategoryPathsQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryPathsBorrowed, tokio_postgres::Error>,
    mapper: fn(CategoryPathsBorrowed) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryPathsQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryPathsBorrowed) -> R) -> CategoryPathsQuery<'c, 'a, 's, C, R, N> {
        CategoryPathsQuery {
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
pub struct CategoryInUseQuery<'c, 'a, 's, C: GenericClient, T, const N: usize> {
    client: &'c C,
    params: [&'a (dyn postgres_types::ToSql + Sync); N],
    query: &'static str,
    cached: Option<&'s tokio_postgres::Statement>,
    extractor: fn(&tokio_postgres::Row) -> Result<CategoryInUse, tokio_postgres::Error>,
    mapper: fn(CategoryInUse) -> T,
}
impl<'c, 'a, 's, C, T: 'c, const N: usize> CategoryInUseQuery<'c, 'a, 's, C, T, N>
where
    C: GenericClient,
{
    pub fn map<R>(self, mapper: fn(CategoryInUse) -> R) -> CategoryInUseQuery<'c, 'a, 's, C, R, N> {
        CategoryInUseQuery {
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
pub struct CategoryTreeStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_tree() -> CategoryTreeStmt {
    CategoryTreeStmt(
        "SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at FROM catalog.category ORDER BY cardinality(path), position, name, id",
        None,
    )
}
impl CategoryTreeStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
    ) -> CategoryRowQuery<'c, 'a, 's, C, CategoryRow, 0> {
        CategoryRowQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryRowBorrowed, tokio_postgres::Error> {
                Ok(CategoryRowBorrowed {
                    id: row.try_get(0)?,
                    parent_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    slug: row.try_get(3)?,
                    description: row.try_get(4)?,
                    position: row.try_get(5)?,
                    path: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            },
            mapper: |it| CategoryRow::from(it),
        }
    }
}
pub struct CategoryBySlugStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_by_slug() -> CategoryBySlugStmt {
    CategoryBySlugStmt(
        "SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at FROM catalog.category WHERE slug = $1",
        None,
    )
}
impl CategoryBySlugStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        slug: &'a T1,
    ) -> CategoryRowQuery<'c, 'a, 's, C, CategoryRow, 1> {
        CategoryRowQuery {
            client,
            params: [slug],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryRowBorrowed, tokio_postgres::Error> {
                Ok(CategoryRowBorrowed {
                    id: row.try_get(0)?,
                    parent_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    slug: row.try_get(3)?,
                    description: row.try_get(4)?,
                    position: row.try_get(5)?,
                    path: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            },
            mapper: |it| CategoryRow::from(it),
        }
    }
}
pub struct CategorySlugsTakenStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_slugs_taken() -> CategorySlugsTakenStmt {
    CategorySlugsTakenStmt("SELECT slug, id FROM catalog.category WHERE slug = ANY ($1)", None)
}
impl CategorySlugsTakenStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        slugs: &'a T2,
    ) -> CategorySlugsTakenQuery<'c, 'a, 's, C, CategorySlugsTaken, 1> {
        CategorySlugsTakenQuery {
            client,
            params: [slugs],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategorySlugsTakenBorrowed, tokio_postgres::Error> {
                Ok(CategorySlugsTakenBorrowed { slug: row.try_get(0)?, id: row.try_get(1)? })
            },
            mapper: |it| CategorySlugsTaken::from(it),
        }
    }
}
pub struct CategoryNamedStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_named() -> CategoryNamedStmt {
    CategoryNamedStmt(
        "SELECT id, slug FROM catalog.category WHERE parent_id IS NOT DISTINCT FROM $1 AND name = $2 ORDER BY id LIMIT 1",
        None,
    )
}
impl CategoryNamedStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        parent: &'a Option<uuid::Uuid>,
        name: &'a T1,
    ) -> CategoryNamedQuery<'c, 'a, 's, C, CategoryNamed, 2> {
        CategoryNamedQuery {
            client,
            params: [parent, name],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryNamedBorrowed, tokio_postgres::Error> {
                Ok(CategoryNamedBorrowed { id: row.try_get(0)?, slug: row.try_get(1)? })
            },
            mapper: |it| CategoryNamed::from(it),
        }
    }
}
impl<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CategoryNamedParams<T1>,
        CategoryNamedQuery<'c, 'a, 's, C, CategoryNamed, 2>,
        C,
    > for CategoryNamedStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CategoryNamedParams<T1>,
    ) -> CategoryNamedQuery<'c, 'a, 's, C, CategoryNamed, 2> {
        self.bind(client, &params.parent, &params.name)
    }
}
pub struct CategoryLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_lock() -> CategoryLockStmt {
    CategoryLockStmt(
        "SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at FROM catalog.category WHERE slug = $1 FOR UPDATE",
        None,
    )
}
impl CategoryLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql>(
        &'s self,
        client: &'c C,
        slug: &'a T1,
    ) -> CategoryRowQuery<'c, 'a, 's, C, CategoryRow, 1> {
        CategoryRowQuery {
            client,
            params: [slug],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryRowBorrowed, tokio_postgres::Error> {
                Ok(CategoryRowBorrowed {
                    id: row.try_get(0)?,
                    parent_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    slug: row.try_get(3)?,
                    description: row.try_get(4)?,
                    position: row.try_get(5)?,
                    path: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            },
            mapper: |it| CategoryRow::from(it),
        }
    }
}
pub struct CategoryLockBelowStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_lock_below() -> CategoryLockBelowStmt {
    CategoryLockBelowStmt("SELECT id FROM catalog.category WHERE path @> ARRAY[$1::uuid] ORDER BY id FOR UPDATE", None)
}
impl CategoryLockBelowStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> UuidUuidQuery<'c, 'a, 's, C, uuid::Uuid, 1> {
        UuidUuidQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it,
        }
    }
}
pub struct CategoriesToAnalyseStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn categories_to_analyse() -> CategoriesToAnalyseStmt {
    CategoriesToAnalyseStmt("SELECT id, name FROM catalog.category ORDER BY id FOR NO KEY UPDATE", None)
}
impl CategoriesToAnalyseStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
    ) -> CategoriesToAnalyseQuery<'c, 'a, 's, C, CategoriesToAnalyse, 0> {
        CategoriesToAnalyseQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoriesToAnalyseBorrowed, tokio_postgres::Error> {
                Ok(CategoriesToAnalyseBorrowed { id: row.try_get(0)?, name: row.try_get(1)? })
            },
            mapper: |it| CategoriesToAnalyse::from(it),
        }
    }
}
pub struct CategorySetWordsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_set_words() -> CategorySetWordsStmt {
    CategorySetWordsStmt(
        "UPDATE catalog.category c SET words = w.words::tsvector FROM unnest($1::uuid[], $2::text[]) AS w(id, words) WHERE c.id = w.id",
        None,
    )
}
impl CategorySetWordsStmt {
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
        CategorySetWordsParams<T1, T2, T3>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for CategorySetWordsStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a CategorySetWordsParams<T1, T2, T3>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.ids, &params.words))
    }
}
pub struct CategoryByIdStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_by_id() -> CategoryByIdStmt {
    CategoryByIdStmt(
        "SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at FROM catalog.category WHERE id = $1",
        None,
    )
}
impl CategoryByIdStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> CategoryRowQuery<'c, 'a, 's, C, CategoryRow, 1> {
        CategoryRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryRowBorrowed, tokio_postgres::Error> {
                Ok(CategoryRowBorrowed {
                    id: row.try_get(0)?,
                    parent_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    slug: row.try_get(3)?,
                    description: row.try_get(4)?,
                    position: row.try_get(5)?,
                    path: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            },
            mapper: |it| CategoryRow::from(it),
        }
    }
}
pub struct CategoryBelowStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_below() -> CategoryBelowStmt {
    CategoryBelowStmt(
        "SELECT id, parent_id, name, slug, description, position, path, version, created_at, updated_at FROM catalog.category WHERE path @> ARRAY[$1::uuid] ORDER BY cardinality(path), position, name, id",
        None,
    )
}
impl CategoryBelowStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> CategoryRowQuery<'c, 'a, 's, C, CategoryRow, 1> {
        CategoryRowQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryRowBorrowed, tokio_postgres::Error> {
                Ok(CategoryRowBorrowed {
                    id: row.try_get(0)?,
                    parent_id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    slug: row.try_get(3)?,
                    description: row.try_get(4)?,
                    position: row.try_get(5)?,
                    path: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            },
            mapper: |it| CategoryRow::from(it),
        }
    }
}
pub struct CategoryCountsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_counts() -> CategoryCountsStmt {
    CategoryCountsStmt(
        "SELECT category_id, count(*) AS products, count(*) FILTER (WHERE stock > 0) AS in_stock FROM catalog.product WHERE active AND category_id IS NOT NULL GROUP BY category_id",
        None,
    )
}
impl CategoryCountsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
    ) -> CategoryCountsQuery<'c, 'a, 's, C, CategoryCounts, 0> {
        CategoryCountsQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryCounts, tokio_postgres::Error> {
                Ok(CategoryCounts {
                    category_id: row.try_get(0)?,
                    products: row.try_get(1)?,
                    in_stock: row.try_get(2)?,
                })
            },
            mapper: |it| CategoryCounts::from(it),
        }
    }
}
pub struct CategoryCountsBelowStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_counts_below() -> CategoryCountsBelowStmt {
    CategoryCountsBelowStmt(
        "SELECT category_id, count(*) AS products, count(*) FILTER (WHERE stock > 0) AS in_stock FROM catalog.product WHERE active AND category_id = ANY ($1) GROUP BY category_id",
        None,
    )
}
impl CategoryCountsBelowStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        ids: &'a T1,
    ) -> CategoryCountsBelowQuery<'c, 'a, 's, C, CategoryCountsBelow, 1> {
        CategoryCountsBelowQuery {
            client,
            params: [ids],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryCountsBelow, tokio_postgres::Error> {
                Ok(CategoryCountsBelow {
                    category_id: row.try_get(0)?,
                    products: row.try_get(1)?,
                    in_stock: row.try_get(2)?,
                })
            },
            mapper: |it| CategoryCountsBelow::from(it),
        }
    }
}
pub struct CategoryResolveStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_resolve() -> CategoryResolveStmt {
    CategoryResolveStmt(
        "SELECT c.id, c.slug, EXISTS (SELECT FROM catalog.category below WHERE below.parent_id = c.id) AS has_children FROM catalog.category c WHERE c.slug = ANY ($1)",
        None,
    )
}
impl CategoryResolveStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient, T1: crate::StringSql, T2: crate::ArraySql<Item = T1>>(
        &'s self,
        client: &'c C,
        slugs: &'a T2,
    ) -> CategoryResolveQuery<'c, 'a, 's, C, CategoryResolve, 1> {
        CategoryResolveQuery {
            client,
            params: [slugs],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryResolveBorrowed, tokio_postgres::Error> {
                Ok(CategoryResolveBorrowed {
                    id: row.try_get(0)?,
                    slug: row.try_get(1)?,
                    has_children: row.try_get(2)?,
                })
            },
            mapper: |it| CategoryResolve::from(it),
        }
    }
}
pub struct CategoryPathsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_paths() -> CategoryPathsStmt {
    CategoryPathsStmt(
        "SELECT c.id, c.slug, c.path, (SELECT string_agg(above.name, ' ') FROM catalog.category above WHERE above.id = ANY (c.path)) AS names FROM catalog.category c WHERE c.id = ANY ($1) OR c.slug = ANY ($2) ORDER BY c.id FOR SHARE OF c",
        None,
    )
}
impl CategoryPathsStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<
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
        slugs: &'a T3,
    ) -> CategoryPathsQuery<'c, 'a, 's, C, CategoryPaths, 2> {
        CategoryPathsQuery {
            client,
            params: [ids, slugs],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryPathsBorrowed, tokio_postgres::Error> {
                Ok(CategoryPathsBorrowed {
                    id: row.try_get(0)?,
                    slug: row.try_get(1)?,
                    path: row.try_get(2)?,
                    names: row.try_get(3)?,
                })
            },
            mapper: |it| CategoryPaths::from(it),
        }
    }
}
impl<
    'c,
    'a,
    's,
    C: GenericClient,
    T1: crate::ArraySql<Item = uuid::Uuid>,
    T2: crate::StringSql,
    T3: crate::ArraySql<Item = T2>,
>
    crate::client::async_::Params<
        'c,
        'a,
        's,
        CategoryPathsParams<T1, T2, T3>,
        CategoryPathsQuery<'c, 'a, 's, C, CategoryPaths, 2>,
        C,
    > for CategoryPathsStmt
{
    fn params(
        &'s self,
        client: &'c C,
        params: &'a CategoryPathsParams<T1, T2, T3>,
    ) -> CategoryPathsQuery<'c, 'a, 's, C, CategoryPaths, 2> {
        self.bind(client, &params.ids, &params.slugs)
    }
}
pub struct CategoryTreeLockStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_tree_lock() -> CategoryTreeLockStmt {
    CategoryTreeLockStmt("SELECT pg_advisory_xact_lock(hashtext('catalog.category_tree'))::text AS locked", None)
}
impl CategoryTreeLockStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(&'s self, client: &'c C) -> StringQuery<'c, 'a, 's, C, String, 0> {
        StringQuery {
            client,
            params: [],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row| Ok(row.try_get(0)?),
            mapper: |it| it.into(),
        }
    }
}
pub struct CategoryInsertStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_insert() -> CategoryInsertStmt {
    CategoryInsertStmt(
        "INSERT INTO catalog.category (id, parent_id, name, slug, description, position, path, words, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::tsvector, $9, $9)",
        None,
    )
}
impl CategoryInsertStmt {
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
        T4: crate::ArraySql<Item = uuid::Uuid>,
        T5: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
        parent_id: &'a Option<uuid::Uuid>,
        name: &'a T1,
        slug: &'a T2,
        description: &'a T3,
        position: &'a i32,
        path: &'a T4,
        words: &'a T5,
        now: &'a jiff::Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[id, parent_id, name, slug, description, position, path, words, now]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = uuid::Uuid>,
    T5: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        CategoryInsertParams<T1, T2, T3, T4, T5>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for CategoryInsertStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a CategoryInsertParams<T1, T2, T3, T4, T5>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.id,
            &params.parent_id,
            &params.name,
            &params.slug,
            &params.description,
            &params.position,
            &params.path,
            &params.words,
            &params.now,
        ))
    }
}
pub struct CategoryUpdateStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_update() -> CategoryUpdateStmt {
    CategoryUpdateStmt(
        "UPDATE catalog.category SET parent_id = $1, name = $2, slug = $3, description = $4, position = $5, path = $6, words = $7::text::tsvector, version = version + 1, updated_at = $8 WHERE id = $9",
        None,
    )
}
impl CategoryUpdateStmt {
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
        T4: crate::ArraySql<Item = uuid::Uuid>,
        T5: crate::StringSql,
    >(
        &'s self,
        client: &'c C,
        parent_id: &'a Option<uuid::Uuid>,
        name: &'a T1,
        slug: &'a T2,
        description: &'a T3,
        position: &'a i32,
        path: &'a T4,
        words: &'a T5,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[parent_id, name, slug, description, position, path, words, now, id]).await
    }
}
impl<
    'a,
    C: GenericClient + Send + Sync,
    T1: crate::StringSql,
    T2: crate::StringSql,
    T3: crate::StringSql,
    T4: crate::ArraySql<Item = uuid::Uuid>,
    T5: crate::StringSql,
>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        CategoryUpdateParams<T1, T2, T3, T4, T5>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for CategoryUpdateStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a CategoryUpdateParams<T1, T2, T3, T4, T5>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(
            client,
            &params.parent_id,
            &params.name,
            &params.slug,
            &params.description,
            &params.position,
            &params.path,
            &params.words,
            &params.now,
            &params.id,
        ))
    }
}
pub struct CategoryMoveBelowStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_move_below() -> CategoryMoveBelowStmt {
    CategoryMoveBelowStmt(
        "UPDATE catalog.category SET path = $1 || path[$2 + 1:], version = version + 1, updated_at = $3 WHERE path @> ARRAY[$4::uuid] AND id <> $4",
        None,
    )
}
impl CategoryMoveBelowStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub async fn bind<'c, 'a, 's, C: GenericClient, T1: crate::ArraySql<Item = uuid::Uuid>>(
        &'s self,
        client: &'c C,
        new_path: &'a T1,
        old_depth: &'a i32,
        now: &'a jiff::Timestamp,
        id: &'a uuid::Uuid,
    ) -> Result<u64, tokio_postgres::Error> {
        client.execute(self.0, &[new_path, old_depth, now, id]).await
    }
}
impl<'a, C: GenericClient + Send + Sync, T1: crate::ArraySql<Item = uuid::Uuid>>
    crate::client::async_::Params<
        'a,
        'a,
        'a,
        CategoryMoveBelowParams<T1>,
        std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>,
        C,
    > for CategoryMoveBelowStmt
{
    fn params(
        &'a self,
        client: &'a C,
        params: &'a CategoryMoveBelowParams<T1>,
    ) -> std::pin::Pin<Box<dyn futures::Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>> {
        Box::pin(self.bind(client, &params.new_path, &params.old_depth, &params.now, &params.id))
    }
}
pub struct CategoryRefreshProductsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_refresh_products() -> CategoryRefreshProductsStmt {
    CategoryRefreshProductsStmt(
        "UPDATE catalog.product p SET category_path = c.path, document = p.words || shelves.words FROM catalog.category c CROSS JOIN LATERAL ( SELECT catalog.joined(above.words) AS words FROM catalog.category above WHERE above.id = ANY (c.path) ) AS shelves WHERE c.path @> ARRAY[$1::uuid] AND p.category_id = c.id",
        None,
    )
}
impl CategoryRefreshProductsStmt {
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
pub struct CategoryInUseStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_in_use() -> CategoryInUseStmt {
    CategoryInUseStmt(
        "SELECT EXISTS (SELECT FROM catalog.category WHERE parent_id = $1) AS has_children, EXISTS (SELECT FROM catalog.product WHERE category_id = $1 AND deleted_at IS NULL) AS has_products",
        None,
    )
}
impl CategoryInUseStmt {
    pub async fn prepare<'a, C: GenericClient>(mut self, client: &'a C) -> Result<Self, tokio_postgres::Error> {
        self.1 = Some(client.prepare(self.0).await?);
        Ok(self)
    }
    pub fn bind<'c, 'a, 's, C: GenericClient>(
        &'s self,
        client: &'c C,
        id: &'a uuid::Uuid,
    ) -> CategoryInUseQuery<'c, 'a, 's, C, CategoryInUse, 1> {
        CategoryInUseQuery {
            client,
            params: [id],
            query: self.0,
            cached: self.1.as_ref(),
            extractor: |row: &tokio_postgres::Row| -> Result<CategoryInUse, tokio_postgres::Error> {
                Ok(CategoryInUse { has_children: row.try_get(0)?, has_products: row.try_get(1)? })
            },
            mapper: |it| CategoryInUse::from(it),
        }
    }
}
pub struct CategoryForgetDeletedProductsStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_forget_deleted_products() -> CategoryForgetDeletedProductsStmt {
    CategoryForgetDeletedProductsStmt(
        "UPDATE catalog.product SET category_id = NULL, category_path = '{}' WHERE category_id = $1 AND deleted_at IS NOT NULL",
        None,
    )
}
impl CategoryForgetDeletedProductsStmt {
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
pub struct CategoryDeleteStmt(&'static str, Option<tokio_postgres::Statement>);
pub fn category_delete() -> CategoryDeleteStmt {
    CategoryDeleteStmt("DELETE FROM catalog.category WHERE id = $1", None)
}
impl CategoryDeleteStmt {
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
