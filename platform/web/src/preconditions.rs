//! Preconditions (RFC 9110, 13): `If-Match` for changes, `If-None-Match` for reads.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::{Problem, kinds};

/// What `If-Match` demands of the resource's present version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing: the field is not there.
    #[default]
    Anything,
    /// That there is one (`*`).
    Exists,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// Whether a resource of this version may be changed.
    #[must_use]
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::Versions(versions) => versions.contains(&version),
            Self::Anything | Self::Exists => true,
        }
    }

    /// The problem of a resource that has moved on: 412.
    #[must_use]
    pub fn failed(present_version: i64) -> Problem {
        Problem::new(
            &kinds::PRECONDITION_FAILED,
            format!("If-Match names another version than the present one ({present_version}); read the resource again"),
        )
    }

    fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut versions = Vec::new();
        let (mut seen, mut is_weak) = (false, false);
        for value in headers.get_all(header::IF_MATCH) {
            seen = true;
            let malformed = || {
                Problem::new(
                    &kinds::INVALID_HEADER,
                    "If-Match takes *, or ETags as this API gives them out, such as \"3-9f86d081884c7d65\"",
                )
            };
            let text = value.to_str().map_err(|_| malformed())?;
            if text.trim() == "*" {
                return Ok(Self::Exists);
            }
            for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                // A weak ETag never matches strongly; it is well-formed all the same.
                let Some(opaque) = tag.strip_prefix("W/").or(Some(tag)).and_then(unquote) else {
                    return Err(malformed());
                };
                if tag.starts_with("W/") {
                    is_weak = true;
                    continue;
                }
                // Not one of ours, so it names no version that there could be.
                if let Some(version) = opaque.split_once('-').and_then(|(version, _)| version.parse().ok()) {
                    versions.push(version);
                }
            }
        }
        if is_weak && versions.is_empty() {
            let detail = "If-Match names a weak ETag (W/\"…\"), which matches nothing (RFC 9110, 13.1.1); a proxy that compresses makes ETags weak: send it without the W/";
            return Err(Problem::new(&kinds::PRECONDITION_FAILED, detail));
        }
        Ok(if seen { Self::Versions(versions) } else { Self::Anything })
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::parse(&parts.headers)
    }
}

/// Whether `If-None-Match` names this ETag (without quotes and coding), in any of its codings.
pub(crate) fn if_none_match(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|text| {
        text.split(',').map(str::trim).any(|tag| {
            tag == "*"
                || unquote(tag.strip_prefix("W/").unwrap_or(tag))
                    .and_then(|opaque| opaque.strip_prefix(etag))
                    .map(|rest| rest.strip_suffix("-quick").unwrap_or(rest))
                    .is_some_and(|rest| matches!(rest, "" | "-br" | "-zstd" | "-gzip"))
        })
    })
}

fn unquote(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn if_match_reads_the_versions_out_of_our_etags() {
        let parse = |value| IfMatch::parse(&headers(header::IF_MATCH, value));
        assert_eq!(parse("*").ok(), Some(IfMatch::Exists));
        assert_eq!(parse("\"3-abc\", \"7-abc-br\"").ok(), Some(IfMatch::Versions(vec![3, 7])));
        assert_eq!(parse("W/\"3-abc\", \"4-abc\"").ok(), Some(IfMatch::Versions(vec![4])), "weak ETags never match");
        let weak = parse("W/\"3-abc\"").expect_err("it matches nothing");
        assert_eq!((weak.kind().status, weak.detail().contains("weak")), (412, true), "{}", weak.detail());
        assert_eq!(parse("\"foreign\"").ok(), Some(IfMatch::Versions(vec![])));
        assert!(parse("3-abc").is_err(), "an ETag has quotes");
        assert_eq!(IfMatch::parse(&HeaderMap::new()).ok(), Some(IfMatch::Anything));
    }

    #[test]
    fn if_none_match_knows_an_etag_in_every_coding() {
        for (value, wanted) in [
            ("\"3-abc\"", true),
            ("W/\"3-abc\"", true),
            ("\"x\", \"3-abc-zstd\"", true),
            ("\"3-abc-br-quick\"", true),
            ("*", true),
            ("\"3-abcd\"", false),
            ("3-abc", false),
        ] {
            assert_eq!(if_none_match(&headers(header::IF_NONE_MATCH, value), "3-abc"), wanted, "{value}");
        }
    }
}
