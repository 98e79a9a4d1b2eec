//! A hit of the response cache: all that is done for a request that memory can answer, in one place and at once.
//!
//! Hits are most of what is asked, and a small processor cache shows every line of code and memory that one touches. So
//! this makes no future and no boxed body, reads the clock twice (when the request came and when its answer is ready),
//! looks at the request's fields in one pass, and copies the answer's fields as they were kept, putting in only the
//! values that each answer has of its own. What it costs is counted: `bench/counts.json`.
//!
//! **Invariants:**
//! - Whatever needs a closer look, a wait, or a word to the log is not answered here.
//! - A hit has the fields that the same answer has when it is made anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use entrepot_cache::Hit;
use entrepot_guard::{Tier, Verdict};
use http_body_util::Full;

use crate::compress::Coding;
use crate::door::{From, Glance, RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::edge::{CACHE_STATUS, Closing, SERVER_TIMING, Shared, is_counted};
use crate::field_values::{age, hit_status, server_timing};
use crate::finish::bytes_for;
use crate::head::{Seen, X_REQUEST_ID, accepts_json};
use crate::preconditions::if_none_match;
use crate::responses::{Answer, Kept, with_key};

/// What memory alone could do for a request.
pub(crate) enum Quick {
    Answer(Response<Full<Bytes>>),
    /// Nothing; but it may have been counted already.
    Go(Option<(Tier, Verdict)>),
}

/// What each hit says anew, in this order.
static PLACES: [HeaderName; 4] = [X_REQUEST_ID, SERVER_TIMING, CACHE_STATUS, header::AGE];
/// What a compressed one says in its own way.
static CODED: [HeaderName; 2] = [header::CONTENT_ENCODING, header::ETAG];
/// What one says whose caller is counted.
static LIMITS: [HeaderName; 2] = [RATE_LIMIT_POLICY, RATE_LIMIT];

/// Of which form the fields of a hit are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HitForm {
    pub(crate) is_coded: bool,
    pub(crate) tells_limits: bool,
}

/// The fields of hits of one answer: first [`PLACES`] and what else such a hit says anew, whose values each puts in
/// without looking them up; then what is the same each time.
pub(crate) fn hit_fields(same: &HeaderMap, form: HitForm) -> HeaderMap {
    let coded = if form.is_coded { &CODED[..] } else { &[] };
    let limits = if form.tells_limits { &LIMITS[..] } else { &[] };
    let places = PLACES.iter().chain(coded).chain(limits);
    let mut fields = HeaderMap::with_capacity(PLACES.len() + CODED.len() + LIMITS.len() + same.len());
    for name in places {
        fields.insert(name, const { HeaderValue::from_static("-") });
    }
    for (name, value) in same.iter().filter(|(name, _)| !coded.contains(name)) {
        fields.append(name, value.clone());
    }
    fields
}

impl Shared {
    /// The answer that memory has for this request, if it is one that can be answered so.
    pub(crate) fn from_memory<B>(self: &Arc<Self>, request: &Request<B>, start: Instant, from: &From) -> Quick {
        let fields = request.headers();
        let seen = Seen::of(fields);
        if !matches!(*request.method(), Method::GET | Method::HEAD)
            || seen.has_position
            || (seen.has_accept && !accepts_json(fields))
            || (!from.is_within && !seen.is_sound(request))
        {
            return Quick::Go(None);
        }
        let Some(share) = self.doors.glance(from, request, &seen) else { return Quick::Go(None) };
        let Some(responses) = &self.responses else { return Quick::Go(None) };
        let Some(route) = responses.route(request.uri().path()) else { return Quick::Go(None) };
        let Some(answers) = &route.answers else { return Quick::Go(None) };
        let found = with_key(request.uri(), |key| {
            let hit = answers.lookup(key)?;
            if hit.refresh {
                self.refresh(route, key, request);
            }
            Some(hit)
        });
        let Some(Some(Hit { got, .. })) = found else { return Quick::Go(None) };
        let Some(answer) = got.value else { return Quick::Go(None) };
        let Answer::Kept(kept) = &*answer else { return Quick::Go(None) };
        if !self.is_plain(kept, request.uri()) {
            return Quick::Go(None);
        }
        let now_us = self.clock.us_at(start);
        let counted = match self.doors.count_at(now_us, &share) {
            Glance::Free => None,
            Glance::Passed(tier, verdict) => Some((tier, verdict)),
            Glance::Refused(tier, verdict) => return Quick::Go(Some((tier, verdict))),
            Glance::Ask => return Quick::Go(None),
        };
        if is_counted(request.method(), request.extensions()) {
            kept.count(route);
        }

        let limits = counted.as_ref().and_then(|(tier, verdict)| self.doors.limit_values(*tier, verdict));
        let coding = if seen.has_accept_encoding && kept.is_compressible { Coding::negotiate(fields) } else { None };
        let is_unchanged = seen.has_if_none_match && if_none_match(fields, &kept.etag);
        let form = match coding {
            Some(coding) if !kept.has_forms() => {
                responses.want_forms(&answer);
                if is_unchanged { None } else { kept.quick_form(coding) }
            }
            Some(coding) => kept.form(coding).cloned(),
            None => None,
        };
        let coded = coding.zip(form);
        let is_coded = coded.is_some() && !is_unchanged;
        let mut out = kept.hit_fields(HitForm { is_coded, tells_limits: limits.is_some() }).clone();
        let mut body = kept.body.clone();
        let took = start.elapsed();
        {
            // In the order of `hit_fields`.
            let mut places = out.values_mut();
            let mut put = |value| places.next().map(|place| *place = value);
            put(seen.id(now_us));
            put(server_timing(took));
            put(hit_status(got.remaining.as_secs()));
            put(age(got.age.as_secs()));
            if is_coded && let Some((coding, form)) = &coded {
                put(HeaderValue::from_static(coding.name()));
                put(form.etag.clone());
                body = form.bytes.clone();
            }
            if let Some([policy, state]) = limits {
                put(policy);
                put(state);
            }
        }
        let body = if is_unchanged {
            if let Some((_, form)) = coded {
                out.insert(header::ETAG, form.etag);
            }
            out.remove(header::CONTENT_TYPE);
            Bytes::new()
        } else {
            bytes_for(request.method(), body, &mut out)
        };
        let mut response = Response::new(Full::new(body));
        *response.headers_mut() = out;
        if is_unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let closing = Closing {
            start,
            origin: if seen.has_page { fields.get(header::ORIGIN) } else { None },
            method: request.method(),
            path: request.uri().path(),
            is_over_tls: from.is_over_tls,
            counted: None,
        };
        self.end(&mut response, &closing, took);
        Quick::Answer(response)
    }

    /// Whether there is nothing suspicious in a target that this answer is kept for. It is looked at once for all that
    /// ask for it, but where other targets have the same answer: those with the same parameters in another order.
    fn is_plain(&self, kept: &Kept, target: &Uri) -> bool {
        let is_the_only_one = !target.query().is_some_and(|query| query.contains('&'));
        if is_the_only_one && kept.is_plain.load(Ordering::Relaxed) {
            return true;
        }
        let is_plain = self.doors.is_plain(target);
        if is_plain && is_the_only_one {
            kept.is_plain.store(true, Ordering::Relaxed);
        }
        is_plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_anew_stands_first_and_nothing_is_lost() {
        let mut same = HeaderMap::new();
        same.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        same.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        same.append(header::VARY, HeaderValue::from_static("origin"));
        same.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        for (is_coded, tells_limits) in [(false, false), (false, true), (true, false), (true, true)] {
            let own = |wanted: bool, names: &'static [HeaderName]| if wanted { names } else { &[] };
            let names: Vec<_> = PLACES.iter().chain(own(is_coded, &CODED)).chain(own(tells_limits, &LIMITS)).collect();
            let mut fields = hit_fields(&same, HitForm { is_coded, tells_limits });
            assert_eq!(fields.len(), names.len() + if is_coded { 3 } else { 4 });
            for (at, value) in fields.values_mut().take(names.len()).enumerate() {
                *value = HeaderValue::from(at);
            }
            for (at, name) in names.iter().enumerate() {
                assert_eq!(fields[*name], HeaderValue::from(at), "{name}");
                assert_eq!(fields.get_all(*name).iter().count(), 1, "{name}");
            }
            assert!(
                same.iter()
                    .filter(|(name, _)| !names.contains(name))
                    .all(|(name, value)| fields.get_all(name).iter().any(|one| one == value))
            );
        }
    }
}
