//! The response cache: whole answers to GETs, kept as they are sent.
//!
//! An answer is kept under its path, its query (with the parameters in order) and the caller's scope,
//! by the kind of data that its route declares. What is kept is the body, the ETag, all fields that do
//! not change, and the compressed forms, which are made once, at a high level, off every request's
//! path. A hit is one look-up and a clone of `Bytes`.
//!
//! The fence of `entrepot-cache` decides whether an answer may still be sent: it carries the tags of
//! everything that it was made from ([`crate::Reply::cached`]).
//!
//! **Invariants:**
//! - Every GET of every module declares how it may be cached, or why never; [`Responses::new`] fails
//!   on one that does not.
//! - Only an answer with status 200 that named its tags is kept. A problem never is.
//! - Only what demands no permission is kept ([`crate::Operations::new`] fails on anything else), so an
//!   answer is the same for everybody, also for those who have signed in.
//! - Who asks for what is never kept, while somebody asks for the same, shares that answer only if
//!   nothing had changed between the beginning of the one and the other's coming.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use bytes::{BufMut as _, Bytes, BytesMut};
use entrepot_cache::{Cache, Codec, Counter, Counters, Namespace, Policy};
use entrepot_runtime::Tasks;
use tokio::sync::{Mutex, mpsc};

use crate::compress::{Coding, WORTH_IT, is_compressible};
use crate::cors::SECURITY_FIELDS;
use crate::hit::{HitForm, hit_fields};
use crate::{CacheClass, Module, Problem, Reply};

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
/// Longer ones are answered and not kept.
const LONGEST_KEY: usize = 2_048;
/// Answers whose compressed forms wait to be made.
const FORMS_WAITING: usize = 256;
/// Groups that `Cache-Groups` names at the most (RFC 9875 asks caches for 32).
const MOST_GROUPS: usize = 32;

/// How the answers of a GET may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As data of this kind; the kinds and their times are the server's.
    As(&'static str),
    /// Never, and why. Those who ask at the same moment may share an answer.
    Never(&'static str),
    /// Never, and nobody shares it: it is sent piece by piece. And why that is.
    Streamed(&'static str),
}

/// Why the response cache cannot be put together; each is a defect of a module.
#[derive(Debug, thiserror::Error)]
pub enum ResponsesError {
    /// A GET without a declaration.
    #[error("the module {module} does not declare how {operation} may be cached")]
    Undeclared {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
    },
    /// A declaration for something else than a GET.
    #[error("the module {module} declares how {operation} may be cached, which is no GET of it")]
    NoOperation {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// A kind of data that there is not.
    #[error("{operation} is cached as {kind:?}, which is no kind of data")]
    NoKind {
        /// The operation.
        operation: &'static str,
        /// The kind.
        kind: &'static str,
    },
    /// Two routes are one.
    #[error("the path {path} cannot be routed")]
    Path {
        /// The path.
        path: String,
        /// What the router said.
        #[source]
        source: matchit::InsertError,
    },
}

/// The response cache. Cheap to clone.
#[derive(Clone)]
pub struct Responses {
    shared: Arc<Shared>,
}

struct Shared {
    routes: matchit::Router<Route>,
    /// Where those meet who ask at the same moment for what is never kept.
    uncached: Namespace<Answer>,
    forms: mpsc::Sender<Arc<Answer>>,
}

impl fmt::Debug for Responses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Responses").finish_non_exhaustive()
    }
}

/// A GET.
#[derive(Clone)]
pub(crate) struct Route {
    /// `None`: never cached.
    pub(crate) answers: Option<Namespace<Answer>>,
    /// It makes its own body, which cannot be shared.
    pub(crate) is_streamed: bool,
    pub(crate) counters: Option<Counters>,
}

/// What a handler answered, for all who asked for the same.
#[derive(Debug)]
pub(crate) enum Answer {
    Kept(Box<Kept>),
    Problem(Problem),
    /// For those who asked at the same moment, and nobody after them.
    Once(Box<Reply>),
}

/// An answer as it is sent.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Without quotes and coding.
    pub(crate) etag: Box<str>,
    /// Everything that is the same each time it is sent; no coding's ETag among it.
    pub(crate) fields: HeaderMap,
    pub(crate) is_compressible: bool,
    /// [`Kept::fields`] behind the places of what each hit says anew, for each [`HitForm`].
    hit_fields: [OnceLock<Box<HeaderMap>>; 4],
    forms: [OnceLock<Option<Form>>; 3],
    forms_asked_for: AtomicBool,
    /// Whether the target that it is kept for has been looked at, and has nothing suspicious.
    pub(crate) is_plain: AtomicBool,
    counted: Option<Arc<str>>,
    counter: OnceLock<Counter>,
    groups: Vec<String>,
    content_type: String,
    own_fields: Vec<(HeaderName, HeaderValue)>,
}

/// A compressed form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) bytes: Bytes,
    pub(crate) etag: HeaderValue,
}

impl Responses {
    /// The response cache of these modules. `kinds` are the kinds of data, with their policies.
    ///
    /// # Errors
    /// See [`ResponsesError`].
    pub fn new(
        cache: &Cache,
        kinds: Vec<(&'static str, Policy)>,
        modules: &[Module],
        tasks: &Tasks,
    ) -> Result<Self, ResponsesError> {
        let is_enabled = cache.is_enabled();
        let kinds: HashMap<&'static str, Namespace<Answer>> =
            kinds.into_iter().map(|(name, policy)| (name, cache.namespace_with(name, policy, CODEC))).collect();
        let mut routes = matchit::Router::new();
        for module in modules {
            add_routes(&mut routes, module, &kinds, is_enabled)?;
        }
        let (forms, waiting) = mpsc::channel(FORMS_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        tasks.supervise("compressed-forms", move || {
            let waiting = waiting.clone();
            async move { make_forms(&mut *waiting.lock().await).await }
        });
        let uncached = cache.namespace_with("uncached", Policy::live(Duration::from_secs(1)).unshared(), CODEC);
        Ok(Self { shared: Arc::new(Shared { routes, uncached, forms }) })
    }

    /// What is known of the GET of this path.
    pub(crate) fn route(&self, path: &str) -> Option<&Route> {
        Some(self.shared.routes.at(path).ok()?.value)
    }

    /// Where those meet who ask at the same moment for what is never kept.
    pub(crate) fn uncached(&self) -> &Namespace<Answer> {
        &self.shared.uncached
    }

    /// Has the compressed forms of an answer made, some time.
    pub(crate) fn want_forms(&self, answer: &Arc<Answer>) {
        let Answer::Kept(kept) = &**answer else { return };
        if kept.is_compressible && !kept.forms_asked_for.swap(true, Ordering::AcqRel) {
            // There is no hurry: when too many wait, the next reader asks again.
            if self.shared.forms.try_send(answer.clone()).is_err() {
                kept.forms_asked_for.store(false, Ordering::Release);
            }
        }
    }
}

fn add_routes(
    routes: &mut matchit::Router<Route>,
    module: &Module,
    kinds: &HashMap<&'static str, Namespace<Answer>>,
    is_enabled: bool,
) -> Result<(), ResponsesError> {
    let mut seen = Vec::new();
    for (path, item) in &module.openapi.paths.paths {
        let Some(get) = &item.get else { continue };
        let operation = get.operation_id.clone().unwrap_or_default();
        let Some((name, caching)) = module.caching.iter().find(|(name, _)| *name == operation) else {
            return Err(ResponsesError::Undeclared { module: module.name, operation });
        };
        let answers = match caching {
            Caching::Never(_) | Caching::Streamed(_) => None,
            Caching::As(kind) => {
                let kind = kinds.get(kind).cloned().ok_or(ResponsesError::NoKind { operation: name, kind })?;
                is_enabled.then_some(kind)
            }
        };
        let counters =
            module.counters.iter().find(|(counted, _)| counted == name).map(|(_, counters)| counters.clone());
        let source = |source| ResponsesError::Path { path: path.clone(), source };
        let is_streamed = matches!(caching, Caching::Streamed(_));
        routes.insert(path.clone(), Route { answers, is_streamed, counters }).map_err(source)?;
        seen.push(*name);
    }
    match module.caching.iter().find(|(name, _)| !seen.contains(name)) {
        Some((operation, _)) => Err(ResponsesError::NoOperation { module: module.name, operation }),
        None => Ok(()),
    }
}

/// Calls `with` with the key of a request that anybody may share: its path, and its query's
/// parameters in order. `None` when it is too long to be kept.
pub(crate) fn with_key<T>(uri: &Uri, with: impl FnOnce(&str) -> T) -> Option<T> {
    thread_local! {
        static KEY: RefCell<String> = const { RefCell::new(String::new()) };
    }
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    if path.len() + query.len() + 16 > LONGEST_KEY {
        return None;
    }
    let mut key = KEY.with(RefCell::take);
    key.clear();
    key.push_str("public ");
    key.push_str(path);
    if query.contains('&') {
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        // By name alone and stably: the order of a name's own values stays.
        pairs.sort_by_key(|pair| pair.split('=').next());
        for (index, pair) in pairs.into_iter().enumerate() {
            key.push(if index == 0 { '?' } else { '&' });
            key.push_str(pair);
        }
    } else if !query.is_empty() {
        key.push('?');
        key.push_str(query);
    }
    let result = with(&key);
    KEY.set(key);
    Some(result)
}

impl Kept {
    /// An answer of a handler, and its tags if it may be kept.
    pub(crate) fn of(reply: Reply) -> (Self, Option<Vec<String>>) {
        let tags = reply.tags;
        let mut kept = Self::new(
            reply.body,
            reply.content_type.to_owned(),
            reply.etag.unwrap_or_default().into(),
            reply.headers,
            tags.clone().unwrap_or_default(),
            reply.class,
        );
        kept.status = reply.status;
        kept.counted = reply.counted;
        (kept, tags)
    }

    fn new(
        body: Bytes,
        content_type: String,
        etag: Box<str>,
        own_fields: Vec<(HeaderName, HeaderValue)>,
        groups: Vec<String>,
        class: CacheClass,
    ) -> Self {
        let is_compressible = body.len() >= WORTH_IT && is_compressible(&content_type);
        let mut fields = HeaderMap::with_capacity(20);
        if let Ok(value) = HeaderValue::from_str(&content_type) {
            fields.insert(header::CONTENT_TYPE, value);
        }
        fields.insert(header::CACHE_CONTROL, class.header());
        if let Some(value) = etag_value(&etag, "") {
            fields.insert(header::ETAG, value);
        }
        if is_compressible {
            fields.insert(header::VARY, const { HeaderValue::from_static("accept-encoding") });
        }
        for (name, value) in &own_fields {
            fields.insert(name.clone(), value.clone());
        }
        if let Some(value) = groups_value(&groups) {
            fields.insert(CACHE_GROUPS, value);
        }
        for (name, value) in SECURITY_FIELDS {
            fields.entry(name).or_insert(value);
        }
        Self {
            status: StatusCode::OK,
            body,
            etag,
            fields,
            is_compressible,
            hit_fields: Default::default(),
            forms: Default::default(),
            forms_asked_for: AtomicBool::new(false),
            is_plain: AtomicBool::new(false),
            counted: None,
            counter: OnceLock::new(),
            groups,
            content_type,
            own_fields,
        }
    }

    /// The fields of a hit, as `hit.rs` puts them together once.
    pub(crate) fn hit_fields(&self, form: HitForm) -> &HeaderMap {
        let place = &self.hit_fields[usize::from(form.is_coded) * 2 + usize::from(form.tells_limits)];
        place.get_or_init(|| Box::new(hit_fields(&self.fields, form)))
    }

    /// Its compressed form, if it has been made and is worth it.
    pub(crate) fn form(&self, coding: Coding) -> Option<&Form> {
        self.forms[coding as usize].get()?.as_ref()
    }

    /// A form that is made on the way, as long as the good one is not there; `None` where that would
    /// take too long or is not worth it.
    pub(crate) fn quick_form(&self, coding: Coding) -> Option<Form> {
        let bytes = coding.compress_quickly(&self.body)?;
        let etag = etag_value(&self.etag, &format!("-{}-quick", coding.name()))?;
        Some(Form { bytes, etag })
    }

    /// Whether the forms have been made; then one that is not there is not worth it.
    pub(crate) fn has_forms(&self) -> bool {
        self.forms.iter().all(|form| form.get().is_some())
    }

    /// Counts that it was sent, where its route counts that.
    pub(crate) fn count(&self, route: &Route) {
        let (Some(key), Some(counters)) = (&self.counted, &route.counters) else { return };
        self.counter.get_or_init(|| counters.counter(key.clone())).add(1);
    }
}

/// A quoted ETag with the coding's name behind it.
pub(crate) fn etag_value(etag: &str, suffix: &str) -> Option<HeaderValue> {
    if etag.is_empty() {
        return None;
    }
    HeaderValue::try_from(format!("\"{etag}{suffix}\"")).ok()
}

/// A list of strings as RFC 9875 has it; `None` for an empty one.
pub(crate) fn groups_value(groups: &[String]) -> Option<HeaderValue> {
    let plain = |group: &&String| group.bytes().all(|byte| (0x20..0x7F).contains(&byte) && !b"\"\\".contains(&byte));
    let list: Vec<String> = groups.iter().filter(plain).take(MOST_GROUPS).map(|group| format!("\"{group}\"")).collect();
    if list.is_empty() { None } else { HeaderValue::try_from(list.join(", ")).ok() }
}

async fn make_forms(waiting: &mut mpsc::Receiver<Arc<Answer>>) {
    while let Some(answer) = waiting.recv().await {
        // One at a time, on a thread where taking long is nobody's loss.
        let made = tokio::task::spawn_blocking(move || {
            let Answer::Kept(kept) = &*answer else { return };
            for coding in Coding::ALL {
                let form = coding.compress_well(&kept.body).filter(|bytes| bytes.len() < kept.body.len());
                let form = form.and_then(|bytes| {
                    let etag = etag_value(&kept.etag, &format!("-{}", coding.name()))?;
                    Some(Form { bytes, etag })
                });
                let _made_already = kept.forms[coding as usize].set(form);
            }
        });
        if made.await.is_err() {
            tracing::error!("compressing an answer panicked; it is sent as it is");
        }
    }
    std::future::pending::<()>().await;
}

/// Answers as they leave the process: the length of a head in JSON, the head, the body.
const CODEC: Codec<Answer> = Codec { encode, decode, weigh: Some(weigh) };

#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    content_type: String,
    etag: String,
    fields: Vec<(String, String)>,
    groups: Vec<String>,
    class: CacheClass,
    counted: Option<String>,
}

fn encode(answer: &Answer) -> Option<Bytes> {
    let Answer::Kept(kept) = answer else { return None };
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let head = Head {
        content_type: kept.content_type.clone(),
        etag: kept.etag.to_string(),
        fields: kept
            .own_fields
            .iter()
            .map(|(name, value)| Some((name.to_string(), text(value)?)))
            .collect::<Option<_>>()?,
        groups: kept.groups.clone(),
        class: CacheClass::of(kept.fields.get(header::CACHE_CONTROL)?)?,
        counted: kept.counted.as_deref().map(str::to_owned),
    };
    let head = serde_json::to_vec(&head).ok()?;
    let mut bytes = BytesMut::with_capacity(4 + head.len() + kept.body.len());
    bytes.put_u32_le(u32::try_from(head.len()).ok()?);
    bytes.put_slice(&head);
    bytes.put_slice(&kept.body);
    Some(bytes.freeze())
}

fn decode(mut bytes: Bytes) -> Option<Answer> {
    let length = usize::try_from(u32::from_le_bytes(*bytes.first_chunk::<4>()?)).ok()?;
    if bytes.len() < 4 + length {
        return None;
    }
    let head: Head = serde_json::from_slice(&bytes[4..4 + length]).ok()?;
    let body = bytes.split_off(4 + length);
    let fields = head
        .fields
        .into_iter()
        .map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)));
    let fields = fields.collect::<Option<Vec<_>>>()?;
    let mut kept = Kept::new(body, head.content_type, head.etag.into(), fields, head.groups, head.class);
    kept.counted = head.counted.map(Into::into);
    Some(Answer::Kept(Box::new(kept)))
}

/// What an answer takes: the body, some more for the forms that will be made, and the fields.
fn weigh(answer: &Answer) -> u64 {
    match answer {
        Answer::Kept(kept) => {
            let forms = if kept.is_compressible { kept.body.len() / 2 } else { 0 };
            (kept.body.len() + forms + 4_096) as u64
        }
        Answer::Problem(_) | Answer::Once(_) => 512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_another_order_are_the_same_request() {
        let key = |uri: &str| with_key(&uri.parse().expect("a URI"), str::to_owned);
        assert_eq!(key("/p?b=2&a=1"), key("/p?a=1&b=2"));
        assert_eq!(key("/p?a=1&&b=2&"), key("/p?a=1&b=2"));
        assert_ne!(key("/p?a=1&a=2"), key("/p?a=2&a=1"), "the order of one name's values may mean something");
        assert_ne!(key("/p?a=1"), key("/p/a=1"));
        assert_eq!(key(&format!("/p?a={}", "x".repeat(3_000))), None);
    }

    #[test]
    fn an_answer_survives_leaving_the_process() {
        let mut reply = Reply::bytes(Bytes::from("{\"a\":1}"), "application/json", CacheClass::Api).version(3);
        reply = reply.header(HeaderName::from_static("x-own"), "1").cached(["a:1", "b"]);
        let (kept, tags) = Kept::of(reply);
        assert_eq!(tags, Some(vec!["a:1".to_owned(), "b".to_owned()]));
        assert_eq!(kept.fields["cache-groups"], "\"a:1\", \"b\"");
        let fields = kept.fields.clone();
        let (body, etag) = (kept.body.clone(), kept.etag.clone());
        let bytes = encode(&Answer::Kept(Box::new(kept))).expect("a kept answer");
        let Some(Answer::Kept(back)) = decode(bytes) else { panic!("it comes back") };
        assert_eq!((back.body, back.etag, back.fields), (body, etag, fields));
        for rubbish in [&b""[..], b"\x01\x00", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00{}"] {
            assert!(decode(Bytes::from_static(rubbish)).is_none());
        }
    }
}
