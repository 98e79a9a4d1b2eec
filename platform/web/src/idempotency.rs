//! Idempotency keys: a request that is sent again does nothing again and gets the first one's answer.
//!
//! The answer is stored in the very transaction that the request's handler wrote in: the handler's
//! commit is held back ([`entrepot_pg::holding`]) until the answer is made and stored beside it. So
//! there is no moment at which one of the two exists without the other, whoever crashes when.
//!
//! **Invariants:**
//! - A key belongs to its caller: nobody gets another's answer, nor one's own of when one might see more (other stores,
//!   another role): what was answered then is told as done and not shown.
//! - Only what was committed is stored. A request that was refused or failed may be sent again with the
//!   same key.
//! - While the first request runs the second is told so; it never waits for it, and never runs beside it
//!   (an advisory lock on the key, tried and not waited for).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use entrepot_pg::tokio_postgres::types::Json;
use entrepot_pg::{Database, Error, Held, Transaction, holding};
use entrepot_runtime::{Clock, Tasks, current_request};
use futures_util::FutureExt as _;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::{CacheClass, Problem, Reply, kinds};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const ENTREPOT_POSITION: HeaderName = HeaderName::from_static("entrepot-position");
const LONGEST_KEY: usize = 255;
/// Longer bodies are answered and not stored; no operation that acts has one.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const FORGET_EVERY: Duration = Duration::from_secs(900);
/// Rows that one statement forgets.
const FORGET_AT_ONCE: i64 = 5_000;

/// The stored answers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Idempotency {
    database: Database,
    clock: Clock,
}

/// A key, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Whose {
    pub(crate) caller: String,
    /// What the caller may see and do now ([`crate::Caller::reach`]).
    pub(crate) reach: u64,
    /// Whether the caller is restricted to stores.
    pub(crate) is_restricted: bool,
    pub(crate) key: String,
}

/// A request that carries a key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) whose: Whose,
    pub(crate) fingerprint: [u8; 16],
    /// The answer does not tell whether anything was written.
    pub(crate) is_quiet: bool,
}

/// An answer, but for its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    content_type: String,
    etag: Option<String>,
    class: CacheClass,
    headers: Vec<(String, String)>,
    /// Where the write stands in the feed.
    position: Option<u64>,
    /// What the caller might see and do then; those that were stored before this was kept have none.
    reach: Option<u64>,
}

/// What the prelude of a transaction found out.
#[derive(Debug, Default)]
struct Found {
    runs_elsewhere: AtomicBool,
    is_done: AtomicBool,
}

impl Idempotency {
    /// Answers are stored in this database.
    #[must_use]
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Forgets answers when their time is over.
    pub fn start(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.supervise("kept-answers", move || {
            let this = this.clone();
            async move {
                let mut beat = tokio::time::interval(FORGET_EVERY);
                loop {
                    beat.tick().await;
                    if let Err(error) = this.forget().await {
                        tracing::warn!(%error, "old answers could not be forgotten; it is tried again");
                    }
                }
            }
        });
    }

    /// Forgets answers whose time is over; tells how many.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn forget(&self) -> Result<u64, Error> {
        let now = self.database.upkeep_time(&self.clock).await?;
        let before = now.checked_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
        let client = self.database.client().await?;
        let mut forgotten = 0;
        loop {
            let rows = client
                .execute(
                    "DELETE FROM web.kept_answer WHERE ctid IN
                     (SELECT ctid FROM web.kept_answer WHERE created_at < $1 LIMIT $2)",
                    &[&before, &FORGET_AT_ONCE],
                )
                .await?;
            forgotten += rows;
            if rows < FORGET_AT_ONCE.unsigned_abs() {
                return Ok(forgotten);
            }
        }
    }

    /// Answers with what is stored, or has `handle` answer and stores that with what it wrote.
    pub(crate) async fn answer<F>(&self, keyed: Keyed, handle: impl FnOnce() -> F + Send) -> Response<Body>
    where
        F: Future<Output = Response<Body>> + Send,
    {
        match self.stored(&keyed).await {
            Ok(None) => {}
            Ok(Some(answer)) => return answer,
            Err(problem) => return axum::response::IntoResponse::into_response(problem),
        }
        let found = Arc::new(Found::default());
        let held = Arc::new(Held::new({
            let (found, keyed) = (found.clone(), keyed.clone());
            move |transaction| {
                let (found, keyed) = (found.clone(), keyed.clone());
                async move { begin(transaction, &keyed, &found).await }.boxed()
            }
        }));
        let response = holding(held.clone(), handle()).await;
        if found.runs_elsewhere.load(Ordering::Acquire) {
            let problem =
                Problem::new(&kinds::IDEMPOTENCY_IN_PROGRESS, "the first request with this key has not ended");
            return axum::response::IntoResponse::into_response(problem.retry_after(1));
        }
        if found.is_done.load(Ordering::Acquire) {
            return match self.stored(&keyed).await {
                Ok(Some(answer)) => answer,
                Ok(None) => axum::response::IntoResponse::into_response(Problem::internal()),
                Err(problem) => axum::response::IntoResponse::into_response(problem),
            };
        }
        let Some(transaction) = held.take().await else { return response };
        let Some(reply) = response.extensions().get::<Reply>() else {
            // The handler wrote and then failed: none of it happened.
            transaction.roll_back().await;
            return response;
        };
        let committed = match self.store(&transaction, &keyed, reply).await {
            Ok(()) => transaction.commit().await,
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        };
        match committed {
            Ok(()) => response,
            Err(error) => {
                let may_pass = error.is_unavailable() || error.is_statement_timeout();
                axum::response::IntoResponse::into_response(Problem::failure(error, may_pass))
            }
        }
    }

    async fn stored(&self, keyed: &Keyed) -> Result<Option<Response<Body>>, Problem> {
        let stored = async {
            let client = self.database.client().await?;
            let since = self.clock.now().checked_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
            let sql = "SELECT fingerprint, status, head, body FROM web.kept_answer WHERE caller = $1 AND key = $2 AND created_at > $3";
            let statement = client.prepare_cached(sql).await?;
            Ok::<_, Error>(client.query_opt(&statement, &[&keyed.whose.caller, &keyed.whose.key, &since]).await?)
        };
        let row = stored.await.map_err(|error| {
            let may_pass = error.is_unavailable() || error.is_statement_timeout();
            Problem::failure(error, may_pass)
        })?;
        let Some(row) = row else { return Ok(None) };
        if row.get::<_, &[u8]>(0) != keyed.fingerprint {
            let detail = "this Idempotency-Key came with another method, path or body before";
            return Err(Problem::new(&kinds::IDEMPOTENCY_KEY_REUSED, detail));
        }
        let Json(head): Json<Head> = row.get(2);
        if head.reach.map_or(keyed.whose.is_restricted, |reach| reach != keyed.whose.reach) {
            let detail = "the first request with this Idempotency-Key has been answered, and you had another role or other stores then";
            return Err(Problem::new(&kinds::IDEMPOTENCY_KEY_REUSED, detail));
        }
        let status = StatusCode::from_u16(row.get::<_, i16>(1).unsigned_abs()).map_err(|_| Problem::internal())?;
        let content_type = known_type(&head.content_type).ok_or_else(Problem::internal)?;
        let mut headers: Vec<_> = head
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)))
            .collect();
        headers.extend(head.position.map(|position| (ENTREPOT_POSITION, HeaderValue::from(position))));
        headers.push((IDEMPOTENT_REPLAYED, const { HeaderValue::from_static("true") }));
        let reply = Reply {
            status,
            body: Bytes::copy_from_slice(row.get(3)),
            content_type,
            etag: head.etag,
            class: head.class,
            headers,
            tags: None,
            counted: None,
        };
        Ok(Some(axum::response::IntoResponse::into_response(reply)))
    }

    async fn store(&self, transaction: &Transaction, keyed: &Keyed, reply: &Reply) -> Result<(), Error> {
        if reply.body.len() > LARGEST_ANSWER || known_type(reply.content_type).is_none() {
            tracing::error!(content_type = reply.content_type, "an answer cannot be stored under its idempotency key");
            return Ok(());
        }
        let text =
            |(name, value): &(HeaderName, HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
        let head = Head {
            content_type: reply.content_type.to_owned(),
            etag: reply.etag.clone(),
            class: reply.class,
            headers: reply.headers.iter().filter_map(text).collect(),
            position: current_request().and_then(|request| request.given()).filter(|_| !keyed.is_quiet),
            reach: Some(keyed.whose.reach),
        };
        let status = i16::try_from(reply.status.as_u16()).unwrap_or(200);
        // One whose time is over and that nobody has forgotten yet makes room.
        let sql = "INSERT INTO web.kept_answer (caller, key, fingerprint, status, head, body, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (caller, key) DO UPDATE SET fingerprint = $3, status = $4, head = $5, body = $6, created_at = $7";
        let statement = transaction.prepare_cached(sql).await?;
        let now = self.clock.now();
        transaction
            .execute(
                &statement,
                &[
                    &keyed.whose.caller,
                    &keyed.whose.key,
                    &&keyed.fingerprint[..],
                    &status,
                    &Json(head),
                    &&reply.body[..],
                    &now,
                ],
            )
            .await?;
        Ok(())
    }
}

/// The first thing that the request's transaction does.
async fn begin(transaction: &Transaction, keyed: &Keyed, found: &Found) -> Result<(), Error> {
    let lock = xxh3_64(format!("idempotency {} {}", keyed.whose.caller, keyed.whose.key).as_bytes()).cast_signed();
    let statement = transaction.prepare_cached("SELECT pg_try_advisory_xact_lock($1)").await?;
    let row = transaction.query_one(&statement, &[&lock]).await?;
    if !row.get::<_, bool>(0) {
        found.runs_elsewhere.store(true, Ordering::Release);
        return Err(Error::Refused("another request with its idempotency key runs"));
    }
    // A statement of its own: its snapshot is taken after the lock was.
    let sql = "SELECT EXISTS (SELECT FROM web.kept_answer WHERE caller = $1 AND key = $2 AND created_at > now() - interval '24 hours')";
    let statement = transaction.prepare_cached(sql).await?;
    let row = transaction.query_one(&statement, &[&keyed.whose.caller, &keyed.whose.key]).await?;
    if row.get::<_, bool>(0) {
        found.is_done.store(true, Ordering::Release);
        return Err(Error::Refused("the request with its idempotency key has been answered"));
    }
    Ok(())
}

/// The media types that answers to writes have.
fn known_type(content_type: &str) -> Option<&'static str> {
    ["application/json", ""].into_iter().find(|known| *known == content_type)
}

/// The key that a request carries.
///
/// # Errors
/// 400 for one that is none.
pub(crate) fn key_of(value: &HeaderValue) -> Result<String, Problem> {
    let key = value.to_str().ok().map(str::trim).filter(|key| {
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    });
    key.map(str::to_owned).ok_or_else(|| {
        Problem::new(&kinds::INVALID_IDEMPOTENCY_KEY, "an Idempotency-Key has 1 to 255 visible ASCII characters")
    })
}

/// What stands for a request: its method, its target, its body.
pub(crate) fn fingerprint(method: &str, target: &str, body: &[u8]) -> [u8; 16] {
    let mut hash = Xxh3::new();
    for part in [method.as_bytes(), target.as_bytes(), body] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.digest128().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_fingerprints() {
        let key = |text: &'static str| key_of(&HeaderValue::from_static(text)).ok();
        assert_eq!(key("0190-abc"), Some("0190-abc".to_owned()));
        assert_eq!(key(""), None);
        assert!(key_of(&HeaderValue::from_str(&"k".repeat(256)).expect("a value")).is_err());
        assert!(key_of(&HeaderValue::from_bytes(b"\xff").expect("a value")).is_err());
        assert_ne!(fingerprint("POST", "/a", b"b"), fingerprint("POST", "/ab", b""));
        assert_eq!(fingerprint("POST", "/a", b"b"), fingerprint("POST", "/a", b"b"));
    }
}
