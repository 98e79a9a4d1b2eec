//! What can be followed live, and by whom: the rules of topics, as the rules of operations are those of
//! requests. Domains register them with their [`crate::Module`]; the live updates enforce them.
//!
//! **Invariant:** a topic that no rule names is followed by nobody.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{Caller, Doorkeeper, Scope};

/// Asks whether a caller may follow what the rest of a topic's name stands for; `None` where that cannot be found out now.
pub type Ask = Arc<dyn Fn(Arc<Caller>, String) -> BoxFuture<'static, Option<bool>> + Send + Sync>;

/// Who may follow the topics of a kind.
#[derive(Clone)]
pub struct TopicRule {
    prefix: &'static str,
    action: &'static str,
    reach: Reach,
    is_by_id: bool,
}

#[derive(Clone)]
enum Reach {
    /// The prefix is the whole name.
    One,
    /// Whatever the rest of the name is, for those whose permission reaches everything.
    All,
    /// The rest of the name is a store's id.
    Store,
    /// The rest of the name is the caller's own id.
    Own,
    Asked(Ask),
}

/// Whether it is an id as events name it: in lower case, with hyphens.
#[must_use]
pub fn is_canonical_id(text: &str) -> bool {
    text.parse::<Uuid>().is_ok_and(|id| id.to_string() == text)
}

impl fmt::Debug for TopicRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TopicRule").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl TopicRule {
    /// The one topic of this name, for those who have the permission for this action.
    #[must_use]
    pub fn one(name: &'static str, action: &'static str) -> Self {
        Self::new(name, action, Reach::One)
    }

    /// Topics that begin so, for those whose permission for this action reaches everything.
    #[must_use]
    pub fn all(prefix: &'static str, action: &'static str) -> Self {
        Self::new(prefix, action, Reach::All)
    }

    /// Topics that end with a store's id, for those whose permission for this action reaches that store.
    #[must_use]
    pub fn by_store(prefix: &'static str, action: &'static str) -> Self {
        Self::new(prefix, action, Reach::Store)
    }

    /// Topics that end with a person's id, each for that person.
    #[must_use]
    pub fn own(prefix: &'static str, action: &'static str) -> Self {
        Self::new(prefix, action, Reach::Own)
    }

    /// Topics that have the permission for this action and about whose rest `ask` says yes.
    #[must_use]
    pub fn asking(prefix: &'static str, action: &'static str, ask: Ask) -> Self {
        Self::new(prefix, action, Reach::Asked(ask))
    }

    fn new(prefix: &'static str, action: &'static str, reach: Reach) -> Self {
        Self { prefix, action, reach, is_by_id: false }
    }

    /// The rest of its topics' names is an id: what is called by another name is no topic.
    #[must_use]
    pub fn by_id(self) -> Self {
        Self { is_by_id: true, ..self }
    }

    /// What somebody meant who named a topic that there is not, where that can be told.
    #[must_use]
    pub fn hint(&self, topic: &str) -> Option<String> {
        let prefix = self.prefix;
        let is_meant = self.is_by_id && topic.starts_with(prefix) && !self.knows(topic);
        is_meant.then(|| format!("a topic {prefix}… ends with the id (a UUID in lower case, with hyphens), whatever else names it elsewhere"))
    }

    /// What its topics begin with.
    #[must_use]
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// Whether it is about this topic.
    #[must_use]
    pub fn knows(&self, topic: &str) -> bool {
        match self.reach {
            Reach::One => topic == self.prefix,
            _ if self.is_by_id => topic.strip_prefix(self.prefix).is_some_and(is_canonical_id),
            _ => topic.len() > self.prefix.len() && topic.starts_with(self.prefix),
        }
    }

    /// Whether this caller may follow this topic, which the rule is about; `None` where that cannot be found out now.
    pub async fn allows(&self, keeper: &dyn Doorkeeper, caller: &Arc<Caller>, topic: &str) -> Option<bool> {
        let Some(scope) = keeper.granted(caller, self.action) else { return Some(false) };
        let rest = &topic[self.prefix.len()..];
        let is_allowed = match &self.reach {
            Reach::One => true,
            Reach::All => scope == Scope::All,
            Reach::Store => match scope {
                Scope::All => true,
                Scope::Store => {
                    caller.stores.as_ref().is_some_and(|stores| stores.iter().any(|store| store.as_str() == rest))
                }
                Scope::Own | Scope::Business => false,
            },
            Reach::Own => rest == caller.id.to_string(),
            Reach::Asked(ask) => return ask(caller.clone(), rest.to_owned()).await,
        };
        Some(is_allowed)
    }
}
