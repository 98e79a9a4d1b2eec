//! Who may do what, as the edge enforces it: what an operation demands, what a request brings, and
//! what a handler may then rely on.
//!
//! The kit knows no roles and keeps no table of its own: a [`Doorkeeper`] tells whose credentials
//! these are, and how far a permission reaches for that caller.
//!
//! **Invariants:**
//! - Every operation of every module has a [`crate::Rule`]; [`crate::Operations::new`] fails on one that has none.
//! - The rule is enforced in one place, before the handler runs. A handler never decides *whether*, only
//!   how the [`Scope`] that it is handed narrows what it reads and writes. One that answers well without having asked
//!   for a scope that is not [`Scope::All`] is a defect, and its answer is withheld.
//! - Credentials that are there are good or the request is refused: nobody with an expired token is
//!   taken for a stranger. (Cookies are the exception where anybody may: browsers send them unasked.)

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use entrepot_runtime::Actor;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Attempts, Problem, Standing, kinds};

/// Where an API key is sent.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Where a page proves that it is ours, when its browser signs in by cookie.
pub(crate) const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// The session's cookie over TLS, where only the first counts, and without (on one's own machine).
pub const COOKIES: [&str; 2] = ["__Host-entrepot", "entrepot-local"];

/// What every API key begins with.
pub const KEY_BEGINS: &str = "ek_";

/// How far a permission reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// What is the caller's own.
    Own,
    /// What belongs to the caller's stores.
    Store,
    /// What belongs to the caller's business.
    Business,
    /// Everything.
    All,
}

impl Scope {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Store => "store",
            Self::Business => "business",
            Self::All => "all",
        }
    }
}

/// By what a caller was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// An access token of this session.
    Session(Uuid),
    /// The cookie of this session.
    Cookie(Uuid),
    /// This API key.
    Key(Uuid),
    /// Nothing: it is done later, on a person's behalf.
    Behalf,
}

/// Somebody who was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Which person.
    pub id: Uuid,
    /// In which role.
    pub role: &'static str,
    /// By what.
    pub via: Via,
    /// The same as text, for the audit.
    pub via_text: Arc<str>,
    /// The only actions that the credentials may be used for; `None` for all of the role's.
    pub actions: Option<Arc<[String]>>,
    /// The role beyond which the credentials never reach, whatever role the person has now.
    pub made_as: Option<&'static str>,
    /// The stores that the caller is tied to; `None` for one who is tied to none.
    pub stores: Option<Arc<[String]>>,
    /// An event that carries one of these tags may have changed what the caller may do.
    pub tags: Arc<[String]>,
    /// When the credentials end by themselves.
    pub expires_at: Timestamp,
}

impl Caller {
    /// A caller with all the rights of a role.
    #[must_use]
    pub fn new(id: Uuid, role: &'static str, via: Via) -> Self {
        let via_text = match via {
            Via::Session(session) => format!("session:{session}"),
            Via::Cookie(session) => format!("cookie:{session}"),
            Via::Key(key) => format!("key:{key}"),
            Via::Behalf => "behalf".to_owned(),
        };
        Self {
            id,
            role,
            via,
            via_text: via_text.into(),
            actions: None,
            made_as: None,
            stores: None,
            tags: Arc::from([]),
            expires_at: Timestamp::MAX,
        }
    }

    /// What stands for how far the caller reaches now: it is another number with another role, other stores or
    /// credentials for other actions.
    #[must_use]
    pub(crate) fn reach(&self) -> u64 {
        let sorted = |list: &Option<Arc<[String]>>| {
            let mut list = list.as_ref()?.to_vec();
            list.sort_unstable();
            Some(list)
        };
        let reach = (self.role, self.made_as, sorted(&self.stores), sorted(&self.actions));
        xxh3_64(format!("{reach:?}").as_bytes())
    }

    /// The API key, or the person where there is none.
    #[must_use]
    pub(crate) fn key_id(&self) -> Uuid {
        if let Via::Key(key) = self.via { key } else { self.id }
    }

    /// The session, if it is one.
    #[must_use]
    pub fn session(&self) -> Option<Uuid> {
        match self.via {
            Via::Session(session) | Via::Cookie(session) => Some(session),
            Via::Key(_) | Via::Behalf => None,
        }
    }
}

/// What a request brings to be recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// An access token.
    Bearer(&'a str),
    /// An API key.
    Key(&'a str),
    /// The secret of a cookie.
    Cookie(&'a str),
}

impl<'a> Credential<'a> {
    /// The credentials among these fields.
    ///
    /// # Errors
    /// When they are of no known form, or there are several.
    pub fn of(fields: &'a HeaderMap, is_over_tls: bool) -> Result<Option<Self>, Problem> {
        let bearer = fields.get(header::AUTHORIZATION).map(Self::of_authorization).transpose()?;
        let key = match fields.get(X_API_KEY) {
            None => None,
            Some(value) => Some(value.to_str().map_err(|_| invalid("the API key is of no known form"))?),
        };
        match (bearer, key) {
            // Generated clients send one credential in all the ways that the OpenAPI document names.
            (Some(Self::Bearer(token) | Self::Key(token)), Some(key)) if token == key => Ok(bearer),
            (Some(_), Some(_)) => {
                Err(Problem::new(&kinds::INVALID_HEADER, "send either an access token or an API key, not both"))
            }
            (Some(bearer), None) => Ok(Some(bearer)),
            (None, Some(key)) => Ok(Some(Self::Key(key))),
            (None, None) => Ok(cookie(fields, is_over_tls).map(Self::Cookie)),
        }
    }

    /// What an `Authorization` field bears.
    ///
    /// # Errors
    /// When it is of no known form.
    pub(crate) fn of_authorization(value: &'a HeaderValue) -> Result<Self, Problem> {
        match bearer(value) {
            // Programs send a key so, too; no access token begins like one.
            Some(key) if key.starts_with(KEY_BEGINS) => Ok(Self::Key(key)),
            Some(token) => Ok(Self::Bearer(token)),
            None => Err(invalid("Authorization takes `Bearer` and an access token or an API key")),
        }
    }
}

/// By bytes: looking at a token letter by letter costs more than finding out whose it is.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
    let token = std::str::from_utf8(token.trim_ascii()).ok()?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// The secret of the session's cookie. Over TLS only the name counts that browsers take from this host alone
/// (RFC 6265bis, 4.1.3.2); several of one name are none that is good, as nobody knows which is the owner's.
fn cookie(fields: &HeaderMap, is_over_tls: bool) -> Option<&str> {
    let names = if is_over_tls { &COOKIES[..1] } else { &COOKIES[..] };
    let values = fields.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    // Of what is white space elsewhere only these two stand around a pair; all else is part of another name.
    let pairs = values.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim_matches([' ', '\t']).split_once('='));
    let mut secrets = pairs.filter(|(name, _)| names.contains(name)).map(|(_, secret)| secret);
    let first = secrets.next()?;
    Some(if secrets.next().is_some() { "" } else { first })
}

pub(crate) fn invalid(detail: &str) -> Problem {
    Problem::new(&kinds::INVALID_CREDENTIALS, detail)
}

/// Tells who callers are and what they may do.
pub trait Doorkeeper: Send + Sync + 'static {
    /// Whose credentials these are, if that is known without waiting; [`Doorkeeper::recognise`] if not.
    fn recognise_now(&self, credential: Credential<'_>) -> Option<Arc<Caller>>;

    /// Whether these were signed by us and have not expired, which tells without asking anybody that they are no guess.
    fn is_well_signed(&self, _credential: Credential<'_>) -> bool {
        false
    }

    /// Whose credentials these are.
    ///
    /// The error is a 401, or a 503 when it cannot be found out.
    fn recognise<'a>(&'a self, credential: Credential<'a>) -> BoxFuture<'a, Result<Arc<Caller>, Problem>>;

    /// Whether whoever was recognised may still do what they could then, though the credential itself may have
    /// run out meanwhile.
    ///
    /// The error is a 503: it cannot be found out.
    fn stands<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, Problem>>;

    /// A person as a caller whom nobody has signed in: for what is done later on that person's behalf. None where
    /// there is no such person, or the account is not active.
    ///
    /// The error is a 503: it cannot be found out.
    fn on_behalf(&self, person: Uuid) -> BoxFuture<'_, Result<Option<Arc<Caller>>, Problem>>;

    /// Whether this is the token that belongs to this cookie.
    fn proves_own_page(&self, cookie: &str, token: &str) -> bool;

    /// How far this action's permission reaches for this caller; `None` where there is none.
    fn granted(&self, caller: &Caller, action: &str) -> Option<Scope>;
}

/// What a handler may rely on.
#[derive(Clone, Debug, Default)]
pub struct Permit {
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) scope: Option<Scope>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) is_over_tls: bool,
    pub(crate) standing: Option<Standing>,
    pub(crate) attempts: Option<Attempts>,
    /// Where the permission reaches less than everything: whether the handler asked how far.
    pub(crate) narrowing: Option<Arc<AtomicBool>>,
}

impl Permit {
    /// What tells, after a handler has answered, whether it narrowed its answer as it must.
    pub(crate) fn narrowing(scope: Option<Scope>) -> Option<Arc<AtomicBool>> {
        scope.filter(|scope| *scope != Scope::All).map(|_| Arc::new(AtomicBool::new(false)))
    }

    fn narrows(&self) {
        if let Some(narrowing) = &self.narrowing {
            narrowing.store(true, Ordering::Release);
        }
    }

    /// Whether a caller is there who may do this at all, and how far that reaches.
    ///
    /// # Errors
    /// A 403 where the operation demands nothing of its callers, which is a defect of its rule.
    pub fn scope(&self) -> Result<Scope, Problem> {
        self.narrows();
        self.scope.ok_or_else(|| Problem::new(&kinds::FORBIDDEN, "this operation hands out no permission"))
    }

    /// Who asks, if they have signed in.
    #[must_use]
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// Who asks.
    ///
    /// # Errors
    /// A 401 for a stranger.
    pub fn signed_in(&self) -> Result<&Arc<Caller>, Problem> {
        if self.scope == Some(Scope::Own) {
            self.narrows();
        }
        self.caller.as_ref().ok_or_else(not_signed_in)
    }

    /// The session that asks, where the operation is done in person.
    ///
    /// # Errors
    /// A 401 for a stranger, a 403 for an API key.
    pub fn session(&self) -> Result<Uuid, Problem> {
        self.signed_in()?.session().ok_or_else(needs_session)
    }

    /// For reads and writes of what has an owner: `Some` narrows them to what is this person's own.
    ///
    /// # Errors
    /// A 401 for a stranger, a 403 for a scope that the operation knows nothing of.
    pub fn owner(&self) -> Result<Option<Uuid>, Problem> {
        match self.scope()? {
            Scope::All => Ok(None),
            Scope::Own => Ok(Some(self.signed_in()?.id)),
            Scope::Store | Scope::Business => {
                Err(forbidden("this operation cannot be narrowed to a store or business"))
            }
        }
    }

    /// For what shows more to some ([`crate::Rule::more_for`]): `None` is shown what everybody is, `Some(None)`
    /// everything, `Some` of a person what is this person's own.
    ///
    /// # Errors
    /// A 403 for a scope that the operation knows nothing of.
    pub fn more(&self) -> Result<Option<Option<Uuid>>, Problem> {
        if self.scope.is_none() { Ok(None) } else { self.owner().map(Some) }
    }

    /// For reads and writes of what belongs to a store: `Some` narrows them to these stores.
    ///
    /// # Errors
    /// A 401 for a stranger, a 403 for a scope that the operation knows nothing of.
    pub fn stores(&self) -> Result<Option<Arc<[String]>>, Problem> {
        match self.scope()? {
            Scope::All => Ok(None),
            Scope::Store => Ok(Some(self.signed_in()?.stores.clone().unwrap_or_default())),
            Scope::Own | Scope::Business => Err(forbidden("this operation can only be narrowed to stores")),
        }
    }

    /// The client's address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What a request that lasts asks again by; `None` where nobody has signed in.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// What looks up credentials that come later in a request that lasts; `None` where nobody counts them.
    #[must_use]
    pub fn attempts(&self) -> Option<&Attempts> {
        self.attempts.as_ref()
    }

    /// Whether nobody on the way can read the answer.
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        self.is_over_tls
    }

    pub(crate) fn actor(&self) -> Actor {
        match &self.caller {
            None => Actor::anonymous(self.address),
            Some(caller) => Actor {
                id: Some(caller.id),
                role: Some(caller.role),
                via: caller.via_text.clone(),
                address: self.address,
            },
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

pub(crate) fn not_signed_in() -> Problem {
    Problem::new(
        &kinds::NOT_SIGNED_IN,
        "sign in first: POST /api/v2/auth/login, then send the access token as `Authorization: Bearer …`",
    )
}

pub(crate) fn needs_session() -> Problem {
    Problem::new(&kinds::NEEDS_SESSION, "this is done by a person who has signed in, not by an API key")
}

pub(crate) fn forbidden(detail: &str) -> Problem {
    Problem::new(&kinds::FORBIDDEN, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, &str)]) -> Result<Option<String>, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::try_from(*name).expect("a name"), value.parse().expect("a value"));
        }
        let found = Credential::of(&map, false).map_err(|problem| problem.kind().code)?;
        Ok(found.map(|credential| format!("{credential:?}")))
    }

    #[test]
    fn one_credential_may_come_in_two_ways_and_two_may_not() {
        let twice = |bearer: &str, key: &str| of(&[("authorization", &format!("Bearer {bearer}")), ("x-api-key", key)]);
        assert_eq!(twice("a.b.c", "a.b.c"), Ok(Some("Bearer(\"a.b.c\")".to_owned())));
        assert_eq!(twice("ek_1", "ek_1"), Ok(Some("Key(\"ek_1\")".to_owned())));
        assert_eq!(twice("a.b.c", "ek_1"), Err("web.invalid_header"));
    }

    #[test]
    fn a_cookie_of_a_neighbour_counts_for_nothing() {
        let of = |cookies: &str, is_over_tls| {
            let mut map = HeaderMap::new();
            map.append("cookie", cookies.parse().expect("a value"));
            let found = Credential::of(&map, is_over_tls).expect("well-formed").map(|found| format!("{found:?}"));
            found.unwrap_or_default()
        };
        assert_eq!(of("entrepot-local=theirs; __Host-entrepot=own", true), "Cookie(\"own\")");
        assert_eq!(of("entrepot-local=theirs", true), "");
        assert_eq!(of("__Host-entrepot=a; __Host-entrepot=b", true), "Cookie(\"\")");
        assert_eq!(of("entrepot-local=a; __Host-entrepot=b", false), "Cookie(\"\")");
        assert_eq!(of("entrepot-local=own", false), "Cookie(\"own\")");
        for space in ['\u{2000}', '\u{a0}', '\u{85}', '\u{2028}', '\u{3000}', '\u{b}', '\u{c}'] {
            let mut map = HeaderMap::new();
            let Ok(cookie) = HeaderValue::from_bytes(format!("{space}__Host-entrepot=theirs").as_bytes()) else {
                continue;
            };
            map.append("cookie", cookie);
            assert_eq!(Credential::of(&map, true).expect("well-formed"), None, "{space:?}");
        }
    }

    #[test]
    fn credentials_are_found_where_they_belong() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("authorization", "Bearer abc")]), Ok(Some("Bearer(\"abc\")".to_owned())));
        assert_eq!(of(&[("authorization", "bearer  abc")]), Ok(Some("Bearer(\"abc\")".to_owned())));
        assert_eq!(of(&[("x-api-key", "k")]), Ok(Some("Key(\"k\")".to_owned())));
        assert_eq!(of(&[("cookie", "a=1; __Host-entrepot=s; b=2")]), Ok(Some("Cookie(\"s\")".to_owned())));
        assert_eq!(of(&[("cookie", "a=1; theme=dark")]), Ok(None));
        // A token is what the request is about; the cookie came along.
        assert_eq!(
            of(&[("authorization", "Bearer t"), ("cookie", "entrepot-local=s")]),
            Ok(Some("Bearer(\"t\")".to_owned()))
        );
        assert_eq!(of(&[("authorization", "Basic YTpi")]), Err("web.invalid_credentials"));
        assert_eq!(of(&[("authorization", "Bearer")]), Err("web.invalid_credentials"));
        assert_eq!(of(&[("authorization", "Bearer a"), ("x-api-key", "k")]), Err("web.invalid_header"));
    }
}
