//! The door: what happens to a request before anything is done for it.
//!
//! In order: does it look like an attack, who asks, is their network blocked, have they asked too often,
//! may they do this, does the request come from our own page (where a browser sent a cookie along), is
//! there room for more work.
//!
//! **Invariants:**
//! - An operation whose rule demands a permission is reached by nobody who has none: the rule is looked
//!   up by method and path here, and a path that is in no table leads to no handler of a module.
//! - Strangers are counted by their network before anything is asked of the database for them, and so
//!   are credentials that were not good: past a limit no more of them are looked up.
//! - Nothing that a page elsewhere can have a browser send blocks a network, or uses up what strangers there may
//!   ask (`foreign.rs`); and a block keeps out nobody whose credentials are good.
//! - A request of the program's own passes as a stranger that nobody counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use entrepot_guard::suspicion::MOST_POINTS;
use entrepot_guard::{Guard, Place, Refused, Subject, Tier, Verdict};
use http::request::Parts;

use crate::access::{
    Caller, Credential, Doorkeeper, Permit, Scope, Via, X_CSRF_TOKEN, forbidden, needs_session, not_signed_in,
};
use crate::field_values::{limit_policy, limit_state};
use crate::foreign::{is_elsewhere, is_foreign, may_be_foreign};
use crate::front_end::{customer, is_front_end};
use crate::head::Seen;
use crate::operations::Operations;
use crate::serve::Peer;
use crate::{Access, Attempts, CorsPolicy, Counted, Problem, Proof, Query, Rule, Standing, kinds};

/// How the caller's limit stands.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What of it is left.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From {
    /// The client's address, as far as it can be known.
    pub(crate) address: Option<IpAddr>,
    /// A trusted proxy named somebody who cannot be read.
    pub(crate) is_unreadable: bool,
    /// Whether nobody on the way can read along.
    pub(crate) is_over_tls: bool,
    /// The program itself asks.
    pub(crate) is_within: bool,
}

impl From {
    pub(crate) fn within() -> Self {
        Self { address: None, is_unreadable: false, is_over_tls: false, is_within: true }
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
        /// Whose pages are as good as our own.
        cors: CorsPolicy,
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
            let address = Some(peer.address);
            return From { address, is_unreadable: false, is_over_tls: peer.is_tls, is_within: false };
        };
        // Each proxy adds what it saw: the last is the word of the one that is trusted.
        let says_https = || {
            let last = fields.get_all(X_FORWARDED_PROTO).iter().next_back();
            let last = last.and_then(|proto| proto.as_bytes().rsplit(|byte| *byte == b',').next());
            last.is_some_and(|proto| proto.trim_ascii().eq_ignore_ascii_case(b"https"))
        };
        let client = guard.client(peer.address, fields);
        From {
            address: Some(client.unwrap_or(peer.address)),
            is_unreadable: client.is_err(),
            is_over_tls: peer.is_tls || (guard.proxies().trusts(peer.address) && says_https()),
            is_within: false,
        }
    }

    /// For a read that anybody may have: whose share it would be taken from, if there is nothing about
    /// it that needs a closer look.
    pub(crate) fn glance<B>(&self, from: &From, request: &Request<B>, seen: &Seen<'_>) -> Option<Share> {
        let fields = request.headers();
        let Self::Kept { keeper, guard, cors, .. } = self else {
            return (seen.authorization.is_none() && !seen.has_other_credential).then_some(Share::Nobodys);
        };
        let Some(address) = from.address.filter(|_| !from.is_within) else { return Some(Share::Nobodys) };
        if from.is_unreadable || guard.blocked_for(address).is_some() {
            return None;
        }
        let credential = match seen.authorization {
            _ if seen.has_other_credential => Credential::of(fields, from.is_over_tls),
            Some(value) => Credential::of_authorization(value).map(Some),
            None => Ok(None),
        };
        match credential {
            _ if seen.has_customer => None,
            Ok(None) => {
                let is_foreign = seen.has_page && is_foreign(fields, from.is_over_tls, cors);
                Some(Share::Of(Tier::General, stranger(address, is_foreign)))
            }
            Ok(Some(credential)) => {
                let caller = keeper.recognise_now(credential)?;
                // Of two shares at once: that needs the closer look.
                let is_plain = !is_front_end(&**keeper, &caller);
                is_plain.then(|| Share::Of(Tier::Api, Subject::user(caller.id)))
            }
            Err(_) => None,
        }
    }

    /// Whether there is nothing suspicious in a target.
    pub(crate) fn is_plain(&self, target: &Uri) -> bool {
        let Self::Kept { guard, .. } = self else { return true };
        guard.suspicion_of_target(target.path(), target.query()).points == 0
    }

    /// Counts one such read of this moment, in microseconds since 1970.
    pub(crate) fn count_at(&self, us: i64, share: &Share) -> Glance {
        let (Self::Kept { guard, .. }, Share::Of(tier, subject)) = (self, share) else { return Glance::Free };
        if !guard.counts() {
            return Glance::Free;
        }
        match guard.check_at(us, *tier, subject, 1) {
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
        let Self::Kept { operations, keeper, guard, cors } = self else { return Ok(Admitted::default()) };
        if from.is_unreadable {
            tracing::warn!(target: "entrepot::security", proxy = %address, "a trusted proxy named its client by something that is no address");
            let detail = "X-Forwarded-For, as the proxy in front of this server wrote it, names no address";
            return Err(refuse(Problem::new(&kinds::INVALID_HEADER, detail)));
        }
        let path = parts.uri.path();
        let rule = operations.rule(&parts.method, path);
        let may_be_foreign = || may_be_foreign(&parts.method, &parts.headers, from.is_over_tls, cors);
        let mut suspicion = guard.suspicion_of_target(path, parts.uri.query());
        let of_fields = guard.suspicion_of_fields(&parts.headers);
        // However much is odd about it, one request blocks nobody.
        suspicion.points = (suspicion.points + of_fields.points).min(MOST_POINTS);
        suspicion.reasons = suspicion.reasons.with(of_fields.reasons);
        if suspicion.points > 0 {
            // What somebody else's page may have a browser send says nothing of who sits there.
            let counts = !may_be_foreign();
            guard.suspect(address, suspicion, parts.method.as_str(), path, counts).await;
        }
        // A balancer that asks how the server is must not take a blocked neighbour for an outage.
        let passes = rule.is_some_and(|rule| rule.counted == Counted::Never || rule.passes_blocks);
        let block = guard.blocked_for(address).filter(|_| !passes);
        if let Some((tier, verdict)) = counted {
            return Err(too_many(tier, verdict));
        }
        let is_foreign = is_foreign(&parts.headers, from.is_over_tls, cors);
        let stranger = stranger(address, is_foreign);
        let token = rule.filter(|rule| rule.takes_token).and_then(|_| token_of(parts));
        let credential = match Credential::of(&parts.headers, from.is_over_tls) {
            // Of those that a request can carry, what it was made with on purpose counts.
            Ok(None | Some(Credential::Cookie(_))) if token.is_some() => token.as_ref().map(Proof::credential),
            // Where anybody may act, a cookie decides nothing: a browser sends it unasked, and one that is
            // stale must not keep its owner from signing in.
            Ok(Some(Credential::Cookie(_)))
                if !is_safe(&parts.method) && rule.is_some_and(|rule| rule.access == Access::Public) =>
            {
                None
            }
            Ok(credential) => credential,
            Err(_) if block.is_some() => None,
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
                    // One that we have signed ourselves is no guess, whoever guesses beside it.
                    if guard.counts() && !keeper.is_well_signed(credential) {
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
                                if block.is_some() {
                                    guard.count_blocked();
                                    return Err(refuse(blocked(block)));
                                }
                                return Err(Refusal { problem, counted });
                            }
                            None
                        }
                    }
                }
            },
        };
        let front_end = caller.as_deref().filter(|caller| is_front_end(&**keeper, caller));
        let customer = customer(&parts.headers, front_end.is_some()).map_err(refuse)?;
        // Whom a front end asks for is at the door in its place.
        let (address, stranger) =
            customer.map_or((address, stranger), |customer| (customer, Subject::address(customer)));
        if let Some(wait) = customer.and_then(|customer| guard.blocked_for(customer)).filter(|_| !passes) {
            guard.count_blocked();
            return Err(refuse(blocked(Some(wait))));
        }
        // A block is for strangers: who has signed in answers with their account, and can lift it.
        if block.is_some() && caller.is_none() {
            guard.count_blocked();
            return Err(refuse(blocked(block)));
        }
        let counted = match rule.map_or(Counted::As(1), |rule| rule.counted) {
            Counted::Never => None,
            Counted::SignIn if is_foreign => {
                let counted = count(guard, Tier::General, &stranger, 1).await?;
                let detail = "nobody signs in, registers or resets a password by a page of another origin";
                return Err(Refusal { problem: Problem::new(&kinds::FOREIGN_PAGE, detail), counted });
            }
            Counted::SignIn => count(guard, Tier::SignIn, &stranger, 1).await?,
            Counted::As(cost) if let Some(front_end) = front_end => {
                let counted = count(guard, Tier::FrontEnd, &Subject::user(front_end.key_id()), cost).await?;
                match customer {
                    Some(_) => count(guard, Tier::General, &stranger, cost).await?,
                    None => counted,
                }
            }
            Counted::As(cost) => match &caller {
                Some(caller) => count(guard, Tier::Api, &Subject::user(caller.id), cost).await?,
                None => count(guard, Tier::General, &stranger, cost).await?,
            },
        };
        let refuse = |problem: Problem| Refusal { problem, counted };
        let scope = match (rule.map(|rule| rule.access), &caller) {
            (Some(Access::Public), Some(caller)) => {
                rule.and_then(|rule| rule.more_for).and_then(|action| keeper.granted(caller, action))
            }
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
        // Of what shows more to some, what everybody is shown is no secret.
        let narrowing = Permit::narrowing(scope.filter(|_| rule.is_some_and(|rule| rule.access != Access::Public)));
        let is_lasting = rule.is_some_and(|rule| rule.is_lasting);
        let attempts = is_lasting.then(|| Attempts { guard: guard.clone(), subject: stranger });
        let permit = Permit {
            caller,
            scope,
            address: Some(address),
            is_over_tls: from.is_over_tls,
            standing,
            attempts,
            narrowing,
        };
        Ok(Admitted { permit, rule, counted, place })
    }

    /// How the caller's limit stands, as fields.
    pub(crate) fn tell_limits(&self, tier: Tier, verdict: &Verdict, fields: &mut HeaderMap) {
        if let Some([policy, state]) = self.limit_values(tier, verdict) {
            fields.insert(RATE_LIMIT_POLICY, policy);
            fields.insert(RATE_LIMIT, state);
        }
    }

    /// The values of [`RATE_LIMIT_POLICY`] and [`RATE_LIMIT`].
    pub(crate) fn limit_values(&self, tier: Tier, verdict: &Verdict) -> Option<[HeaderValue; 2]> {
        let Self::Kept { guard, .. } = self else { return None };
        let quota = guard.quota(tier);
        Some([
            limit_policy(quota.name, verdict.limit, quota.window.as_secs()),
            limit_state(quota.name, verdict.remaining, seconds(verdict.reset)),
        ])
    }
}

/// As whom somebody is counted who has not signed in.
fn stranger(address: IpAddr, is_foreign: bool) -> Subject {
    if is_foreign { Subject::pages_at(address) } else { Subject::address(address) }
}

/// The credential that stands in the query.
fn token_of(parts: &Parts) -> Option<Proof> {
    let query = Query::parse(parts.uri.query()?).ok()?;
    query.peek("token").filter(|token| !token.is_empty()).map(Proof::of_token)
}

pub(crate) async fn count(
    guard: &Guard,
    tier: Tier,
    subject: &Subject,
    cost: u32,
) -> Result<Option<(Tier, Verdict)>, Refusal> {
    if !guard.counts() {
        return Ok(None);
    }
    let verdict = guard.check(tier, subject, cost).await;
    if verdict.allowed { Ok(Some((tier, verdict))) } else { Err(too_many(tier, verdict)) }
}

pub(crate) fn too_many(tier: Tier, verdict: Verdict) -> Refusal {
    let wait = u32::try_from(seconds(verdict.retry_after)).unwrap_or(u32::MAX).max(1);
    let whose = match tier {
        Tier::General => "from your network",
        Tier::Api => "by you",
        Tier::FrontEnd => "by this API key",
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
    let tied = if caller.stores.is_some() { " that is restricted to stores" } else { "" };
    forbidden(&format!("{by}{tied} has no permission for {action}"))
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
    if is_elsewhere(fields, is_over_tls) {
        return false;
    }
    fields.get(X_CSRF_TOKEN).and_then(|token| token.to_str().ok()).is_some_and(proves)
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
