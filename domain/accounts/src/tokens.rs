//! Access tokens: JWTs (RFC 7519) that are good for minutes, and the keys that they are signed with.
//!
//! The keys are in the database, so that all instances sign and verify alike and no setting has to be
//! a secret. The newest signs; one that was replaced goes on verifying until what it signed has expired,
//! so rotation signs nobody out.
//!
//! **Invariants:**
//! - The algorithm follows from the key that `kid` names, never from the token.
//! - A token counts only with all of its claims: issuer, audience, subject, session, epoch, issued at,
//!   expiry; to the second, with no leeway.
//! - That a token is good does not mean that its session still is: `identity.rs` asks for that.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrepot_contracts::{Role, SigningKeyRotated};
use entrepot_feed::{Feed, NewEvent};
use entrepot_pg::{Database, Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Clock;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::secret::random;
use crate::store::{self, StoredKey};

const ISSUER: &str = "entrepot";
const AUDIENCE: &str = "entrepot-api";
/// How much longer than its tokens a replaced key is kept, for instances that have not heard of it yet.
const KEPT_LONGER: SignedDuration = SignedDuration::from_secs(120);
/// Tokens that name a key which nobody knows make the keys be read again, but not more often.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// What access tokens are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever can verify can sign. The fastest.
    Hs256,
    /// Ed25519: what verifies cannot sign.
    EdDsa,
}

impl Algorithm {
    /// Its name in JWTs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Hs256, Self::EdDsa].into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn of_jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: Uuid,
    /// The session.
    pub(crate) sid: Uuid,
    /// The epoch of the person's rights.
    pub(crate) epoch: i32,
    /// For the client to know; the server asks the database.
    pub(crate) role: Role,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disbelief {
    /// It is no token of ours, or was tampered with.
    Invalid,
    /// Its time is over.
    Expired,
    /// It names a key that is not known here.
    UnknownKey,
}

pub(crate) struct Key {
    /// The public half, where there is one.
    public: Option<Vec<u8>>,
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    header: Header,
}

/// The keys, as they were last read. The first signs.
pub(crate) struct Ring {
    newest: Arc<Key>,
    by_id: HashMap<String, Arc<Key>>,
    read_at: Timestamp,
}

/// Signs and verifies. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Signer {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    feed: Feed,
    clock: Clock,
    algorithm: Algorithm,
    lifetime: SignedDuration,
    ring: RwLock<Option<Arc<Ring>>>,
    reading: Mutex<()>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signer")
    }
}

impl Signer {
    pub(crate) fn new(database: Database, feed: Feed, clock: Clock, algorithm: Algorithm, lifetime: Duration) -> Self {
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::from_mins(15));
        Self {
            shared: Arc::new(Shared {
                database,
                feed,
                clock,
                algorithm,
                lifetime,
                ring: RwLock::default(),
                reading: Mutex::default(),
            }),
        }
    }

    /// How long a token is good for, in seconds.
    pub(crate) fn lifetime_s(&self) -> i64 {
        self.shared.lifetime.as_secs()
    }

    /// A token for a session.
    pub(crate) async fn sign(&self, sub: Uuid, sid: Uuid, role: Role, epoch: i32) -> Result<String, Error> {
        let ring = self.ring().await?;
        let now = self.shared.clock.now();
        let iat = now.as_second();
        let exp = iat + self.shared.lifetime.as_secs();
        let claims = Claims { iss: ISSUER.to_owned(), aud: AUDIENCE.to_owned(), sub, sid, epoch, role, iat, exp };
        jsonwebtoken::encode(&ring.newest.header, &claims, &ring.newest.encoding)
            .map_err(|_| Error::Missing("a signature of an access token"))
    }

    /// What a token says, if it is to be believed. A key that is not known is looked for.
    pub(crate) async fn verify(&self, token: &str) -> Result<Result<Claims, Disbelief>, Error> {
        let now = self.shared.clock.now();
        let ring = self.ring().await?;
        let verdict = ring.verify(token, now.as_second());
        if verdict != Err(Disbelief::UnknownKey) || now.duration_since(ring.read_at) < LOOK_AGAIN_AFTER {
            return Ok(verdict);
        }
        Ok(self.read_since(&ring).await?.verify(token, now.as_second()))
    }

    /// The keys as they are read by whoever is first after `known`: of many who bring unknown keys at once one asks.
    async fn read_since(&self, known: &Arc<Ring>) -> Result<Arc<Ring>, Error> {
        let one_at_a_time = self.shared.reading.lock().await;
        let present = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner).clone();
        match present {
            Some(ring) if !Arc::ptr_eq(&ring, known) => Ok(ring),
            _ => self.read_locked(&one_at_a_time).await,
        }
    }

    /// Whether a token was signed by one of the keys that are known, and has not expired.
    pub(crate) fn is_well_signed(&self, token: &str) -> bool {
        let known = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.is_some_and(|ring| ring.verify(token, self.shared.clock.now().as_second()).is_ok())
    }

    /// The public halves of the keys that verify, by their ids: for whoever else is to verify.
    pub(crate) async fn published(&self) -> Result<Vec<(String, String)>, Error> {
        let ring = self.ring().await?;
        let public = |key: &Arc<Key>| Some((key.kid.clone(), URL_SAFE_NO_PAD.encode(key.public.as_ref()?)));
        let mut keys: Vec<_> = ring.by_id.values().filter_map(public).collect();
        keys.sort();
        Ok(keys)
    }

    async fn ring(&self) -> Result<Arc<Ring>, Error> {
        let known = self.shared.ring.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(ring) => Ok(ring),
            None => self.read().await,
        }
    }

    /// Reads the keys, and makes one where there is none that signs; at the start also where it does not sign
    /// as the settings say. Later it leaves another's choice alone: two instances with other settings would
    /// put a new key in the place of each other's for ever.
    pub(crate) async fn read(&self) -> Result<Arc<Ring>, Error> {
        let one_at_a_time = self.shared.reading.lock().await;
        self.read_locked(&one_at_a_time).await
    }

    async fn read_locked(&self, _one_at_a_time: &tokio::sync::MutexGuard<'_, ()>) -> Result<Arc<Ring>, Error> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let client = shared.database.client().await?;
        let mut stored = store::signing_keys(&client, now).await?;
        drop(client);
        let is_start = shared.ring.read().unwrap_or_else(PoisonError::into_inner).is_none();
        let differs = |key: &StoredKey| is_start && key.algorithm != shared.algorithm.name();
        if stored.first().is_none_or(|key| differs(key) || key.retired_at.is_some()) {
            self.replace(false).await?;
            let client = shared.database.client().await?;
            stored = store::signing_keys(&client, now).await?;
        }
        let ring = Arc::new(Ring::new(&stored, now).ok_or(Error::Missing("a key to sign access tokens with"))?);
        *shared.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(ring.clone());
        Ok(ring)
    }

    /// Has tokens signed with a new key from now on. What the old one signed stays good until it
    /// expires.
    pub(crate) async fn rotate(&self) -> Result<String, Error> {
        let kid = self.replace(true).await?;
        self.read().await?;
        Ok(kid)
    }

    /// Puts a new key in the place of the one that signs; unless `always`, only if that is of another
    /// algorithm.
    async fn replace(&self, always: bool) -> Result<String, Error> {
        let shared = &self.shared;
        shared
            .database
            .transaction(|transaction| async move { put(transaction, shared, always).await }.scope_boxed())
            .await
    }
}

async fn put(transaction: &Transaction, shared: &Shared, always: bool) -> Result<String, Error> {
    // Two instances that start at once make one key.
    store::signing_keys_lock(transaction).await?;
    let now = shared.clock.now();
    let stored = store::signing_keys(transaction.client(), now).await?;
    if let Some(newest) = stored.first().filter(|key| key.retired_at.is_none())
        && newest.algorithm == shared.algorithm.name()
        && !always
    {
        return Ok(newest.kid.clone());
    }
    let kid = URL_SAFE_NO_PAD.encode(random::<12>());
    let secret = match shared.algorithm {
        Algorithm::Hs256 => random::<32>().to_vec(),
        Algorithm::EdDsa => {
            let made = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1());
            made.map_err(|_| Error::Missing("a new key pair"))?.as_ref().to_vec()
        }
    };
    store::signing_key_insert(transaction, &kid, shared.algorithm.name(), &secret, now).await?;
    let retired_at = now.checked_add(shared.lifetime + KEPT_LONGER).unwrap_or(now);
    store::signing_keys_retire(transaction, retired_at, &kid).await?;
    let event = NewEvent::new(SigningKeyRotated::NAME, "signing-keys").data(&SigningKeyRotated { kid: kid.clone() });
    shared.feed.append(transaction, event.audience("accounts")).await?;
    Ok(kid)
}

impl Ring {
    fn new(stored: &[StoredKey], read_at: Timestamp) -> Option<Self> {
        let keys: Vec<Arc<Key>> = stored.iter().filter_map(Key::new).map(Arc::new).collect();
        let newest = keys.first()?.clone();
        Some(Self { newest, by_id: keys.into_iter().map(|key| (key.kid.clone(), key)).collect(), read_at })
    }

    fn verify(&self, token: &str, now: i64) -> Result<Claims, Disbelief> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Disbelief::Invalid)?;
        let key = self.by_id.get(header.kid.as_deref().unwrap_or_default()).ok_or(Disbelief::UnknownKey)?;
        let data = jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation);
        let claims = data.map_err(|_| Disbelief::Invalid)?.claims;
        if claims.exp <= now {
            return Err(Disbelief::Expired);
        }
        // Signed by us, and yet from a time that is still to come: a clock went wrong by more than is borne.
        if claims.iat > now + 60 { Err(Disbelief::Invalid) } else { Ok(claims) }
    }
}

impl Key {
    fn new(stored: &StoredKey) -> Option<Self> {
        let algorithm = Algorithm::named(&stored.algorithm)?;
        let (encoding, decoding, public) = match algorithm {
            Algorithm::Hs256 => {
                (EncodingKey::from_secret(&stored.secret), DecodingKey::from_secret(&stored.secret), None)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&stored.secret).ok()?;
                let public = pair.public_key().as_ref().to_vec();
                (EncodingKey::from_ed_der(&stored.secret), DecodingKey::from_ed_der(&public), Some(public))
            }
        };
        let mut validation = Validation::new(algorithm.of_jwt());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By our own clock, in `Ring::verify`.
        validation.validate_exp = false;
        let mut header = Header::new(algorithm.of_jwt());
        header.kid = Some(stored.kid.clone());
        Some(Self { public, kid: stored.kid.clone(), encoding, decoding, validation, header })
    }
}

/// Measures what checking an HS256 token costs, for the benchmarks: the time of `rounds` checks.
#[must_use]
pub fn time_checks(rounds: u32) -> Duration {
    let stored = StoredKey {
        kid: "benchmark".to_owned(),
        algorithm: Algorithm::Hs256.name().to_owned(),
        secret: random::<32>().to_vec(),
        retired_at: None,
    };
    let Some(ring) = Ring::new(&[stored], Timestamp::UNIX_EPOCH) else { return Duration::MAX };
    let id = Uuid::from_u128(7);
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: id,
        sid: id,
        epoch: 1,
        role: Role::Customer,
        iat: 0,
        exp: 900,
    };
    let Ok(token) = jsonwebtoken::encode(&ring.newest.header, &claims, &ring.newest.encoding) else {
        return Duration::MAX;
    };
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        if std::hint::black_box(ring.verify(std::hint::black_box(&token), 1)).is_err() {
            return Duration::MAX;
        }
    }
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(kid: &str, algorithm: Algorithm) -> StoredKey {
        let secret = match algorithm {
            Algorithm::Hs256 => random::<32>().to_vec(),
            Algorithm::EdDsa => {
                Ed25519KeyPair::generate().expect("made").to_pkcs8v1().expect("written").as_ref().to_vec()
            }
        };
        StoredKey { kid: kid.to_owned(), algorithm: algorithm.name().to_owned(), secret, retired_at: None }
    }

    fn claims() -> Claims {
        let id = Uuid::from_u128(7);
        Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: id,
            sid: id,
            epoch: 1,
            role: Role::Customer,
            iat: 1_000,
            exp: 1_900,
        }
    }

    fn sign(ring: &Ring, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&ring.newest.header, claims, &ring.newest.encoding).expect("signed")
    }

    #[test]
    fn a_good_token_is_believed_until_its_last_second() {
        for algorithm in [Algorithm::Hs256, Algorithm::EdDsa] {
            let ring = Ring::new(&[stored("one", algorithm)], Timestamp::UNIX_EPOCH).expect("a key");
            let token = sign(&ring, &claims());
            assert_eq!(ring.verify(&token, 1_899), Ok(claims()), "{algorithm:?}");
            assert_eq!(ring.verify(&token, 1_900), Err(Disbelief::Expired), "{algorithm:?}");
            assert_eq!(ring.verify(&token, 1_901), Err(Disbelief::Expired), "{algorithm:?}");
        }
    }

    #[test]
    fn every_other_token_is_not() {
        let (hmac, edwards) = (stored("hmac", Algorithm::Hs256), stored("edwards", Algorithm::EdDsa));
        let public = Ed25519KeyPair::from_pkcs8(&edwards.secret).expect("a pair").public_key().as_ref().to_vec();
        let ring = Ring::new(&[hmac, edwards], Timestamp::UNIX_EPOCH).expect("keys");
        let other = Ring::new(&[stored("hmac", Algorithm::Hs256)], Timestamp::UNIX_EPOCH).expect("a key");
        let good = sign(&ring, &claims());
        let parts: Vec<&str> = good.split('.').collect();
        let forge = |header: serde_json::Value, key: &EncodingKey, claims: &Claims| {
            let encode = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
            let body = format!(
                "{}.{}",
                encode(header.to_string().as_bytes()),
                encode(&serde_json::to_vec(claims).expect("JSON"))
            );
            let signature =
                jsonwebtoken::crypto::sign(body.as_bytes(), key, jsonwebtoken::Algorithm::HS256).expect("signed");
            format!("{body}.{signature}")
        };
        let header = |algorithm: &str, kid: &str| serde_json::json!({"alg": algorithm, "typ": "JWT", "kid": kid});
        let none = URL_SAFE_NO_PAD.encode(header("none", "hmac").to_string());
        let without = |claim: &str| {
            let mut value = serde_json::to_value(claims()).expect("JSON");
            value.as_object_mut().expect("an object").remove(claim);
            sign(&ring, &value)
        };
        let mut cases = vec![
            ("another key of the same id", sign(&other, &claims())),
            ("the algorithm none", format!("{none}.{}.", parts[1])),
            ("none with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("cut", good[..good.len() - 2].to_owned()),
            ("cut in two", format!("{}.{}", parts[0], parts[1])),
            ("empty", String::new()),
            ("rubbish", "a.b.c".to_owned()),
            ("another audience", sign(&ring, &Claims { aud: "other".to_owned(), ..claims() })),
            ("another issuer", sign(&ring, &Claims { iss: "other".to_owned(), ..claims() })),
            ("from the future", sign(&ring, &Claims { iat: 9_999, exp: 99_999, ..claims() })),
            // The public half of a pair is no secret: it must not pass for an HMAC's.
            (
                "signed with the public key",
                forge(header("HS256", "edwards"), &EncodingKey::from_secret(&public), &claims()),
            ),
            ("an algorithm that is not its key's", forge(header("HS384", "hmac"), &ring.newest.encoding, &claims())),
            ("an unknown key", forge(header("HS256", "nobody"), &ring.newest.encoding, &claims())),
            ("no key named", forge(serde_json::json!({"alg": "HS256"}), &ring.newest.encoding, &claims())),
        ];
        let mut changed = good.clone().into_bytes();
        let at = parts[0].len() + 5;
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        cases.push(("a changed claim", String::from_utf8(changed).expect("ASCII")));
        for claim in ["iss", "aud", "sub", "sid", "epoch", "role", "iat", "exp"] {
            cases.push(("a missing claim", without(claim)));
        }
        for (what, token) in cases {
            assert!(ring.verify(&token, 1_500).is_err(), "{what}: {token}");
        }
        assert!(ring.verify(&good, 1_500).is_ok());
    }

    #[test]
    fn a_key_that_was_replaced_still_verifies() {
        let (old, new) = (stored("old", Algorithm::Hs256), stored("new", Algorithm::EdDsa));
        let before = Ring::new(std::slice::from_ref(&old), Timestamp::UNIX_EPOCH).expect("a key");
        let token = sign(&before, &claims());
        let after = Ring::new(&[new, old], Timestamp::UNIX_EPOCH).expect("keys");
        assert!(after.verify(&token, 1_500).is_ok());
        assert!(after.verify(&sign(&after, &claims()), 1_500).is_ok());
    }
}
