//! JSON bodies: received within limits, parsed, checked whole.
//!
//! A body is parsed to a [`Value`] and read by a [`Reader`], which notes every fault with its JSON
//! pointer instead of stopping at the first, and knows which members nobody asked for.
//!
//! **Invariant:** a body of more than [`LARGEST_AT_ONCE`] bytes is parsed off the threads that answer requests.

mod form;
mod merge;
mod numbers;
mod reader;
mod strict;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde_json::Value;

pub use form::{Form, boundary, first_file, form};
pub use merge::{merge_patch, patched};
pub use numbers::is_exact;
pub use reader::{Member, Reader, Text};

use crate::slow::BodyTimedOut;
use crate::{Problem, kinds};

/// The largest body that is parsed where it was received, which takes less than a millisecond.
const LARGEST_AT_ONCE: usize = 64 * 1024;
/// How deeply a body may be nested.
const DEEPEST: usize = 64;

/// The JSON body of a request.
#[derive(Debug)]
pub struct JsonBody(pub Value);

/// The JSON body of a PATCH, as a merge patch (RFC 7396).
#[derive(Debug)]
pub struct PatchBody(pub Value);

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        receive(request, &["application/json"]).await.map(Self)
    }
}

impl<S: Sync> FromRequest<S> for PatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        receive(request, &["application/merge-patch+json", "application/json"]).await.map(Self)
    }
}

async fn receive(request: Request, types: &[&str]) -> Result<Value, Problem> {
    check_type(request.headers(), types)?;
    let body = collect(request.into_body()).await?;
    if body.len() <= LARGEST_AT_ONCE {
        return parse(&body);
    }
    // A large one would keep a thread that others' requests are answered on busy.
    tokio::task::spawn_blocking(move || parse(&body)).await.unwrap_or_else(|_panic| Err(Problem::internal()))
}

fn check_type(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    let unsupported = |given: &str| {
        Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, format!("the body must be {}, not {given}", types.join(" or ")))
    };
    if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        return Err(unsupported(&format!("one with Content-Encoding {}", coding.to_str().unwrap_or("?"))));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("of no media type");
    let media = given.split(';').next().unwrap_or_default().trim();
    if types.iter().any(|known| media.eq_ignore_ascii_case(known)) { Ok(()) } else { Err(unsupported(given)) }
}

/// The bytes of a body, read whole: for handlers whose bodies are no JSON.
///
/// # Errors
/// 400 when it breaks off, 408 when it comes too slowly, 413 when it is larger than the server takes.
pub async fn collect(body: Body) -> Result<bytes::Bytes, Problem> {
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => {
            let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
            while let Some(cause) = source {
                if cause.is::<LengthLimitError>() {
                    return Err(Problem::new(&kinds::BODY_TOO_LARGE, "the body is larger than this server takes"));
                }
                if let Some(BodyTimedOut(after)) = cause.downcast_ref() {
                    let seconds = after.as_secs_f32();
                    let detail = format!("the body was not whole after {seconds} s");
                    return Err(Problem::new(&kinds::BODY_TIMEOUT, detail));
                }
                source = cause.source();
            }
            Err(Problem::new(&kinds::INCOMPLETE_BODY, "the body ended before it was whole"))
        }
    }
}

/// Parses JSON, no deeper than allowed.
///
/// # Errors
/// 400, naming line and column.
pub fn parse(body: &[u8]) -> Result<Value, Problem> {
    if depth(body) > DEEPEST {
        return Err(Problem::new(&kinds::JSON_TOO_DEEP, format!("the body is nested more than {DEEPEST} levels deep")));
    }
    let value = strict::parse(body).map_err(|error| {
        let text = error.to_string();
        let what = match (error.classify(), text.strip_prefix(strict::TWICE)) {
            (_, Some(name)) => {
                let name = name.rsplit_once(" at line ").map_or(name, |(name, _)| name);
                format!("names the member {name} of an object twice")
            }
            (serde_json::error::Category::Eof, None) => "ends too early".to_owned(),
            _ => "is not JSON".to_owned(),
        };
        Problem::new(
            &kinds::MALFORMED_JSON,
            format!("the body {what}, at line {} column {}", error.line(), error.column()),
        )
    })?;
    if let Some(number) = numbers::inexact(body) {
        let number: String = number.chars().take(60).collect();
        let detail = format!("the number {number} cannot be kept as it is written: send fewer digits, or a text");
        return Err(Problem::new(&kinds::INEXACT_NUMBER, detail));
    }
    Ok(value)
}

/// The deepest nesting of brackets outside strings; for text that is no JSON any number will do.
fn depth(body: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_large_body_is_parsed_beside_the_threads_that_answer() {
        let body = |bytes: usize| {
            let body = Body::from(format!("\"{}\"", "x".repeat(bytes)));
            http::Request::post("/").header("content-type", "application/json").body(body).expect("a request")
        };
        let mut small = std::pin::pin!(JsonBody::from_request(body(LARGEST_AT_ONCE - 2), &()));
        assert!(futures_util::poll!(&mut small).is_ready(), "nobody waits for another thread for so little");
        let mut large = std::pin::pin!(JsonBody::from_request(body(LARGEST_AT_ONCE), &()));
        assert!(futures_util::poll!(&mut large).is_pending(), "it was parsed here");
        assert!(large.await.is_ok());
    }

    #[test]
    fn faults_of_form_are_told_apart() {
        let code = |body: &str| parse(body.as_bytes()).err().map(|problem| problem.kind().code);
        assert_eq!(code("{\"a\": [1, 2]}"), None);
        assert_eq!(code("{\"a\": "), Some("web.malformed_json"));
        assert_eq!(code("{a: 1}"), Some("web.malformed_json"));
        assert_eq!(code("{\"a\": 1, \"a\": 2}"), Some("web.malformed_json"));
        let told = parse(b"{\"a\": 1, \"a\": 2}").expect_err("twice").detail().to_owned();
        assert_eq!(told, "the body names the member \"a\" of an object twice, at line 1 column 16");
        assert_eq!(code(""), Some("web.malformed_json"));
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(code(&deep(64)), None);
        assert_eq!(code(&deep(65)), Some("web.json_too_deep"));
        assert_eq!(code(&deep(100_000)), Some("web.json_too_deep"));
        assert_eq!(code(&format!("\"{}\"", "[".repeat(200))), None, "brackets in a string nest nothing");
        assert_eq!(code(r#""\"[""#), None);
    }
}
