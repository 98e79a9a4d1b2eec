//! The door: what happens to a request before anything is done for it.
//!
//! In order: is its network blocked, does it look like an attack, who asks, have they asked too often,
//! may they do this, does the request come from our own page (where a browser sent a cookie along), is
//! there room for more work.
//!
//! **Invariants:**
//! - An operation whose rule demands a permission is reached by nobody who has none: the rule is looked
//!   up by method and path here, and a path that is in no table leads to no handler of a module.
//! - Strangers are counted by their network before anything is asked of the database for them, and so
//!   are credentials that were not good: past a limit no more of them are looked up.
//! - A request of the program's own passes as a stranger that nobody counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use entrepot_guard::suspicion::MOST_POINTS;
use entrepot_guard::{Guard, Place, Refused, Subject, Tier, Verdict};
use http::request::Parts;

use crate::access::{
    Access, Caller, Counted, Credential, Doorkeeper, Permit, Rule, Scope, Via, X_CSRF_TOKEN, forbidden, needs_session,
    not_signed_in,
};
use crate::operations::Operations;
use crate::responses::is_anybodys;
use crate::serve::Peer;
use crate::{Problem, Proof, Standing, kinds};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From {
    /// The client's address, as far as it can be known.
    pub(crate) address: Option<IpAddr>,
    /// Whether nobody on the way can read along.
    pub(crate) is_over_tls: bool,
    /// The program itself asks.
    pub(crate) is_within: bool,
}

impl From {
    pub(crate) fn within() -> Self {
        Self { address: None, is_over_tls: false, is_within: true }
    }
}

/// Who stands at the door.
#[derive(Clone)]
pub(crate) enum Doors {
    /// Nobody: what demands a permission hands out none, and what hands out a scope fails.
    Closed,
    /// Nobody, and everything is allowed.
    Open,
    Kept {
        operations: Operations,
        keeper: Arc<dyn Doorkeeper>,
        guard: Guard,
    },
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Kept { .. } => "kept",
        })
    }
}

/// A request that may go on.
#[derive(Default)]
pub(crate) struct Admitted {
    pub(crate) permit: Permit,
    pub(crate) rule: Option<Rule>,
    pub(crate) counted: Option<(Tier, Verdict)>,
    pub(crate) place: Option<Place>,
}

/// One that may not.
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) counted: Option<(Tier, Verdict)>,
}

/// Whose share a request that memory can answer is taken from.
pub(crate) enum Share {
    Nobodys,
    Of(Tier, Subject),
}

/// Whether it was.
pub(crate) enum Glance {
    /// It is not counted.
    Free,
    Passed(Tier, Verdict),
    Refused(Tier, Verdict),
    /// That cannot be known without waiting.
    Ask,
}

impl Doors {
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept { .. })
    }

    /// Looks who is there.
    pub(crate) fn look(&self, peer: Peer, fields: &HeaderMap) -> From {
        let Self::Kept { guard, .. } = self else {
            return From { address: Some(peer.address), is_over_tls: peer.is_tls, is_within: false };
        };
        let says_https = || {
            fields.get(X_FORWARDED_PROTO).is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
                && guard.proxies().trusts(peer.address)
        };
        From {
            address: Some(guard.client(peer.address, fields)),
            is_over_tls: peer.is_tls || says_https(),
            is_within: false,
        }
    }

    /// For a read that anybody may have: whose share it would be taken from, if there is nothing about
    /// it that needs a closer look.
    pub(crate) fn glance<B>(&self, from: &From, request: &Request<B>) -> Option<Share> {
        let fields = request.headers();
        let Self::Kept { keeper, guard, .. } = self else { return is_anybodys(fields).then_some(Share::Nobodys) };
        let Some(address) = from.address.filter(|_| !from.is_within) else { return Some(Share::Nobodys) };
        if guard.blocked_for(address).is_some() {
            return None;
        }
        let uri = request.uri();
        if guard.suspicion_of_target(uri.path(), uri.query()).points > 0 {
            return None;
        }
        match Credential::of(fields) {
            Ok(None) => Some(Share::Of(Tier::General, Subject::address(address))),
            Ok(Some(credential)) => {
                let caller = keeper.recognise_now(credential)?;
                Some(Share::Of(Tier::Api, Subject::user(caller.id)))
            }
            Err(_) => None,
        }
    }

    /// Counts one such read.
    pub(crate) fn count_now(&self, share: &Share) -> Glance {
        let (Self::Kept { guard, .. }, Share::Of(tier, subject)) = (self, share) else { return Glance::Free };
        if !guard.counts() {
            return Glance::Free;
        }
        match guard.check_now(*tier, subject, 1) {
            Some(verdict) if verdict.allowed => Glance::Passed(*tier, verdict),
            Some(verdict) => Glance::Refused(*tier, verdict),
            None => Glance::Ask,
        }
    }

    /// Lets a request in, or does not. `counted`: a glance has counted it, and it was too much.
    pub(crate) async fn admit(
        &self,
        from: &From,
        parts: &Parts,
        counted: Option<(Tier, Verdict)>,
    ) -> Result<Admitted, Refusal> {
        let refuse = |problem: Problem| Refusal { problem, counted: None };
        let address = match (self, from.address) {
            (Self::Kept { .. }, Some(address)) if !from.is_within => address,
            (Self::Open, address) => {
                let permit = Permit { scope: Some(Scope::All), address, ..Permit::default() };
                return Ok(Admitted { permit, ..Admitted::default() });
            }
            (_, address) => {
                return Ok(Admitted { permit: Permit { address, ..Permit::default() }, ..Admitted::default() });
            }
        };
        let Self::Kept { operations, keeper, guard } = self else { return Ok(Admitted::default()) };
        if let Some(wait) = guard.blocked_for(address) {
            guard.count_blocked();
            return Err(refuse(blocked(Some(wait))));
        }
        let path = parts.uri.path();
        let mut suspicion = guard.suspicion_of_target(path, parts.uri.query());
        let of_fields = guard.suspicion_of_fields(&parts.headers);
        // However much is odd about it, one request blocks nobody.
        suspicion.points = (suspicion.points + of_fields.points).min(MOST_POINTS);
        suspicion.reasons = suspicion.reasons.with(of_fields.reasons);
        if suspicion.points > 0 && guard.suspect(address, suspicion, parts.method.as_str(), path).await {
            guard.count_blocked();
            return Err(refuse(blocked(guard.blocked_for(address))));
        }
        if let Some((tier, verdict)) = counted {
            return Err(too_many(tier, verdict));
        }
        let rule = operations.rule(&parts.method, path);
        let stranger = Subject::address(address);
        let credential = match Credential::of(&parts.headers) {
            // Where anybody may act, a cookie decides nothing: a browser sends it unasked, and one that is
            // stale must not keep its owner from signing in.
            Ok(Some(Credential::Cookie(_)))
                if !is_safe(&parts.method) && rule.is_some_and(|rule| rule.access == Access::Public) =>
            {
                None
            }
            Ok(credential) => credential,
            Err(problem) => {
                let counted = count(guard, Tier::Credentials, &stranger, 1).await?;
                return Err(Refusal { problem, counted });
            }
        };
        let caller = match credential {
            None => None,
            Some(credential) => match keeper.recognise_now(credential) {
                Some(caller) => Some(caller),
                None => {
                    // Only those that are not good are counted: who has signed in has a share of their own.
                    if guard.counts() {
                        let verdict = guard.peek(Tier::Credentials, &stranger).await;
                        if !verdict.allowed {
                            return Err(too_many(Tier::Credentials, verdict));
                        }
                    }
                    match keeper.recognise(credential).await {
                        Ok(caller) => Some(caller),
                        Err(problem) => {
                            let is_stale_cookie =
                                matches!(credential, Credential::Cookie(_)) && problem.kind().status == 401;
                            if !is_stale_cookie || !is_open(rule, &parts.method) {
                                let counted = match problem.kind().status {
                                    401 => count(guard, Tier::Credentials, &stranger, 1).await?,
                                    _ => None,
                                };
                                return Err(Refusal { problem, counted });
                            }
                            None
                        }
                    }
                }
            },
        };
        let counted = match rule.map_or(Counted::As(1), |rule| rule.counted) {
            Counted::Never => None,
            Counted::SignIn => count(guard, Tier::SignIn, &stranger, 1).await?,
            Counted::As(cost) => match &caller {
                Some(caller) => count(guard, Tier::Api, &Subject::user(caller.id), cost).await?,
                None => count(guard, Tier::General, &stranger, cost).await?,
            },
        };
        let refuse = |problem: Problem| Refusal { problem, counted };
        let scope = match (rule.map(|rule| rule.access), &caller) {
            (None | Some(Access::Public), _) => None,
            (Some(Access::Needs(_)), None) => return Err(refuse(not_signed_in())),
            (Some(Access::Needs(action)), Some(caller)) => match keeper.granted(caller, action) {
                Some(scope) => Some(scope),
                None => {
                    tracing::warn!(target: "entrepot::security", caller = %caller.id, role = caller.role, via = &*caller.via_text, %address, action, "a permission was missing");
                    return Err(refuse(missing(caller, action)));
                }
            },
        };
        if rule.is_some_and(|rule| rule.is_in_person)
            && caller.as_ref().is_some_and(|caller| matches!(caller.via, Via::Key(_)))
        {
            return Err(refuse(needs_session()));
        }
        if let (Some(caller), Some(Credential::Cookie(cookie))) = (&caller, credential)
            && matches!(caller.via, Via::Cookie(_))
            && !is_safe(&parts.method)
            && !comes_from_own_page(&parts.headers, from.is_over_tls, |token| keeper.proves_own_page(cookie, token))
        {
            let detail = "a change by a browser needs X-Csrf-Token, and Origin and Sec-Fetch-Site that are our own";
            tracing::warn!(target: "entrepot::security", caller = %caller.id, %address, path, "a change from a foreign page");
            return Err(refuse(Problem::new(&kinds::FOREIGN_PAGE, detail)));
        }
        let place = if rule.is_some_and(|rule| rule.is_essential) {
            None
        } else {
            match guard.pressure().enter().await {
                Ok(place) => Some(place),
                Err(refused) => return Err(refuse(overloaded(refused))),
            }
        };
        let standing = match (&caller, credential) {
            (Some(caller), Some(credential)) if rule.is_some_and(|rule| rule.is_lasting) => {
                Some(Standing { keeper: keeper.clone(), caller: caller.clone(), proof: Proof::of(credential) })
            }
            _ => None,
        };
        let permit = Permit { caller, scope, address: Some(address), is_over_tls: from.is_over_tls, standing };
        Ok(Admitted { permit, rule, counted, place })
    }

    /// How the caller's limit stands, as fields.
    pub(crate) fn tell_limits(&self, tier: Tier, verdict: &Verdict, fields: &mut HeaderMap) {
        let Self::Kept { guard, .. } = self else { return };
        let quota = guard.quota(tier);
        let policy = format!("\"{}\";q={};w={}", quota.name, verdict.limit, quota.window.as_secs());
        let state = format!("\"{}\";r={};t={}", quota.name, verdict.remaining, seconds(verdict.reset));
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                fields.insert(name, value);
            }
        }
    }
}

async fn count(guard: &Guard, tier: Tier, subject: &Subject, cost: u32) -> Result<Option<(Tier, Verdict)>, Refusal> {
    if !guard.counts() {
        return Ok(None);
    }
    let verdict = guard.check(tier, subject, cost).await;
    if verdict.allowed { Ok(Some((tier, verdict))) } else { Err(too_many(tier, verdict)) }
}

fn too_many(tier: Tier, verdict: Verdict) -> Refusal {
    let wait = u32::try_from(seconds(verdict.retry_after)).unwrap_or(u32::MAX).max(1);
    let whose = match tier {
        Tier::General => "from your network",
        Tier::Api => "by you",
        Tier::SignIn => "to sign in from your network",
        Tier::Credentials => "with credentials that are not good, from your network",
    };
    let detail = if verdict.penalised {
        format!("too many requests {whose}, and they went on when they were told to wait; wait {wait} s")
    } else {
        format!("too many requests {whose}; wait {wait} s")
    };
    let problem = Problem::new(&kinds::TOO_MANY_REQUESTS, detail).retry_after(wait);
    Refusal { problem, counted: Some((tier, verdict)) }
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn blocked(wait: Option<Duration>) -> Problem {
    let problem = Problem::new(&kinds::BLOCKED, "your network is kept out for a while");
    match wait {
        Some(wait) => problem.retry_after(u32::try_from(seconds(wait)).unwrap_or(u32::MAX).max(1)),
        None => problem,
    }
}

fn overloaded(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Memory => "the server has no memory for more work at the moment",
        Refused::Queue => "the server did not come round to this request in time",
    };
    Problem::new(&kinds::OVERLOADED, detail).retry_after(1)
}

fn missing(caller: &Caller, action: &str) -> Problem {
    let by = match (&caller.via, &caller.actions) {
        (Via::Key(_), Some(actions)) if !actions.iter().any(|own| own == action) => "this API key",
        _ => caller.role,
    };
    forbidden(&format!("{by} has no permission for {action}"))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a stranger may do this too.
fn is_open(rule: Option<Rule>, method: &Method) -> bool {
    is_safe(method) && rule.is_none_or(|rule| rule.access == Access::Public)
}

/// Whether a change that carries a cookie was sent by a page of ours: by the token that only such a
/// page knows, and by what the browser says of the page, where it says anything.
fn comes_from_own_page(fields: &HeaderMap, is_over_tls: bool, proves: impl FnOnce(&str) -> bool) -> bool {
    let text = |name: &HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    if text(&SEC_FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return false;
    }
    if let Some(origin) = text(&header::ORIGIN) {
        let scheme = if is_over_tls { "https" } else { "http" };
        let own = text(&header::HOST).map(|host| format!("{scheme}://{host}"));
        if own.as_deref() != Some(origin) {
            return false;
        }
    }
    text(&X_CSRF_TOKEN).is_some_and(proves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_by_cookie_needs_our_own_page() {
        let check = |fields: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            comes_from_own_page(&map, true, |token| token == "good")
        };
        let host = ("host", "shop.example");
        assert!(check(&[host, ("x-csrf-token", "good")]));
        assert!(check(&[host, ("x-csrf-token", "good"), ("origin", "https://shop.example")]));
        assert!(check(&[host, ("x-csrf-token", "good"), ("sec-fetch-site", "same-origin")]));
        assert!(!check(&[host]));
        assert!(!check(&[host, ("x-csrf-token", "bad")]));
        assert!(!check(&[host, ("x-csrf-token", "good"), ("origin", "https://evil.example")]));
        assert!(!check(&[host, ("x-csrf-token", "good"), ("origin", "http://shop.example")]));
        assert!(!check(&[host, ("x-csrf-token", "good"), ("origin", "null")]));
        assert!(!check(&[host, ("x-csrf-token", "good"), ("sec-fetch-site", "cross-site")]));
        assert!(!check(&[host, ("x-csrf-token", "good"), ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(2)), 2);
    }
}
