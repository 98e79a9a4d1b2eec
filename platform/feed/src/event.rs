//! Events: something that was committed, what it is about, and what it touched.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// What a tag begins with that names a topic whose followers have to be asked again whether they may follow it.
pub const FOLLOWERS: &str = "followers:";

/// An event to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub(crate) topic: String,
    pub(crate) name: &'static str,
    pub(crate) tags: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) data: Value,
}

impl NewEvent {
    /// An event of this name about `topic`, such as `catalog.product-changed` about `product-019a…`.
    #[must_use]
    pub fn new(name: &'static str, topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            name,
            tags: Vec::new(),
            audience: None,
            data: Value::Object(serde_json::Map::new()),
        }
    }

    /// Says what it touched: values in caches that carry one of these tags are ruled out.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        for tag in tags.into_iter().map(Into::into) {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        }
        self
    }

    /// Says that who follows its topic live may have lost the right to; before they are told of it, that is looked up.
    #[must_use]
    pub fn doubting_followers(self) -> Self {
        let tag = format!("{FOLLOWERS}{}", self.topic);
        self.tags([tag])
    }

    /// Says who may learn of it; everybody unless told.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// What subscribers get. A value that cannot be written as JSON becomes null.
    #[must_use]
    pub fn data(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::to_value(data).unwrap_or_default();
        self
    }
}

/// An event that was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its position. Positions are given before commits: one may become visible after a higher one.
    pub id: u64,
    /// What it is about.
    pub topic: String,
    /// What happened.
    pub name: String,
    /// What it touched.
    pub tags: Vec<String>,
    /// Who may learn of it; `None` for everybody.
    pub audience: Option<String>,
    /// What subscribers get.
    pub data: Value,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// When it was appended.
    pub at: Timestamp,
    /// Who caused it; `None` for the program itself.
    pub cause: Option<Cause>,
}

/// Who caused an event, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The person; `None` where nobody had signed in.
    pub actor: Option<Uuid>,
    /// In which role.
    pub role: Option<String>,
    /// By what: `session:<id>`, `cookie:<id>`, `key:<id>`, `command`, `anonymous`.
    pub via: String,
    /// From which address.
    pub address: Option<String>,
}

impl Event {
    /// Its data as a type of one's own, if it has this name.
    ///
    /// # Errors
    /// When the data is of another form.
    pub fn read<P: DeserializeOwned>(&self, name: &str) -> Option<Result<P, serde_json::Error>> {
        (self.name == name).then(|| serde_json::from_value(self.data.clone()))
    }
}
