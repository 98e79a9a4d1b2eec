//! Cross-origin requests (the Fetch standard's CORS protocol).
//!
//! **Invariant:** with no origins configured nothing is ever allowed across origins, and no CORS
//! field is sent.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

/// Which other origins' pages may call this API, and read what.
#[derive(Clone, Debug, Default)]
pub struct CorsPolicy {
    origins: Vec<HeaderValue>,
    any: bool,
    max_age: Option<HeaderValue>,
}

const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Fields that a preflight may ask for, in bytes.
const MOST_ASKED: usize = 1_024;
/// Every field that an answer may have and that pages cannot read by themselves; a test looks through the document.
const EXPOSED: &str = "accept-ranges, allow, cache-group-invalidation, cache-status, content-disposition, content-encoding, content-range, entrepot-position, etag, idempotent-replayed, location, ratelimit, ratelimit-policy, repr-digest, retry-after, server-timing, www-authenticate, x-request-id";
pub(crate) const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(EXPOSED);

impl CorsPolicy {
    /// The fields of answers that pages of the allowed origins can read.
    pub fn exposed() -> impl Iterator<Item = &'static str> {
        EXPOSED.split(", ")
    }

    /// Allows these origins (`https://shop.example`), or every one with `*`; browsers may keep a
    /// preflight's answer for `max_age_s` seconds.
    ///
    /// # Errors
    /// The first entry that is no origin.
    pub fn new(origins: &[String], max_age_s: u32) -> Result<Self, String> {
        let any = origins.iter().any(|origin| origin == "*");
        let origins = origins
            .iter()
            .filter(|origin| *origin != "*")
            .map(|origin| {
                let uri: Option<http::Uri> = origin.parse().ok();
                let is_origin = uri
                    .is_some_and(|uri| uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/'));
                HeaderValue::from_str(origin).ok().filter(|_| is_origin).ok_or_else(|| origin.clone())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { origins, any, max_age: Some(HeaderValue::from(max_age_s)) })
    }

    /// Whether this origin is named: its pages are the shop's own. That any may read answers makes none of them so.
    pub(crate) fn names(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.any || self.origins.contains(origin)
    }

    fn is_off(&self) -> bool {
        !self.any && self.origins.is_empty()
    }

    /// The answer to a preflight, if this is one.
    pub(crate) fn preflight<B: Default>(&self, method: &Method, headers: &HeaderMap) -> Option<Response<B>> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let allowed = headers.get(header::ORIGIN).is_some_and(|origin| self.allows(origin));
        if allowed {
            let fields = response.headers_mut();
            fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            // Which fields a request has makes no page anybody's: a page that may ask may send them all.
            if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|asked| is_names(asked)) {
                fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            if let Some(max_age) = &self.max_age {
                fields.insert(header::ACCESS_CONTROL_MAX_AGE, max_age.clone());
            }
        }
        Some(response)
    }

    /// Marks an answer as readable by the page that asked, where it may read it.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.is_off() {
            return;
        }
        // The answer differs by Origin, also when there was none or it was refused.
        headers.append(header::VARY, const { HeaderValue::from_static("origin") });
        if let Some(origin) = origin.filter(|origin| self.allows(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        }
    }
}

/// Whether these are names of fields.
fn is_names(list: &HeaderValue) -> bool {
    let is_name = |name: &str| HeaderName::try_from(name.trim()).is_ok();
    list.len() <= MOST_ASKED && list.to_str().is_ok_and(|list| list.split(',').all(is_name))
}

/// The security fields of every answer, as OWASP's cheat sheet for REST lists them. Pages have a
/// policy of their own that replaces the API's.
pub(crate) const SECURITY_FIELDS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked_when_the_policy_is_made() {
        assert!(CorsPolicy::new(&["https://shop.example".to_owned(), "*".to_owned()], 600).is_ok());
        for wrong in ["shop.example", "https://shop.example/", "https://"] {
            assert_eq!(CorsPolicy::new(&[wrong.to_owned()], 600).err().as_deref(), Some(wrong));
        }
    }

    #[test]
    fn a_preflight_allows_the_fields_that_are_asked_for() {
        let policy = CorsPolicy::new(&["https://shop.example".to_owned()], 600).expect("an origin");
        let asked = |origin: &'static str, names: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
            headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_str(names).expect("a value"));
            let response: Response<()> = policy.preflight(&Method::OPTIONS, &headers).expect("a preflight");
            let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_HEADERS);
            allowed.map(|names| names.to_str().expect("text").to_owned())
        };
        assert_eq!(asked("https://shop.example", "authorization,if-range").as_deref(), Some("authorization,if-range"));
        assert_eq!(asked("https://evil.example", "authorization"), None);
        for wrong in ["a b", "authorization,,x", &"x,".repeat(1_000)] {
            assert_eq!(asked("https://shop.example", wrong), None);
        }
    }

    #[test]
    fn only_an_allowed_origin_is_marked() {
        let policy = CorsPolicy::new(&["https://shop.example".to_owned()], 600).expect("an origin");
        let mark = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            policy.mark(Some(&HeaderValue::from_static(origin)), &mut headers);
            headers
        };
        assert_eq!(mark("https://shop.example")[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
        assert!(!mark("https://evil.example").contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(mark("https://evil.example")[header::VARY], "origin");
    }
}
