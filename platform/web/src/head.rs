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

/// The problem with a head, as far as its fields go.
pub(crate) fn refuse_head<B>(request: &Request<B>) -> Option<Problem> {
    let fields = request.headers();
    let mut hosts = fields.get_all(header::HOST).iter();
    let is_sound = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    };
    if !is_sound {
        let detail = "a request has exactly one Host field, with a name or an address and maybe a port";
        return Some(Problem::new(&kinds::INVALID_HEADER, detail));
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    (bytes + target > LONGEST_HEAD)
        .then(|| Problem::new(&kinds::HEAD_TOO_LARGE, format!("a head may have {LONGEST_HEAD} bytes")))
}

/// Whether this is a name or an address, and maybe a port, as far as its characters go.
fn is_host(host: &[u8]) -> bool {
    let is_sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%:[]!$&'()*+;=".contains(byte);
    !host.is_empty() && host.iter().all(is_sound)
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

/// The same as a field.
pub(crate) fn request_id_value(headers: &HeaderMap, clock: &Clock) -> HeaderValue {
    if let Some(given) = given_id(headers) {
        return given.clone();
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    let id = clock.new_id().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or(const { HeaderValue::from_static("-") })
}

fn given_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(X_REQUEST_ID).filter(|id| {
        (1..=LONGEST_REQUEST_ID).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    })
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
