//! Credentials that a handler looks up itself, such as those in a message of a WebSocket: counted as at the door.
//!
//! **Invariant:** past the limit of credentials that were not good no more are looked up.

use std::sync::Arc;

use entrepot_guard::{Guard, Subject, Tier};

use crate::door::{count, too_many};
use crate::{Caller, Credential, Doorkeeper, Problem};

/// Looks credentials up for one network.
#[derive(Clone)]
pub struct Attempts {
    pub(crate) guard: Guard,
    pub(crate) subject: Subject,
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attempts").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Attempts {
    /// Whose credentials these are.
    ///
    /// # Errors
    /// See [`Doorkeeper::recognise`]; a 429 past the limit.
    pub async fn recognise(&self, keeper: &dyn Doorkeeper, credential: Credential<'_>) -> Result<Arc<Caller>, Problem> {
        if let Some(caller) = keeper.recognise_now(credential) {
            return Ok(caller);
        }
        if self.guard.counts() && !keeper.is_well_signed(credential) {
            let verdict = self.guard.peek(Tier::Credentials, &self.subject).await;
            if !verdict.allowed {
                return Err(too_many(Tier::Credentials, verdict).problem);
            }
        }
        let recognised = keeper.recognise(credential).await;
        if recognised.as_ref().is_err_and(|problem| problem.kind().status == 401) {
            count(&self.guard, Tier::Credentials, &self.subject, 1).await.map_err(|refusal| refusal.problem)?;
        }
        recognised
    }
}
