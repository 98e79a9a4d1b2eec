//! Secrets that are handed out: random, shown once, kept as hashes.
//!
//! A secret has 256 bits from the system's generator, so a plain SHA-256 is enough to keep it by: there
//! is nothing to guess. (Passwords are another matter: see `password.rs`.)
//!
//! **Invariant:** no secret is written to the log or the database; `Debug` does not show it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A random text that proves something.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one that begins with `prefix`, so that people and scanners know what it is.
    pub(crate) fn new(prefix: &str) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>())))
    }

    /// It, to be shown once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What it is kept by.
    pub(crate) fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

/// What a secret is kept by.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

/// Whether two are the same, in a time that does not depend on where they differ.
pub(crate) fn is_same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        // The system's generator does not fail on a system that works; a guessable secret must not be.
        std::process::abort();
    }
    bytes
}

/// The token that a page of ours shows beside a cookie: it follows from the cookie's secret, and the
/// cookie does not follow from it.
pub(crate) fn page_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(&format!("page token of {cookie}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, two) = (Secret::new("er_"), Secret::new("er_"));
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), 3 + 43);
        assert!(!format!("{one:?}").contains(&one.reveal()[3..]));
        assert!(is_same(&one.hash(), &hash(one.reveal())) && !is_same(&one.hash(), &two.hash()));
        assert_ne!(page_token("a"), page_token("b"));
    }
}
