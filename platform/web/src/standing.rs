//! Whether whoever began something long may still go on with it.
//!
//! The door looks once, before a request begins. What lasts, a socket or an export of millions of rows, asks
//! again.
//!
//! **Invariant:** a right that was taken away ends what stands on it. An access token that only runs out in
//! the middle does not, as long as its session is good and the rights are the same.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{Caller, Credential, Doorkeeper, Problem};

/// A credential that is kept, to be shown again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// An access token.
    Bearer(Box<str>),
    /// An API key.
    Key(Box<str>),
    /// The secret of a cookie.
    Cookie(Box<str>),
}

impl Proof {
    /// Keeps a credential.
    #[must_use]
    pub fn of(credential: Credential<'_>) -> Self {
        match credential {
            Credential::Bearer(token) => Self::Bearer(token.into()),
            Credential::Key(key) => Self::Key(key.into()),
            Credential::Cookie(cookie) => Self::Cookie(cookie.into()),
        }
    }

    /// What is given as a token: an access token or an API key.
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        if token.starts_with(crate::access::KEY_BEGINS) { Self::Key(token.into()) } else { Self::Bearer(token.into()) }
    }

    /// The credential.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        match self {
            Self::Bearer(token) => Credential::Bearer(token),
            Self::Key(key) => Credential::Key(key),
            Self::Cookie(cookie) => Credential::Cookie(cookie),
        }
    }
}

/// A caller, and what they were recognised by.
#[derive(Clone)]
pub struct Standing {
    pub(crate) keeper: Arc<dyn Doorkeeper>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) proof: Proof,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Standing").field("caller", &self.caller.id).finish_non_exhaustive()
    }
}

impl Standing {
    /// Who began it, and by what they were recognised.
    #[must_use]
    pub fn parts(&self) -> (Arc<Caller>, Proof) {
        (self.caller.clone(), self.proof.clone())
    }

    /// Whether the caller may still do what they could when it began.
    ///
    /// # Errors
    /// A 401 or 403 where a right was taken away, a 503 where that cannot be found out.
    pub async fn check(&self, now: Timestamp) -> Result<(), Problem> {
        if self.caller.expires_at <= now {
            let stands = self.keeper.stands(&self.caller).await?;
            return if stands {
                Ok(())
            } else {
                Err(crate::access::forbidden("your rights were taken away in the middle"))
            };
        }
        let caller = self.keeper.recognise(self.proof.credential()).await?;
        let same = (caller.role, &caller.stores, &caller.actions)
            == (self.caller.role, &self.caller.stores, &self.caller.actions);
        if same { Ok(()) } else { Err(crate::access::forbidden("your rights have changed in the middle")) }
    }
}
