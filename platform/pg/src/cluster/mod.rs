//! The private PostgreSQL: a database server of this program's own, from the machine's binaries.
//!
//! Why: someone who wants to try the program, or to run a shop on one box, should not have to set
//! up a database first. It is an ordinary PostgreSQL with `fsync` on, so what it acknowledged is
//! kept.
//!
//! What lies in the data folder:
//! ```text
//! lock            held (flock) for as long as a process runs the cluster; names that process
//! postgres/       the cluster; or a link to it, when PostgreSQL's user cannot reach this folder
//! postgres.init/  a cluster in the making; thrown away when a making was cut short
//! start.log       what the server said before its own log began
//! ```
//!
//! **Invariants:**
//! - Whoever has no lock starts nothing, stops nothing and deletes nothing.
//! - `postgres/` appears by one rename, after `initdb` has ended well; nothing is ever made over it.
//! - It listens on no network: only on a Unix socket in a folder closed to other users, and only
//!   the user who started it (and PostgreSQL's own) is let in, as the role `entrepot`.
//! - It dies with its owner: the server asks the kernel for SIGINT (a fast, clean shutdown) when
//!   the thread that started it ends, by whatever cause.
//! - A cluster of another major version is left untouched.
//!
//! All of it blocks; call it from a blocking thread. `tests/it/cluster.rs` kills either side.

mod binaries;
mod lock;
mod owner;
mod process;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use binaries::Binaries;
pub use lock::Holder;
pub use server::Cluster;

/// The role, and the database, that the program uses in its private cluster.
pub const ROLE: &str = "entrepot";

/// Where a private cluster lives and how it is run.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// The data folder. Made if it is not there.
    pub folder: PathBuf,
    /// What the lock file says of its holder, for the message that a second process prints.
    pub purpose: String,
    /// `max_connections` of the server.
    pub max_connections: u16,
    /// `shared_buffers` of the server, in MiB.
    pub shared_buffers_mib: u32,
}

/// Why a private cluster could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another process runs it.
    #[error("the data folder {} is in use by {holder}", .folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// No PostgreSQL server programs were found.
    #[error(
        "no PostgreSQL {minimum} or newer was found on this machine (looked in {looked_in}); \
         install it (Debian, Ubuntu: apt-get install postgresql), or set DATABASE_URL to one that runs"
    )]
    NoBinaries {
        /// The oldest major version that will do.
        minimum: u32,
        /// The folders that were searched.
        looked_in: String,
    },
    /// The cluster was made by another major version than any that is installed.
    #[error(
        "the cluster in {} was made by PostgreSQL {found}, and of that version no server is installed \
         (there is: {installed}); it was left untouched. Install PostgreSQL {found}, or move the folder \
         away and bring the data over with pg_upgrade or pg_dump", .folder.display()
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The major version in its PG_VERSION.
        found: String,
        /// The major versions that are installed.
        installed: String,
    },
    /// The folder of the cluster is a link, and what it leads to is not there.
    #[error(
        "{} leads to {}, and there is no cluster there; it is not replaced by an empty one. Bring it back \
         (is a disk missing?), or remove the link to begin anew", .link.display(), .target.display()
    )]
    TargetMissing {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// PostgreSQL refuses to run as root, and there is no user to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is no user named {wanted} to run it as; make one, or start entrepot as an ordinary user"
    )]
    NoUnprivilegedUser {
        /// The user that was looked for.
        wanted: &'static str,
    },
    /// `initdb` failed.
    #[error("initdb failed ({status}): {output}")]
    Init {
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server ended, or did not become ready in time.
    #[error("PostgreSQL {what}; it said:\n{log}")]
    Start {
        /// What happened.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// A process from an earlier run still works in the folder and does not end.
    #[error("process {pid} still works in {} and does not end; nothing was started", .folder.display())]
    Lingering {
        /// The process.
        pid: i32,
        /// The cluster's folder.
        folder: PathBuf,
    },
    /// Another user could read or replace the socket's folder.
    #[error("the runtime folder {} is not a folder of user {uid} closed to others; remove it", .folder.display())]
    RuntimeFolder {
        /// The folder.
        folder: PathBuf,
        /// Who must own it.
        uid: u32,
    },
    /// A file operation failed.
    #[error("{what} {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// How it failed.
        #[source]
        source: std::io::Error,
    },
}

pub(crate) fn io_at(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { what, path, source }
}

/// The address of the cluster in `folder` as seen by this user, whether or not it runs.
///
/// # Errors
/// When the folder cannot be read.
pub fn address(folder: &Path) -> Result<tokio_postgres::Config, ClusterError> {
    let folder = folder.canonicalize().map_err(io_at("cannot find the data folder", folder))?;
    let owner = owner::Owner::find()?;
    let mut config = tokio_postgres::Config::new();
    config.host_path(owner.socket_folder(&folder)).user(ROLE).dbname(ROLE);
    Ok(config)
}

/// Who runs the cluster in `folder` at this moment, if somebody does.
#[must_use]
pub fn holder(folder: &Path) -> Option<Holder> {
    match lock::Lock::take(folder, "a look at who is there") {
        Err(ClusterError::Held { holder, .. }) => Some(holder),
        _ => None,
    }
}

/// Waits until the cluster in `folder`, run by another process, takes connections.
///
/// Returns `false` when it does not within `patience`.
///
/// # Errors
/// When the folder cannot be read.
pub fn wait_until_ready(folder: &Path, patience: Duration) -> Result<bool, ClusterError> {
    let cluster = folder.join(server::CLUSTER);
    Ok(process::wait_for(patience, || process::postmaster(&cluster).is_some_and(|postmaster| postmaster.ready)))
}
