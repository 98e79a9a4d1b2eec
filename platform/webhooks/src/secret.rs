//! The key that one endpoint and this program share.
//!
//! **Invariant:** it is shown by [`Secret::reveal`] alone; `Debug` hides it, and no error quotes it.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "whsec_";
/// What the specification allows, in bytes.
const FEWEST_BYTES: usize = 24;
const MOST_BYTES: usize = 64;
/// What [`Secret::generate`] makes: as long as what HMAC-SHA256 gives, beyond which a key adds nothing.
const NEW_BYTES: usize = 32;
/// The Base64 of the longest key.
const LONGEST_TEXT: usize = MOST_BYTES.div_ceil(3) * 4;

/// A key for HMAC-SHA256 of 24 to 64 bytes. As text it is `whsec_` and its Base64.
#[derive(Clone)]
pub struct Secret {
    bytes: Box<[u8]>,
    key: hmac::Key,
}

/// Why there is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text does not begin as secrets do.
    #[error("a secret begins with whsec_")]
    NoPrefix,
    /// What follows the prefix is not Base64 with its padding.
    #[error("what follows whsec_ is not Base64")]
    NotBase64,
    /// The key is too short or too long.
    #[error("a secret has 24 to 64 bytes")]
    Length,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl Secret {
    /// A new one of 32 random bytes.
    ///
    /// # Errors
    /// [`SecretError::NoRandomness`], on a system that does not work.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = [0; NEW_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| SecretError::NoRandomness)?;
        Ok(Self::new(&bytes))
    }

    /// Reads the text that [`Secret::reveal`] gives.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NoPrefix)?;
        if encoded.len() > LONGEST_TEXT {
            return Err(SecretError::Length);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_quotes_the_text| SecretError::NotBase64)?;
        if !(FEWEST_BYTES..=MOST_BYTES).contains(&bytes.len()) {
            return Err(SecretError::Length);
        }
        Ok(Self::new(&bytes))
    }

    /// Its text: what the owner of the endpoint copies, and what is stored (encrypted, if the store is not).
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.bytes))
    }

    fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    pub(crate) fn key(&self) -> &hmac::Key {
        &self.key
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: usize) -> String {
        format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn a_secret_is_read_back_and_no_two_are_the_same() {
        let made = Secret::generate().expect("random bytes");
        let read = Secret::parse(&made.reveal()).expect("its own text");
        assert_eq!(read.bytes, made.bytes);
        assert_eq!(made.bytes.len(), NEW_BYTES);
        assert_ne!(made.bytes, Secret::generate().expect("random bytes").bytes);
    }

    #[test]
    fn what_is_no_secret_is_told() {
        for (text, wanted) in [
            (text_of(23), Err(SecretError::Length)),
            (text_of(24), Ok(24)),
            (text_of(64), Ok(64)),
            (text_of(65), Err(SecretError::Length)),
            (text_of(100_000), Err(SecretError::Length)),
            (PREFIX.to_owned(), Err(SecretError::Length)),
            (STANDARD.encode([7; 32]), Err(SecretError::NoPrefix)),
            (text_of(32).to_uppercase(), Err(SecretError::NoPrefix)),
            (text_of(32).trim_end_matches('=').to_owned(), Err(SecretError::NotBase64)),
            (text_of(32).replace('B', "-"), Err(SecretError::NotBase64)),
            (format!("{} ", text_of(32)), Err(SecretError::NotBase64)),
        ] {
            assert_eq!(Secret::parse(&text).map(|secret| secret.bytes.len()), wanted, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let secret = Secret::generate().expect("random bytes");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }
}
