//! Processes of a cluster: what its `postmaster.pid` says, and ending what an earlier run left.
//!
//! **Invariant:** a process is signalled only when its working folder is the cluster's folder,
//! which is true of every PostgreSQL process of that cluster and, a pid being reused, of no other.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ClusterError;

const POLL: Duration = Duration::from_millis(10);

/// What `postmaster.pid` says.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pub(crate) pid: i32,
    pub(crate) ready: bool,
}

/// Reads `postmaster.pid`: the pid on line 1, the state on line 8.
pub(crate) fn postmaster(cluster: &Path) -> Option<Postmaster> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    let ready = text.lines().nth(7).is_some_and(|state| state.trim() == "ready");
    Some(Postmaster { pid, ready })
}

/// Looks every 10 ms, until `done` or for `patience`. Tells whether it was done.
pub(crate) fn wait_for(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "another process's file can only be polled; this thread may block"
        )]
        std::thread::sleep(POLL);
    }
}

/// Ends every process that works in `cluster`, the gentle way first: the postmaster gets SIGINT
/// (fast shutdown) and 20 s, then all get SIGQUIT and 5 s, then SIGKILL.
pub(crate) fn end_leftovers(cluster: &Path) -> Result<(), ClusterError> {
    let none_left = || working_in(cluster).is_empty();
    if none_left() {
        return Ok(());
    }
    tracing::warn!(folder = %cluster.display(), "a PostgreSQL from an earlier run is still there; stopping it");
    let everyone = || working_in(cluster);
    let head = || postmaster(cluster).map(|postmaster| postmaster.pid).filter(|pid| everyone().contains(pid));
    signal_all(head().into_iter().collect(), Signal::INT);
    // With no postmaster the children end by themselves within a second or so.
    let gentle = if head().is_some() { Duration::from_secs(20) } else { Duration::from_secs(2) };
    if wait_for(gentle, none_left) {
        return Ok(());
    }
    signal_all(everyone(), Signal::QUIT);
    if wait_for(Duration::from_secs(5), none_left) {
        return Ok(());
    }
    signal_all(everyone(), Signal::KILL);
    if wait_for(Duration::from_secs(5), none_left) {
        return Ok(());
    }
    let pid = working_in(cluster).first().copied().unwrap_or_default();
    Err(ClusterError::Lingering { pid, folder: cluster.to_owned() })
}

fn signal_all(pids: Vec<i32>, signal: Signal) {
    for pid in pids.into_iter().filter_map(Pid::from_raw) {
        // A process that has just ended by itself is what we want.
        let _already_gone = kill_process(pid, signal);
    }
}

/// Whether the process that `postmaster.pid` names does work in `cluster`.
pub(crate) fn works(cluster: &Path) -> bool {
    postmaster(cluster).is_some_and(|found| working_in(cluster).contains(&found.pid))
}

/// The processes whose working folder is `cluster`.
fn working_in(cluster: &Path) -> Vec<i32> {
    let Ok(cluster) = cluster.canonicalize() else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
            (folder == cluster).then_some(pid)
        })
        .collect()
}
