//! A link in a letter.
//!
//! **Invariant:** it is an absolute `http` or `https` address with a host, in the form that browsers read
//! (WHATWG URL), without a user in front of the host and up to [`Link::LONGEST`] bytes. In that form it has no
//! white space and no quotation mark, so it ends where its attribute does.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// The address of a web page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Link(String);

/// Why something is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No absolute address.
    #[error("is not an absolute address such as https://example.org/")]
    NotAbsolute,
    /// Another scheme.
    #[error("leads elsewhere than to http or https")]
    Scheme,
    /// A user before the host, which makes another host look like the one.
    #[error("names a user before the host")]
    User,
    /// Longer than mail programs take.
    #[error("is longer than 2000 bytes")]
    TooLong,
}

impl Link {
    /// The most bytes that it has.
    pub const LONGEST: usize = 2_000;

    /// A link, checked.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn new(text: &str) -> Result<Self, LinkError> {
        let url = Url::parse(text).map_err(|_| LinkError::NotAbsolute)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(LinkError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LinkError::User);
        }
        if url.as_str().len() > Self::LONGEST {
            return Err(LinkError::TooLong);
        }
        Ok(Self(url.into()))
    }
}

impl TryFrom<String> for Link {
    type Error = LinkError;

    fn try_from(text: String) -> Result<Self, LinkError> {
        Self::new(&text)
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.0
    }
}

impl AsRef<str> for Link {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_linked_to() {
        let long = format!("https://example.org/{}", "a".repeat(2_000));
        for (text, wanted) in [
            ("https://example.org/orders/7?a=1&b=2", Ok("https://example.org/orders/7?a=1&b=2")),
            ("http://localhost:5000/reset", Ok("http://localhost:5000/reset")),
            ("HTTPS://Example.ORG", Ok("https://example.org/")),
            ("https://bücher.example/", Ok("https://xn--bcher-kva.example/")),
            ("https://example.org/\"><script>", Ok("https://example.org/%22%3E%3Cscript%3E")),
            ("https://example.org/a\r\nb", Ok("https://example.org/ab")),
            ("javascript:alert(1)", Err(LinkError::Scheme)),
            ("JavaScript://example.org/%0aalert(1)", Err(LinkError::Scheme)),
            (" java\nscript:alert(1)", Err(LinkError::Scheme)),
            ("data:text/html,<script>alert(1)</script>", Err(LinkError::Scheme)),
            ("vbscript:x", Err(LinkError::Scheme)),
            ("file:///etc/passwd", Err(LinkError::Scheme)),
            ("mailto:anna@example.org", Err(LinkError::Scheme)),
            ("https://bank.example@evil.example/", Err(LinkError::User)),
            ("https://:secret@evil.example/", Err(LinkError::User)),
            ("/orders/7", Err(LinkError::NotAbsolute)),
            ("//evil.example/", Err(LinkError::NotAbsolute)),
            ("https://", Err(LinkError::NotAbsolute)),
            ("", Err(LinkError::NotAbsolute)),
            (&long, Err(LinkError::TooLong)),
        ] {
            let read = Link::new(text);
            assert_eq!(read.as_ref().map(AsRef::as_ref), wanted.as_ref().copied(), "{text:?}");
        }
    }
}
