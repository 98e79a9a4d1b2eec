//! Files that are fetched: whole or a range of them (RFC 9110, section 14), with their digest (RFC 9530).
//!
//! **Invariant:** a range that is asked for on the condition of an ETag is of that very file, or the whole is
//! sent.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{Problem, ProblemKind};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// A file that does not change any more.
#[derive(Clone, Debug)]
pub struct Download {
    /// Its bytes.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: Vec<u8>,
    /// What it is saved as; letters, digits, dots and dashes.
    pub name: String,
    /// Its media type.
    pub content_type: HeaderValue,
}

/// What is to be done about a request for a file.
#[derive(Debug)]
pub enum Demand {
    /// This is the answer.
    Answered(Response),
    /// The bytes from `first` up to and without `end` are to be put into this answer.
    Bytes {
        /// The answer, without its body.
        head: Response,
        /// The first byte.
        first: u64,
        /// The byte behind the last.
        end: u64,
    },
}

/// Which part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first and the last byte.
    Range(u64, u64),
    /// None of it.
    Unsatisfiable,
}

/// Reads `Range`. Several ranges, other units and what is no range ask for the whole.
fn part(range: Option<&str>, length: u64) -> Part {
    let Some(range) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = range.split_once('-') else { return Part::Whole };
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            None => Part::Whole,
            Some(0) => Part::Unsatisfiable,
            Some(_) if length == 0 => Part::Unsatisfiable,
            Some(count) => Part::Range(length.saturating_sub(count), length - 1),
        },
        (first, last) => match (number(first), last.is_empty(), number(last)) {
            (Some(first), _, _) if first >= length => Part::Unsatisfiable,
            (Some(first), true, _) => Part::Range(first, length - 1),
            (Some(first), false, Some(last)) if last >= first => Part::Range(first, last.min(length - 1)),
            _ => Part::Whole,
        },
    }
}

impl Download {
    /// What a request with these header fields is to be given; `unsatisfiable` is what a range outside of the file is
    /// refused as.
    #[must_use]
    pub fn demand(&self, fields: &HeaderMap, unsatisfiable: &'static ProblemKind) -> Demand {
        let length = self.length;
        let digits: String = self.sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = format!("\"{digits}\"");
        let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
        let mut response = Response::new(Body::empty());
        let out = response.headers_mut();
        let mut set = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                out.insert(name, value);
            }
        };
        set(header::ETAG, etag.clone());
        set(header::ACCEPT_RANGES, "bytes".to_owned());
        set(header::CACHE_CONTROL, "private, no-cache".to_owned());
        set(REPR_DIGEST, format!("sha-256=:{}:", STANDARD.encode(&self.sha256)));
        set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.name));
        let is_same =
            |tags: &str| tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag);
        if text(header::IF_NONE_MATCH).is_some_and(is_same) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Demand::Answered(response);
        }
        // A date never is the same file for sure, a weak ETag neither: only the ETag itself will do.
        let range =
            text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|condition| condition.trim() == etag));
        let (first, end) = match part(range, length) {
            Part::Unsatisfiable => {
                let detail = format!("the file has {length} bytes, and none of them is in the range");
                let mut response = Problem::new(unsatisfiable, detail).into_response();
                response.headers_mut().insert(header::CONTENT_RANGE, range_of(&format!("*/{length}")));
                return Demand::Answered(response);
            }
            Part::Whole => (0, length),
            Part::Range(first, last) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                response.headers_mut().insert(header::CONTENT_RANGE, range_of(&format!("{first}-{last}/{length}")));
                (first, last + 1)
            }
        };
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type.clone());
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
        Demand::Bytes { head: response, first, end }
    }
}

fn range_of(text: &str) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {text}")).unwrap_or(const { HeaderValue::from_static("bytes */*") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (range, wanted) in [
            (None, Part::Whole),
            (Some("bytes=0-0"), Part::Range(0, 0)),
            (Some("bytes=0-"), Part::Range(0, 99)),
            (Some("bytes=10-19"), Part::Range(10, 19)),
            (Some("bytes=90-500"), Part::Range(90, 99)),
            (Some("bytes=-10"), Part::Range(90, 99)),
            (Some("bytes=-500"), Part::Range(0, 99)),
            (Some("bytes=-0"), Part::Unsatisfiable),
            (Some("bytes=100-"), Part::Unsatisfiable),
            (Some("bytes=99999999999999999999999-"), Part::Unsatisfiable),
            (Some("bytes=20-10"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("bytes=0-1,5-6"), Part::Whole),
            (Some("lines=0-1"), Part::Whole),
            (Some("bytes="), Part::Whole),
        ] {
            assert_eq!(part(range, 100), wanted, "{range:?}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Unsatisfiable);
    }
}
