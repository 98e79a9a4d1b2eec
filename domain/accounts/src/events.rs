//! What accounts tell of their writes: the events, and the tags that they touch.
//!
//! | tag | is on | is touched by |
//! | --- | --- | --- |
//! | `person:<id>` | whoever was recognised as that person | every change that takes or gives a right |
//! | `session:<id>` | whoever was recognised by that session | its end |
//! | `key:<id>` | whoever was recognised by that API key | its change, its end |
//!
//! All events are for the audit log, and are told to nobody but this domain (audience `accounts`).
//!
//! **Invariant:** a change that takes a right away touches a tag of every identity that had it, in the
//! same transaction: once it is committed no instance that follows the feed honours the right.

use entrepot_contracts::{AccountChanged, BlockChanged, PersonId, Role};
use entrepot_feed::NewEvent;
use uuid::Uuid;

use crate::model::Block;

/// Who may learn of these events.
const AUDIENCE: &str = "accounts";

pub(crate) fn person_tag(id: Uuid) -> String {
    format!("person:{id}")
}

pub(crate) fn session_tag(id: Uuid) -> String {
    format!("session:{id}")
}

pub(crate) fn key_tag(id: Uuid) -> String {
    format!("key:{id}")
}

fn about_person(name: &'static str, person: Uuid, role: Option<Role>, about: Option<String>) -> NewEvent {
    NewEvent::new(name, format!("person-{person}"))
        .data(&AccountChanged { person_id: PersonId(person), role, about })
        .audience(AUDIENCE)
}

/// Something that takes no right away.
pub(crate) fn told(name: &'static str, person: Uuid, about: Option<String>) -> NewEvent {
    about_person(name, person, None, about)
}

/// A change of an account, which may have taken rights away.
pub(crate) fn person_changed(name: &'static str, person: Uuid, role: Option<Role>) -> NewEvent {
    about_person(name, person, role, None).tags([person_tag(person)])
}

/// A session has ended.
pub(crate) fn session_ended(name: &'static str, person: Uuid, session: Uuid) -> NewEvent {
    about_person(name, person, None, Some(format!("session:{session}"))).tags([session_tag(session)])
}

/// Sessions have ended, one by one or all.
pub(crate) fn sessions_ended(person: Uuid, sessions: &[Uuid]) -> NewEvent {
    let about = Some(format!("{} sessions", sessions.len()));
    about_person(AccountChanged::SESSIONS_ENDED, person, None, about).tags(sessions.iter().copied().map(session_tag))
}

/// An API key was made, changed or deleted.
pub(crate) fn key_changed(name: &'static str, person: Uuid, key: Uuid) -> NewEvent {
    about_person(name, person, None, Some(format!("key:{key}"))).tags([key_tag(key)])
}

/// A network was blocked, or a block lifted.
pub(crate) fn block_changed(name: &'static str, block: &Block) -> NewEvent {
    NewEvent::new(name, "blocks")
        .data(&BlockChanged {
            block_id: block.id.0,
            network: block.network.clone(),
            reason: block.reason.clone(),
            expires_at: block.expires_at.to_string(),
        })
        .audience(AUDIENCE)
}
