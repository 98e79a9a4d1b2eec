//! Passwords: which are taken, and how they are kept.
//!
//! The rules are those of NIST SP 800-63B-4, 3.1.1: a length and no composition, all characters, and a
//! list of what is tried first (`data/common-passwords.txt.gz`; `data/README.md` says where it is from),
//! together with what anybody would guess of this very person. They are kept by Argon2id (RFC 9106).
//!
//! **Invariants:**
//! - Hashing never runs on a thread that answers requests, at most `at_once` at a time (each takes the
//!   configured memory), and at most [`MOST_WAITING`] wait; more are refused at once.
//! - A sign-in hashes exactly once, whether the account exists or not.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;
use xxhash_rust::xxh3::xxh3_64;

use crate::secret::random;

/// Sign-ins that wait for their turn.
const MOST_WAITING: usize = 64;
/// The longest password, in characters: far more than anybody types.
pub(crate) const LONGEST: usize = 256;
/// Whatever the settings say, no password is shorter.
pub(crate) const SHORTEST: usize = 8;

/// How passwords are kept.
#[derive(Clone, Copy, Debug)]
pub struct HashSettings {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Hashes at once; 0 for half of the cores, at least one.
    pub at_once: usize,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    Short(usize),
    Long,
    Common,
    Personal,
    Monotonous,
}

impl Weakness {
    /// A stable code, and what to do about it.
    pub(crate) fn told(self) -> (&'static str, String) {
        match self {
            Self::Short(least) => {
                ("password_too_short", format!("must have at least {least} characters; a sentence is a good one"))
            }
            Self::Long => ("password_too_long", format!("must have at most {LONGEST} characters")),
            Self::Common => ("password_common", "is among the first that are tried; choose another".to_owned()),
            Self::Personal => (
                "password_personal",
                "is mostly your name, your address or the name of this service; choose another".to_owned(),
            ),
            Self::Monotonous => ("password_monotonous", "is a repetition or a sequence; choose another".to_owned()),
        }
    }
}

static COMMON: LazyLock<HashSet<u64>> = LazyLock::new(|| {
    let mut text = String::new();
    let packed: &[u8] = include_bytes!("../data/common-passwords.txt.gz");
    if let Err(error) = flate2::read::GzDecoder::new(packed).read_to_string(&mut text) {
        tracing::error!(%error, "the list of common passwords cannot be read");
    }
    text.lines().map(|line| xxh3_64(line.trim().as_bytes())).collect()
});

/// One form for what looks the same (NFKC), as a keyboard may write it in several.
pub(crate) fn normalized(password: &str) -> String {
    password.nfkc().collect()
}

/// What speaks against a password for somebody with these names.
pub(crate) fn weakness(password: &str, least: usize, own: &[&str]) -> Option<Weakness> {
    let least = least.max(SHORTEST);
    let password = normalized(password);
    let length = password.chars().count();
    if length < least {
        return Some(Weakness::Short(least));
    }
    if length > LONGEST {
        return Some(Weakness::Long);
    }
    let lower = password.to_lowercase();
    let is_common = |text: &str| COMMON.contains(&xxh3_64(text.as_bytes()));
    // `passwordpassword`, and `Password` with digits and signs around it, are what is tried next.
    let trimmed = lower.trim_matches(|char: char| !char.is_alphabetic());
    let unit = repeated_unit(&lower);
    if is_common(&lower) || (trimmed.chars().count() * 2 > length && is_common(trimmed)) || unit.is_some_and(is_common)
    {
        return Some(Weakness::Common);
    }
    if is_monotonous(&lower) || unit.is_some_and(|unit| unit.chars().count() <= 4) {
        return Some(Weakness::Monotonous);
    }
    let mut left = lower.clone();
    let parts = own.iter().flat_map(|name| name.split(['@', '.', ' ', '-', '_', '+']));
    for part in parts.chain(["entrepot"]).map(str::to_lowercase).filter(|part| part.chars().count() >= 3) {
        left = left.replace(&part, "");
    }
    let own_words = length - left.chars().count();
    if own_words * 2 > length { Some(Weakness::Personal) } else { None }
}

/// The text that this one is a repetition of, if it is one.
fn repeated_unit(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    (1..=bytes.len() / 2)
        .filter(|length| bytes.len().is_multiple_of(*length) && text.is_char_boundary(*length))
        .find(|length| bytes.chunks(*length).all(|chunk| chunk == &bytes[..*length]))
        .map(|length| &text[..length])
}

/// Whether nearly every character follows from the one before: the same, the next, the previous.
fn is_monotonous(text: &str) -> bool {
    let characters: Vec<u32> = text.chars().map(u32::from).collect();
    let steps = characters.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count();
    steps * 10 >= characters.len().saturating_sub(1) * 8
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("too many passwords wait to be hashed")]
    Busy,
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}

/// What comparing a password told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) is_right: bool,
    /// It is kept by older parameters than today's.
    pub(crate) is_outdated: bool,
}

/// Hashes passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hasher {
    shared: Arc<Shared>,
}

struct Shared {
    params: Params,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What is compared with where there is no account.
    stand_in: OnceLock<String>,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hasher")
    }
}

impl Hasher {
    pub(crate) fn new(settings: HashSettings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let at_once = if settings.at_once == 0 { (cores / 2).max(1) } else { settings.at_once };
        // The settings were checked where they were read; the default stands in for impossible ones.
        let params = Params::new(settings.memory_kib, settings.passes, 1, None).unwrap_or_default();
        Self {
            shared: Arc::new(Shared {
                params,
                turns: Arc::new(Semaphore::new(at_once)),
                waiting: AtomicUsize::new(0),
                stand_in: OnceLock::new(),
            }),
        }
    }

    /// The PHC string that a password is kept by.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, HashError> {
        let password = normalized(password);
        self.run(move |argon2| {
            let hash: Result<PasswordHash, _> = argon2.hash_password_with_salt(password.as_bytes(), &random::<16>());
            hash.map(|hash| hash.to_string()).map_err(|error| HashError::Failed(error.to_string()))
        })
        .await?
    }

    /// Compares a password with what is kept; where nothing is, with a stand-in that takes as long.
    pub(crate) async fn compare(&self, password: &str, kept: Option<String>) -> Result<Compared, HashError> {
        let password = normalized(password);
        let shared = self.shared.clone();
        self.run(move |argon2| {
            let is_known = kept.is_some();
            let kept = match kept {
                Some(kept) => kept,
                None => shared.stand_in(argon2),
            };
            let hash = PasswordHash::new(&kept).map_err(|error| HashError::Failed(error.to_string()))?;
            let is_right = argon2.verify_password(password.as_bytes(), &hash).is_ok();
            let params = Params::try_from(&hash).ok();
            let is_outdated = params.is_none_or(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    != (shared.params.m_cost(), shared.params.t_cost(), shared.params.p_cost())
            });
            Ok(Compared { is_right: is_right && is_known, is_outdated })
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let shared = &self.shared;
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let before = shared.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(&shared.waiting);
        if before >= MOST_WAITING {
            return Err(HashError::Busy);
        }
        let turn = shared.turns.clone().acquire_owned().await.map_err(|_| HashError::Busy)?;
        let params = shared.params.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the work is done, also if nobody waits for it any more.
            let _turn = turn;
            work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        });
        done.await.map_err(|error| HashError::Failed(error.to_string()))
    }
}

impl Shared {
    fn stand_in(&self, argon2: &Argon2<'_>) -> String {
        self.stand_in
            .get_or_init(|| {
                let hash: Result<PasswordHash, _> = argon2.hash_password_with_salt(&random::<32>(), &random::<16>());
                hash.map(|hash| hash.to_string()).unwrap_or_default()
            })
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_composition_does_not() {
        let own = ["mira.olsen@shop.example", "Mira Olsen"];
        for (password, wanted) in [
            ("correct horse battery", None),
            ("aaaaaaaaaaaaaaaaaaaa", Some(Weakness::Monotonous)),
            ("abcabcabcabcabcabc", Some(Weakness::Monotonous)),
            ("abcdefghijklmnopqrst", Some(Weakness::Monotonous)),
            ("passwordpassword", Some(Weakness::Common)),
            ("!!Administrator1!!", Some(Weakness::Common)),
            ("qwertyuiop12345", Some(Weakness::Common)),
            ("miraolsen-entrepot", Some(Weakness::Personal)),
            ("short", Some(Weakness::Short(15))),
            ("Žluťoučký kůň pěl", None),
            ("🐎🐎🐎 trab trab trab", None),
        ] {
            let found = weakness(password, 15, &own);
            // What is in the list may change with the list; that one of the two applies may not.
            match wanted {
                Some(Weakness::Common) => {
                    assert!(matches!(found, Some(Weakness::Common | Weakness::Monotonous)), "{password}: {found:?}")
                }
                wanted => assert_eq!(found, wanted, "{password}"),
            }
        }
        assert_eq!(weakness(&"long ".repeat(60), 15, &own), Some(Weakness::Long));
        assert_eq!(weakness("1234567", 1, &[]), Some(Weakness::Short(8)), "eight is the least, whatever is set");
        assert!(COMMON.len() > 10_000);
        assert_eq!(weakness("sunshine", 8, &[]), Some(Weakness::Common));
    }

    fn hasher() -> Hasher {
        Hasher::new(HashSettings { memory_kib: 64, passes: 1, at_once: 1 })
    }

    #[tokio::test]
    async fn a_password_is_known_again_also_in_another_form() {
        let hasher = hasher();
        let kept = hasher.hash("Kůň s ofinou ﬁ").await.expect("hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{kept}");
        let compare = |password: &'static str, kept: Option<String>| {
            let hasher = hasher.clone();
            async move { hasher.compare(password, kept).await.expect("compared") }
        };
        assert_eq!(
            compare("Kůň s ofinou fi", Some(kept.clone())).await,
            Compared { is_right: true, is_outdated: false }
        );
        assert!(!compare("Kůň s ofinou", Some(kept.clone())).await.is_right);
        assert!(!compare("Kůň s ofinou fi", None).await.is_right);
        let stronger = Hasher::new(HashSettings { memory_kib: 128, passes: 1, at_once: 1 });
        let compared = stronger.compare("Kůň s ofinou fi", Some(kept)).await.expect("compared");
        assert_eq!(compared, Compared { is_right: true, is_outdated: true });
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let hasher = hasher();
        let turn = hasher.shared.turns.acquire().await.expect("free");
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(hasher.compare("x", None))).collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        assert!(matches!(hasher.compare("x", None).await, Err(HashError::Busy)));
        drop(turn);
        drop(waiting);
        assert!(hasher.compare("x", None).await.is_ok());
    }
}
