//! Heads of requests: how long they may be, whose server they ask, which id the request has, and what can be refused
//! before a body is read.
//!
//! **Invariants:**
//! - An HTTP/1.1 request names one host (RFC 9112, section 3.2), and no head is longer than [`LONGEST_HEAD`].
//! - What is longer than [`LONGEST_TARGET`] is refused before anything looks into it. (hyper
//!   takes what fits into a head, which is more.)

use std::sync::Arc;

use entrepot_runtime::Clock;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};

use crate::edge::EdgeSettings;
use crate::{Problem, Rule, kinds};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_REQUEST_ID: usize = 128;

/// The longest target of a request, in bytes.
const LONGEST_TARGET: usize = 8 * 1024;

/// The longest head of a request, in bytes: its target, its fields' names and values. (hyper bounds what it reads at
/// once, which is less than a head may come to.)
const LONGEST_HEAD: usize = 32 * 1024;

/// The most fields in a request. hyper's own bound is 100: a bound that is set there has it make room for so many
/// fields anew for each request, which costs more than reading them.
const MOST_FIELDS: usize = 64;

/// What a request's fields are, seen in one pass: most requests have few, and looking each name up that might be there
/// costs more than reading them all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen<'a> {
    host: Option<&'a HeaderValue>,
    hosts: usize,
    count: usize,
    bytes: usize,
    /// The first `X-Request-Id`.
    id: Option<&'a HeaderValue>,
    pub(crate) has_accept: bool,
    pub(crate) has_accept_encoding: bool,
    pub(crate) has_if_none_match: bool,
    /// Whether it names a position.
    pub(crate) has_position: bool,
    /// The first `Authorization`.
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// Whether it says in another way who asks: `Cookie` or `X-Api-Key`.
    pub(crate) has_other_credential: bool,
    /// Whether it names a customer whom it is passed on for (`front_end.rs`).
    pub(crate) has_customer: bool,
    /// Whether it says from which page: `Origin`, `Referer` or `Sec-Fetch-Site`.
    pub(crate) has_page: bool,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(fields: &'a HeaderMap) -> Self {
        let mut seen = Self::default();
        for (name, value) in fields {
            let name = name.as_str();
            seen.count += 1;
            seen.bytes += name.len() + value.len() + 4;
            match name {
                "host" => {
                    seen.hosts += 1;
                    seen.host = Some(value);
                }
                "accept" => seen.has_accept = true,
                "accept-encoding" => seen.has_accept_encoding = true,
                "if-none-match" => seen.has_if_none_match = true,
                "authorization" => seen.authorization = seen.authorization.or(Some(value)),
                "cookie" | "x-api-key" => seen.has_other_credential = true,
                "origin" | "referer" | "sec-fetch-site" => seen.has_page = true,
                "entrepot-at-least" => seen.has_position = true,
                "entrepot-client-address" => seen.has_customer = true,
                "x-request-id" if seen.id.is_none() => seen.id = Some(value),
                _ => {}
            }
        }
        seen
    }

    /// Whether it names one host, and is no longer than a head may be.
    pub(crate) fn is_sound<B>(&self, request: &Request<B>) -> bool {
        self.names_one_host(request.version()) && self.count <= MOST_FIELDS && self.length(request) <= LONGEST_HEAD
    }

    fn names_one_host(&self, version: Version) -> bool {
        match (self.hosts, self.host) {
            (1, Some(host)) => is_host(host.as_bytes()),
            (0, _) => version != Version::HTTP_11,
            _ => false,
        }
    }

    fn length<B>(&self, request: &Request<B>) -> usize {
        self.bytes + request.uri().path_and_query().map_or(0, |target| target.as_str().len())
    }

    /// The id of the request, as a field: the client's own where it is well-formed, else a new one of a moment that the
    /// clock told.
    pub(crate) fn id(&self, us: i64) -> HeaderValue {
        if let Some(given) = self.id.filter(|id| is_id(id.as_bytes())) {
            return given.clone();
        }
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = Clock::new_id_of(us).hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(id).unwrap_or(const { HeaderValue::from_static("-") })
    }
}

/// The problem with a head, as far as its fields go.
pub(crate) fn refuse_head<B>(request: &Request<B>) -> Option<Problem> {
    let seen = Seen::of(request.headers());
    if !seen.names_one_host(request.version()) {
        let detail = "a request has exactly one Host field, with a name or an address and maybe a port";
        return Some(Problem::new(&kinds::INVALID_HEADER, detail));
    }
    if seen.count > MOST_FIELDS {
        return Some(Problem::new(&kinds::HEAD_TOO_LARGE, format!("a head may have {MOST_FIELDS} fields")));
    }
    (seen.length(request) > LONGEST_HEAD)
        .then(|| Problem::new(&kinds::HEAD_TOO_LARGE, format!("a head may have {LONGEST_HEAD} bytes")))
}

/// Whether this is a name or an address, and maybe a port, as far as its characters go.
fn is_host(host: &[u8]) -> bool {
    static OF_A_HOST: [bool; 256] = {
        let others = b"-._~%:[]!$&'()*+;=";
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            table[others[at] as usize] = true;
            at += 1;
        }
        table
    };
    !host.is_empty() && host.iter().all(|byte| OF_A_HOST[usize::from(*byte)])
}

/// The problem with a target that is too long.
pub(crate) fn refuse_target(target: &Uri) -> Option<Problem> {
    let authority = target.authority().map_or(0, |authority| authority.as_str().len());
    let path = target.path_and_query().map_or(0, |path| path.as_str().len());
    (authority + path > LONGEST_TARGET)
        .then(|| Problem::new(&kinds::URI_TOO_LONG, format!("path and query may have {LONGEST_TARGET} bytes together")))
}

/// What can be refused before any of the body is read.
pub(crate) fn refuse_unread(
    parts: &http::request::Parts,
    settings: &EdgeSettings,
    rule: Option<Rule>,
) -> Option<Problem> {
    let (is_file, is_lasting) = rule.map_or((false, false), |rule| (rule.is_file, rule.is_lasting));
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let limit_bytes = body_limit(rule, settings);
    if !is_lasting && length.is_some_and(|length| length > limit_bytes as u64) {
        return Some(too_large(limit_bytes));
    }
    if parts.uri.path().starts_with("/api/") && !is_file && !accepts_json(&parts.headers) {
        return Some(Problem::new(
            &kinds::NOT_ACCEPTABLE,
            "this endpoint speaks application/json, and Accept rules that out",
        ));
    }
    None
}

/// The largest body that this operation takes.
pub(crate) fn body_limit(rule: Option<Rule>, settings: &EdgeSettings) -> usize {
    rule.map_or(settings.body_limit_bytes, |rule| rule.body_limit(settings.body_limit_bytes))
}

fn too_large(limit_bytes: usize) -> Problem {
    Problem::new(&kinds::BODY_TOO_LARGE, format!("a body may have {limit_bytes} bytes"))
}

/// Whether a request says nothing of who it comes from.
pub(crate) fn is_anybodys(fields: &HeaderMap) -> bool {
    !(fields.contains_key(header::AUTHORIZATION)
        || fields.contains_key(header::COOKIE)
        || fields.contains_key("x-api-key"))
}

pub(crate) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::ACCEPT).iter().peekable();
    if fields.peek().is_none() {
        return true;
    }
    fields.filter_map(|value| value.to_str().ok()).any(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let refused = parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            matches!(media, "*/*" | "application/*" | "application/json" | "application/problem+json") && !refused
        })
    })
}

/// The client's own id where it is well-formed, else a new one.
pub(crate) fn request_id(headers: &HeaderMap, clock: &Clock) -> Arc<str> {
    if let Some(given) = given_id(headers).and_then(|value| value.to_str().ok()) {
        return Arc::from(given);
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    Arc::from(&*clock.new_id().hyphenated().encode_lower(&mut buffer))
}

fn given_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(X_REQUEST_ID).filter(|id| is_id(id.as_bytes()))
}

fn is_id(id: &[u8]) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// The few fields that decide on the form of the answer, so that the rest can be given away.
pub(crate) fn conditional_fields(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::ACCEPT_ENCODING, header::IF_NONE_MATCH] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_last_that_is_taken() {
        let refused = |target: String| refuse_target(&target.parse().expect("a target")).is_some();
        assert!(!refused(format!("/{}", "x".repeat(LONGEST_TARGET - 1))));
        assert!(refused(format!("/{}", "x".repeat(LONGEST_TARGET))));
        assert!(refused(format!("/?q={}", "x".repeat(LONGEST_TARGET))));
        assert!(refused(format!("http://{}/", "x".repeat(LONGEST_TARGET))));
        assert!(!refused("*".to_owned()));
    }
}
