//! Signing, and verifying as a receiver does: HMAC-SHA256 over `id.timestamp.body`.
//!
//! **Invariants:**
//! - Signatures are compared in a time that does not depend on where they differ.
//! - What is signed can be read in one way only: an id with a full stop in it is never verified, and never
//!   sent (see [`Message`](crate::Message)).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use crate::Secret;

const VERSION: &str = "v1";
/// Signatures of one message that are looked at. Even a rotation needs but two.
const MOST_SIGNATURES: usize = 16;

/// Why a message is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The id has a full stop in it, so that it could run over into the timestamp.
    #[error("the id has a full stop in it")]
    BadId,
    /// The timestamp is not a number of seconds since 1970.
    #[error("the timestamp is not a number of seconds since 1970")]
    BadTimestamp,
    /// It was sent too long ago: perhaps by somebody who repeats what he has heard.
    #[error("the message is too old")]
    TooOld,
    /// It was sent later than now.
    #[error("the message is from the future")]
    TooNew,
    /// There is no signature of a kind that is known.
    #[error("no signature is of version v1")]
    NoSignature,
    /// No signature is by one of the secrets.
    #[error("no signature is by one of the secrets")]
    Mismatch,
}

/// The value of `webhook-signature`: `v1,` and the Base64 of a signature for each secret, with spaces between.
/// During a rotation both the old and the new secret sign, so that a receiver has either. It is sent with the
/// whole seconds of `at`.
#[must_use]
pub fn sign(secrets: &[Secret], id: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second().to_string();
    let signatures = secrets.iter().map(|secret| {
        let mut context = hmac::Context::with_key(secret.key());
        for part in signed(id, &seconds, body) {
            context.update(part);
        }
        format!("{VERSION},{}", STANDARD.encode(context.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// What a receiver does with the three fields of the header and the body as it came, byte for byte. A message
/// may be older or newer than `now` by up to `tolerance`; five minutes are usual. The first 16 signatures are
/// looked at.
///
/// # Errors
/// When the message is not by one of the secrets, or not of this time.
pub fn verify(
    secrets: &[Secret],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    if id.contains('.') {
        return Err(VerifyError::BadId);
    }
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse().ok().filter(|_| is_number).ok_or(VerifyError::BadTimestamp)?;
    let sent = Timestamp::from_second(seconds).map_err(|_out_of_range| VerifyError::BadTimestamp)?;
    let tolerance = SignedDuration::try_from(tolerance).unwrap_or(SignedDuration::MAX);
    let age = now.duration_since(sent);
    if age > tolerance {
        return Err(VerifyError::TooOld);
    }
    if -age > tolerance {
        return Err(VerifyError::TooNew);
    }
    let content = signed(id, timestamp, body).concat();
    let given =
        signature.split(' ').take(MOST_SIGNATURES).filter_map(|one| one.strip_prefix(VERSION)?.strip_prefix(','));
    let mut failure = VerifyError::NoSignature;
    for one in given {
        failure = VerifyError::Mismatch;
        let Ok(tag) = STANDARD.decode(one) else { continue };
        if secrets.iter().any(|secret| hmac::verify(secret.key(), &content, &tag).is_ok()) {
            return Ok(());
        }
    }
    Err(failure)
}

/// What is signed, in its parts.
fn signed<'a>(id: &'a str, seconds: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_bytes(), b".", seconds.as_bytes(), b".", body]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example by which the libraries of the specification test themselves.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECONDS: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn secret() -> Secret {
        Secret::parse(SECRET).expect("a secret")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    /// Verifies the example with something changed.
    fn check(id: &str, timestamp: &str, signature: &str, body: &[u8], now: i64) -> Result<(), VerifyError> {
        verify(&[secret()], id, timestamp, signature, body, at(now), TOLERANCE)
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_published() {
        assert_eq!(sign(&[secret()], ID, at(SECONDS), BODY), SIGNATURE);
        assert_eq!(check(ID, "1614265330", SIGNATURE, BODY, SECONDS), Ok(()));
    }

    #[test]
    fn every_part_is_signed() {
        let (time, now) = ("1614265330", SECONDS);
        assert_eq!(check("msg_other", time, SIGNATURE, BODY, now), Err(VerifyError::Mismatch));
        assert_eq!(check(ID, "1614265331", SIGNATURE, BODY, now), Err(VerifyError::Mismatch));
        assert_eq!(check(ID, time, SIGNATURE, br#"{"test": 2432232315}"#, now), Err(VerifyError::Mismatch));
        assert_eq!(check(ID, time, &SIGNATURE.replace("v1,g", "v1,h"), BODY, now), Err(VerifyError::Mismatch));
        let other = [Secret::generate().expect("random bytes")];
        assert_eq!(verify(&other, ID, time, SIGNATURE, BODY, at(now), TOLERANCE), Err(VerifyError::Mismatch));
        assert_eq!(verify(&[], ID, time, SIGNATURE, BODY, at(now), TOLERANCE), Err(VerifyError::Mismatch));
    }

    #[test]
    fn a_message_is_of_now_within_the_tolerance() {
        for (now, wanted) in [
            (SECONDS + 300, Ok(())),
            (SECONDS + 301, Err(VerifyError::TooOld)),
            (SECONDS - 300, Ok(())),
            (SECONDS - 301, Err(VerifyError::TooNew)),
        ] {
            assert_eq!(check(ID, "1614265330", SIGNATURE, BODY, now), wanted, "{now}");
        }
    }

    #[test]
    fn what_is_no_timestamp_or_no_signature_is_told() {
        for timestamp in ["", "now", "+1614265330", "-1", " 1614265330", "1614265330.0", "99999999999999999999"] {
            assert_eq!(check(ID, timestamp, SIGNATURE, BODY, SECONDS), Err(VerifyError::BadTimestamp), "{timestamp}");
        }
        for signature in ["", "v1", "v1a,AAAA", "v2,AAAA", "AAAA"] {
            assert_eq!(check(ID, "1614265330", signature, BODY, SECONDS), Err(VerifyError::NoSignature), "{signature}");
        }
        for signature in ["v1,", "v1,AAAA", "v1,not Base64", &format!("{SIGNATURE},"), &SIGNATURE[..20]] {
            assert_eq!(check(ID, "1614265330", signature, BODY, SECONDS), Err(VerifyError::Mismatch), "{signature}");
        }
    }

    #[test]
    fn during_a_rotation_either_secret_will_do() {
        let (old, new) = (secret(), Secret::generate().expect("random bytes"));
        let both = sign(&[old.clone(), new.clone()], ID, at(SECONDS), BODY);
        for known in [[old], [new]] {
            assert_eq!(verify(&known, ID, "1614265330", &both, BODY, at(SECONDS), TOLERANCE), Ok(()));
        }
        let among_others = format!("v1a,AAAA v1,AAAA {SIGNATURE}");
        assert_eq!(check(ID, "1614265330", &among_others, BODY, SECONDS), Ok(()));
    }

    #[test]
    fn no_more_signatures_are_looked_at_than_that() {
        let late = |before: usize| format!("{}{SIGNATURE}", "v1,AAAA ".repeat(before));
        assert_eq!(check(ID, "1614265330", &late(MOST_SIGNATURES - 1), BODY, SECONDS), Ok(()));
        assert_eq!(check(ID, "1614265330", &late(MOST_SIGNATURES), BODY, SECONDS), Err(VerifyError::Mismatch));
    }

    #[test]
    fn an_id_cannot_run_over_into_the_timestamp() {
        // One signed text, read in two ways: id `a`, or id `a.1614265330`.
        let signature = sign(&[secret()], "a", at(SECONDS), b"1614265331.{}");
        assert_eq!(check("a", "1614265330", &signature, b"1614265331.{}", SECONDS), Ok(()));
        assert_eq!(check("a.1614265330", "1614265331", &signature, b"{}", SECONDS), Err(VerifyError::BadId));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_verified_without_a_panic(id in ".{0,20}", timestamp in "[0-9+. -]{0,22}", signature in ".{0,80}") {
            let _refused_or_not = check(&id, &timestamp, &signature, BODY, SECONDS);
        }
    }
}
