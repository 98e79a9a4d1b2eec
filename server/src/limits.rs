//! File descriptors: how many this process may have, and how many connections that leaves room for.
//!
//! Each connection is a descriptor, and so are the database's, files and much else. Where connections may use up all
//! of them the process can no longer do anything, so their number is bounded by what the system allows.
//!
//! **Invariant:** the listener never takes more connections than there are descriptors beside [`RESERVED`] and those
//! of the database.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Settings;

/// Descriptors for everything that is neither a client's connection nor the database's: files, the log, Redis, mail,
/// webhooks.
const RESERVED: u64 = 64;

/// Raises the soft limit of file descriptors to the hard one; how many there may be, where that is bounded.
pub(crate) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some() && limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => tracing::debug!(from = limit.current, to = limit.maximum, "file descriptors were raised"),
            Err(error) => tracing::warn!(%error, "the limit of file descriptors could not be raised"),
        }
    }
    getrlimit(Resource::Nofile).current
}

/// How many connections the listener may take: as the settings say, or as many as there are descriptors for.
pub(crate) fn connections(settings: &Settings, descriptors: Option<u64>) -> usize {
    let wanted = settings.server.max_connections;
    let database = settings.database.pool_max + settings.database.pipeline_connections;
    let Some(descriptors) = descriptors else { return wanted };
    let room = usize::try_from(descriptors.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    let room = room.saturating_sub(database).max(1);
    if room < wanted {
        tracing::warn!(
            descriptors,
            connections = room,
            max_connections = wanted,
            "the system allows too few file descriptors for server.max_connections: fewer connections are taken \
             (raise the limit with `ulimit -n` or LimitNOFILE=)"
        );
    }
    room.min(wanted)
}
