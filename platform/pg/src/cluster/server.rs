//! Making, starting, watching and stopping the cluster.
//!
//! One thread of ours owns the PostgreSQL process from its start to its end, because the kernel
//! ties "tell me when my parent dies" to the *thread* that started it. The same thread starts the
//! server again when it dies while it is wanted.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::binaries::Binaries;
use super::lock::Lock;
use super::owner::{Owner, is_c_path};
use super::process::{end_leftovers, postmaster, wait_for, works};
use super::{ClusterError, ClusterSettings, ROLE, io_at};

/// The name of the cluster's folder (or of the link to it) in the data folder.
pub(crate) const CLUSTER: &str = "postgres";
const READY_PATIENCE: Duration = Duration::from_secs(60);
const WATCH_EVERY: Duration = Duration::from_millis(100);
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// A running private cluster. [`Cluster::stop`] (or dropping it) ends the server cleanly.
#[derive(Debug)]
pub struct Cluster {
    address: tokio_postgres::Config,
    binaries: Binaries,
    stop: Option<SyncSender<()>>,
    keeper: Option<JoinHandle<()>>,
    _lock: Lock,
}

/// What the keeper thread needs to start the server, once or again.
struct Launch {
    owner: Owner,
    binaries: Binaries,
    cluster: PathBuf,
    sockets: PathBuf,
    start_log: PathBuf,
    max_connections: u16,
    shared_buffers_mib: u32,
    ties: Ties,
}

/// What happens to the server when the process that started it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ties {
    DiesWithOwner,
    /// For test runs of many processes that share one server; it is not durable either.
    OutlivesOwner,
}

impl Cluster {
    /// Takes the data folder, makes the cluster if there is none, ends what an earlier run left,
    /// starts the server and returns when it takes connections.
    ///
    /// # Errors
    /// Every [`ClusterError`]; nothing is left running after one.
    pub fn start(settings: &ClusterSettings) -> Result<Self, ClusterError> {
        let (lock, launch) = prepare(settings, Ties::DiesWithOwner)?;
        let address = launch.address();
        let binaries = launch.binaries.clone();
        let folder = launch.cluster.clone();
        let (stop, stop_asked) = sync_channel(1);
        let (first_start, started) = sync_channel(1);
        let keeper = std::thread::Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || {
                keep(&launch, &first_start, &stop_asked);
                // PostgreSQL has taken its socket away; where it has not, the folder stays.
                let _not_empty = std::fs::remove_dir(&launch.sockets);
            })
            .map_err(io_at("cannot start a thread for", &folder))?;
        match started.recv() {
            Ok(Ok(())) => Ok(Self { address, binaries, stop: Some(stop), keeper: Some(keeper), _lock: lock }),
            Ok(Err(error)) => {
                let _ended_by_itself = keeper.join();
                Err(error)
            }
            Err(_keeper_is_gone) => {
                Err(ClusterError::Start { what: "could not be watched".to_owned(), log: String::new() })
            }
        }
    }

    /// For test harnesses: starts the server if it does not run already, and leaves it running
    /// when this process ends. It runs without `fsync`, so nothing of value may be put in it.
    /// Returns its address.
    ///
    /// # Errors
    /// As [`Cluster::start`]; [`ClusterError::Held`] while another process is starting it.
    pub fn start_to_outlive_us(settings: &ClusterSettings) -> Result<tokio_postgres::Config, ClusterError> {
        let (_lock, launch) = prepare(settings, Ties::OutlivesOwner)?;
        let running = postmaster(&launch.cluster).is_some_and(|found| found.ready) && works(&launch.cluster);
        if !running {
            end_leftovers(&launch.cluster)?;
            let _runs_on_by_itself = launch.start()?;
        }
        Ok(launch.address())
    }

    /// Ends the server that [`Cluster::start_to_outlive_us`] left running.
    ///
    /// # Errors
    /// When it does not end.
    pub fn end_outlived(settings: &ClusterSettings) -> Result<(), ClusterError> {
        let link = settings.folder.join(CLUSTER);
        let Ok(cluster) = link.canonicalize() else { return Ok(()) };
        end_leftovers(&cluster)
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> tokio_postgres::Config {
        self.address.clone()
    }

    /// The programs that this cluster runs on.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Ends the server cleanly and returns when it has ended.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _a_panicked_keeper_took_the_server_with_it = keeper.join();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

/// Everything before the server itself is started: the folder, its lock, the programs, the cluster.
fn prepare(settings: &ClusterSettings, ties: Ties) -> Result<(Lock, Launch), ClusterError> {
    let folder = &settings.folder;
    std::fs::create_dir_all(folder).map_err(io_at("cannot make the data folder", folder))?;
    let folder = folder.canonicalize().map_err(io_at("cannot find the data folder", folder))?;
    let lock = Lock::take(&folder, &settings.purpose)?;
    let installed = Binaries::find_all()?;
    let owner = Owner::find()?;
    let link = folder.join(CLUSTER);
    let binaries = binaries_for(&link, &installed)?;
    if !link.join("PG_VERSION").exists() {
        make_cluster(&owner, &binaries, &folder)?;
    }
    let cluster = link.canonicalize().map_err(io_at("cannot find the cluster", &link))?;
    let sockets = owner.make_socket_folder(&folder)?;
    let launch = Launch {
        owner,
        binaries,
        cluster,
        sockets,
        start_log: folder.join("start.log"),
        max_connections: settings.max_connections,
        shared_buffers_mib: settings.shared_buffers_mib,
        ties,
    };
    Ok((lock, launch))
}

/// The programs that fit the cluster behind `link`: of its own major version, or the newest when
/// there is no cluster yet.
fn binaries_for(link: &Path, installed: &[Binaries]) -> Result<Binaries, ClusterError> {
    let newest = || installed.first().cloned().ok_or(ClusterError::NoBinaries { minimum: 0, looked_in: String::new() });
    let Ok(found) = std::fs::read_to_string(link.join("PG_VERSION")) else { return newest() };
    let found = found.trim().to_owned();
    installed.iter().find(|binaries| binaries.major.to_string() == found).cloned().ok_or_else(|| {
        let installed = installed.iter().map(|binaries| binaries.major.to_string()).collect::<Vec<_>>().join(", ");
        ClusterError::OtherVersion { folder: link.to_owned(), found, installed }
    })
}

/// Runs `initdb` in a folder beside the final one, then renames it into place.
fn make_cluster(owner: &Owner, binaries: &Binaries, folder: &Path) -> Result<(), ClusterError> {
    let link = folder.join(CLUSTER);
    if let Ok(target) = std::fs::read_link(&link) {
        return Err(ClusterError::TargetMissing { link, target });
    }
    // A making that was cut short leaves its folder, or a link to it in the shelter; both are ours
    // (we hold the lock) and neither was ever a cluster.
    let making_link = folder.join("postgres.init");
    let old_making = std::fs::read_link(&making_link).unwrap_or_else(|_| making_link.clone());
    if old_making.exists() {
        end_leftovers(&old_making)?;
        std::fs::remove_dir_all(&old_making).map_err(io_at("cannot remove the unfinished", &old_making))?;
    }
    if making_link.is_symlink() {
        std::fs::remove_file(&making_link).map_err(io_at("cannot remove", &making_link))?;
    }

    let sheltered = !owner.can_reach(folder);
    let making = if sheltered {
        let making = owner.shelter()?.join(format!("cluster-{}", uuid_like()));
        std::os::unix::fs::symlink(&making, &making_link).map_err(io_at("cannot link", &making_link))?;
        tracing::info!(folder = %making.display(), "PostgreSQL's user cannot reach the data folder; the cluster is kept here");
        making
    } else {
        making_link.clone()
    };
    owner.make_folder(&making)?;
    if !is_c_path(&making) {
        return Err(io_at("unusable path", &making)(std::io::ErrorKind::InvalidInput.into()));
    }
    let output = owner
        .command(&binaries.program("initdb"), &making)
        .arg("--pgdata")
        .arg(&making)
        .args(["--username", ROLE, "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums", "--auth", "peer"])
        .stdin(Stdio::null())
        .output()
        .map_err(io_at("cannot run initdb for", &making))?;
    if !output.status.success() {
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        return Err(ClusterError::Init { status: output.status.to_string(), output: last_lines(&said) });
    }
    for (name, text) in [
        (
            "pg_hba.conf",
            "# Written by entrepot: no network, and only the mapped users.\nlocal all all peer map=entrepot\n"
                .to_owned(),
        ),
        ("pg_ident.conf", format!("# Written by entrepot.\n{}", owner.ident_map())),
    ] {
        let path = making.join(name);
        std::fs::write(&path, text).map_err(io_at("cannot write", &path))?;
        owner.give(&path)?;
    }
    create_database(owner, binaries, &making)?;
    sync_folder(&making)?;
    if sheltered {
        std::fs::rename(&making_link, &link).map_err(io_at("cannot put in place", &link))?;
    } else {
        std::fs::rename(&making, &link).map_err(io_at("cannot put in place", &link))?;
    }
    sync_folder(folder)
}

/// Makes the program's database with the single-user server, before the cluster is ever started.
fn create_database(owner: &Owner, binaries: &Binaries, making: &Path) -> Result<(), ClusterError> {
    let mut child = owner
        .command(&binaries.program("postgres"), making)
        .args(["--single", "-D"])
        .arg(making)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io_at("cannot run postgres for", making))?;
    if let Some(mut input) = child.stdin.take() {
        use std::io::Write as _;
        writeln!(input, "CREATE DATABASE {ROLE}").map_err(io_at("cannot speak to postgres for", making))?;
    }
    let output = child.wait_with_output().map_err(io_at("cannot wait for postgres in", making))?;
    if !output.status.success() {
        return Err(ClusterError::Init { status: output.status.to_string(), output: last_lines(&output.stderr) });
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), ClusterError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(io_at("cannot sync", folder))
}

/// A name that no other run has: the pid and the monotonic clock are unique together.
fn uuid_like() -> String {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    format!("{:x}-{:x}", time.tv_sec, time.tv_nsec)
}

/// The keeper's life: start, watch, start again, stop.
fn keep(launch: &Launch, first_start: &SyncSender<Result<(), ClusterError>>, stop_asked: &Receiver<()>) {
    let mut child = match end_leftovers(&launch.cluster).and_then(|()| launch.start()) {
        Ok(child) => child,
        Err(error) => {
            let _nobody_waits = first_start.send(Err(error));
            return;
        }
    };
    let _nobody_waits = first_start.send(Ok(()));
    loop {
        match stop_asked.recv_timeout(WATCH_EVERY) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return stop_child(child),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let Ok(Some(status)) = child.try_wait() else { continue };
        tracing::error!(%status, "the private PostgreSQL ended; starting it again");
        child = loop {
            match end_leftovers(&launch.cluster).and_then(|()| launch.start()) {
                Ok(child) => break child,
                Err(error) => tracing::error!(%error, "the private PostgreSQL does not start; trying again"),
            }
            match stop_asked.recv_timeout(RESTART_PAUSE) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
    }
}

impl Launch {
    fn address(&self) -> tokio_postgres::Config {
        let mut address = tokio_postgres::Config::new();
        address.host_path(&self.sockets).user(ROLE).dbname(ROLE);
        address
    }

    fn start(&self) -> Result<Child, ClusterError> {
        // No process works in the folder (`end_leftovers` saw to it), so a pid file is stale, and
        // a pid in it may since belong to anybody.
        for stale in [self.cluster.join("postmaster.pid"), self.sockets.join(".s.PGSQL.5432.lock")] {
            match std::fs::remove_file(&stale) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_at("cannot remove the stale", &stale)(error));
                }
                _ => {}
            }
        }
        let log = File::create(&self.start_log).map_err(io_at("cannot write", &self.start_log))?;
        let errors = log.try_clone().map_err(io_at("cannot write", &self.start_log))?;
        let mut command = self.owner.command(&self.binaries.program("postgres"), &self.cluster);
        command.arg("-D").arg(&self.cluster).stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        for (name, value) in self.parameters() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if self.ties == Ties::DiesWithOwner {
            die_with_parent(&mut command);
        }
        let mut child = command.spawn().map_err(io_at("cannot run postgres for", &self.cluster))?;

        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let mut ended = None;
        let decided = wait_for(READY_PATIENCE, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || postmaster(&self.cluster).is_some_and(|found| found.pid == pid && found.ready)
        });
        let what = match (ended, decided) {
            (None, true) => return Ok(child),
            (Some(status), _) => format!("ended while starting ({status})"),
            (None, false) => {
                stop_child(child);
                format!("was not ready after {} s", READY_PATIENCE.as_secs())
            }
        };
        let log = std::fs::read(&self.start_log).unwrap_or_default();
        Err(ClusterError::Start { what, log: last_lines(&log) })
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let durable = if self.ties == Ties::OutlivesOwner { "off" } else { "on" };
        vec![
            ("fsync", durable.to_owned()),
            ("listen_addresses", String::new()),
            ("unix_socket_directories", self.sockets.display().to_string()),
            ("unix_socket_permissions", "0700".to_owned()),
            ("port", "5432".to_owned()),
            ("max_connections", self.max_connections.to_string()),
            ("shared_buffers", format!("{}MB", self.shared_buffers_mib)),
            ("jit", "off".to_owned()),
            ("random_page_cost", "1.1".to_owned()),
            ("max_wal_size", "1GB".to_owned()),
            ("wal_compression", "on".to_owned()),
            // A week of logs, a file a day, each day's overwriting last week's: bounded.
            ("logging_collector", "on".to_owned()),
            ("log_directory", "log".to_owned()),
            ("log_filename", "postgresql-%a.log".to_owned()),
            ("log_truncate_on_rotation", "on".to_owned()),
            ("log_rotation_age", "1d".to_owned()),
        ]
    }
}

/// Has the kernel send SIGINT, PostgreSQL's fast shutdown, to the child when this thread ends.
#[expect(unsafe_code, reason = "pre_exec has no safe form; see the argument inside")]
fn die_with_parent(command: &mut std::process::Command) {
    let parent = rustix::process::getpid();
    // SAFETY: the closure runs in the forked child before exec. It makes two system calls and
    // allocates nothing, takes no lock and touches no memory of the parent's, all of which are
    // async-signal-safe. std runs it after the change of user, which would clear the setting.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            // The parent may have died before the line above: then nobody would send the signal.
            if rustix::process::getppid() != Some(parent) {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}

/// SIGINT (fast shutdown) and 20 s, SIGQUIT and 5 s, SIGKILL.
fn stop_child(mut child: Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    for (signal, patience) in [(Signal::INT, 20), (Signal::QUIT, 5), (Signal::KILL, 5)] {
        if let Some(pid) = pid {
            let _already_gone = kill_process(pid, signal);
        }
        if wait_for(Duration::from_secs(patience), || !matches!(child.try_wait(), Ok(None))) {
            return;
        }
        tracing::warn!(?signal, patience_s = patience, "the private PostgreSQL did not stop in time");
    }
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
