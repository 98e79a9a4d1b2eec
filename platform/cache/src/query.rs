//! `cached_query`: one query's result, cached under a key, with nothing to set up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Cache;
use crate::namespace::{Codec, FillError, Filled, Namespace, Policy};

/// How one query is cached.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    /// Time to live.
    pub ttl: Duration,
    /// What the result is made from: any change of these rules it out.
    pub tags: Vec<String>,
}

/// Results of queries of any type, as JSON.
#[derive(Clone, Debug)]
pub struct Queries {
    results: Namespace<Bytes>,
}

impl Queries {
    /// The namespace `queries` of this cache. To be made once.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        let codec = Codec {
            encode: |bytes: &Bytes| Some(bytes.clone()),
            decode: Some,
            weigh: Some(|bytes: &Bytes| bytes.len() as u64),
        };
        Self { results: cache.namespace_with("queries", Policy::live(Duration::from_secs(300)), codec) }
    }
}

/// Why a cached query has no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError<E> {
    /// The query failed, took too long, or panicked.
    #[error(transparent)]
    Fill(#[from] FillError<E>),
    /// Its result cannot be written as JSON or read back as this type.
    #[error("the result of the query {key:?} does not survive being written as JSON")]
    Form {
        /// The query's key.
        key: String,
        /// What serde said.
        #[source]
        source: Arc<serde_json::Error>,
    },
}

/// The result of `query`, from the cache where it has one that is still good.
///
/// The same key must always stand for the same query: its parameters belong into it.
///
/// # Errors
/// See [`QueryError`].
///
/// ```no_run
/// # use std::time::Duration;
/// # use entrepot_cache::{Queries, QueryOptions, cached_query};
/// # async fn popular() -> Result<Vec<String>, std::io::Error> { Ok(Vec::new()) }
/// # async fn example(queries: &Queries) {
/// let options = QueryOptions { ttl: Duration::from_secs(300), tags: vec!["products".to_owned()] };
/// let popular: Vec<String> = cached_query(queries, "products:popular", options, popular).await.unwrap();
/// # }
/// ```
pub async fn cached_query<T, E, F, Fut>(
    queries: &Queries,
    key: &str,
    options: QueryOptions,
    query: F,
) -> Result<T, QueryError<E>>
where
    T: Serialize + DeserializeOwned,
    E: Send + Sync + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    let form = |source: Arc<serde_json::Error>| QueryError::Form { key: key.to_owned(), source };
    let got = queries
        .results
        .get_or_fill(key, move || async move {
            let result = query().await.map_err(|error| Cause::Query(Arc::new(error)))?;
            let bytes = serde_json::to_vec(&result).map_err(|error| Cause::Form(Arc::new(error)))?;
            Ok(Filled::found(Bytes::from(bytes)).tags(options.tags).ttl(options.ttl))
        })
        .await;
    match got {
        Ok(got) => serde_json::from_slice(&got.value.unwrap_or_default()).map_err(|error| form(Arc::new(error))),
        Err(FillError::TimedOut(after)) => Err(FillError::TimedOut(after).into()),
        Err(FillError::Panicked) => Err(FillError::Panicked.into()),
        Err(FillError::Failed(cause)) => match &*cause {
            Cause::Form(source) => Err(form(source.clone())),
            Cause::Query(error) => Err(FillError::Failed(error.clone()).into()),
        },
    }
}

enum Cause<E> {
    Query(Arc<E>),
    Form(Arc<serde_json::Error>),
}
