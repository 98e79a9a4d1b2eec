//! The id of a store: the code that the chain itself gives it.
//!
//! **Invariant:** 1 to 32 of `A`-`Z`, `a`-`z`, `0`-`9`, `-`, `_`, the first of them no sign. So it stands in a
//! path, a topic, a file's name and a CSV cell as it is: nothing in it means anything there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "330", min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$")]
pub struct StoreId(Box<str>);

/// Why a text is no store's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a store's id: 1 to 32 letters and digits, with - and _ behind the first")]
pub struct NoStoreId;

impl StoreId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topics of all events that are about a store.
    #[must_use]
    pub fn topics(store: &str) -> [String; 2] {
        [format!("sales-data-{store}"), format!("store-{store}")]
    }
}

impl FromStr for StoreId {
    type Err = NoStoreId;

    fn from_str(text: &str) -> Result<Self, NoStoreId> {
        let is_sound = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && text.as_bytes()[0].is_ascii_alphanumeric();
        if is_sound { Ok(Self(text.into())) } else { Err(NoStoreId) }
    }
}

impl TryFrom<String> for StoreId {
    type Error = NoStoreId;

    fn try_from(text: String) -> Result<Self, NoStoreId> {
        text.parse()
    }
}

impl From<StoreId> for String {
    fn from(id: StoreId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain() {
        for good in ["330", "a", "north-7", "N_1", &"x".repeat(32)] {
            assert!(good.parse::<StoreId>().is_ok(), "{good}");
        }
        for bad in ["", "-1", "_a", "a b", "a/b", "ä", "a.b", "'", &"x".repeat(33)] {
            assert!(bad.parse::<StoreId>().is_err(), "{bad}");
        }
    }
}
