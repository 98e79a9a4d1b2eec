//! The private cluster: start, stop, kill either side, cut `initdb` short, two on one folder.
//!
//! The owner that is killed is a process of its own: this very test binary, run again for the one
//! test `owner_process`, which starts a cluster and waits.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use entrepot_pg::cluster::{self, Cluster, ClusterError, ClusterSettings};
use entrepot_pg::tokio_postgres::{Config, NoTls};
use rustix::process::{Pid, Signal, kill_process};

const FOLDER: &str = "ENTREPOT_TEST_OWNER_FOLDER";

fn settings(folder: &Path) -> ClusterSettings {
    ClusterSettings {
        folder: folder.to_owned(),
        purpose: "the cluster's tests".to_owned(),
        max_connections: 20,
        shared_buffers_mib: 16,
    }
}

/// A folder that PostgreSQL's user can reach, also when the tests run as root.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    folder
}

/// Runs a statement and returns the first column of its first row.
fn ask(address: &Config, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, connection) = address.connect(NoTls).await.expect("it takes connections");
        #[expect(clippy::disallowed_methods, reason = "ends with its client")]
        tokio::spawn(connection);
        let rows = client.simple_query(sql).await.expect("answered");
        rows.iter()
            .find_map(|message| match message {
                entrepot_pg::tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap_or_default()
    })
}

fn postmaster_pid(folder: &Path) -> Pid {
    let text = std::fs::read_to_string(folder.join("postgres/postmaster.pid")).expect("it runs");
    let pid = text.lines().next().and_then(|line| line.parse().ok()).expect("a pid");
    Pid::from_raw(pid).expect("a pid")
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if done() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "another process can only be polled")]
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("after 30 s still not: {what}");
}

fn is_gone(pid: Pid) -> bool {
    !PathBuf::from(format!("/proc/{}/cwd", pid.as_raw_nonzero())).exists()
}

/// Another process that owns a cluster.
fn owner(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "cluster::owner_process", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(
        lines.any(|line| line.is_ok_and(|line| line.contains("the cluster runs"))),
        "the owner started its cluster"
    );
    child
}

/// Not a test by itself: the body of [`owner`]'s process. Does nothing when run as a test.
#[test]
fn owner_process() {
    #[expect(clippy::disallowed_methods, reason = "how a test talks to its own child")]
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _cluster = Cluster::start(&settings(Path::new(&folder))).expect("it starts");
    println!("the cluster runs");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_cluster_is_made_once_keeps_its_data_and_listens_on_no_network() {
    let folder = folder();
    let first = Cluster::start(&settings(folder.path())).expect("it starts");
    ask(&first.address(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    assert_eq!(ask(&first.address(), "SHOW listen_addresses"), "");
    assert_eq!(ask(&first.address(), "SHOW fsync"), "on");
    assert_eq!(ask(&first.address(), "SHOW data_checksums"), "on");
    let pid = postmaster_pid(folder.path());
    let sockets = ask(&first.address(), "SHOW unix_socket_directories");
    first.stop();
    assert!(is_gone(pid), "stop returns when the server has ended");
    assert!(!Path::new(&sockets).exists(), "and leaves no folder behind");
    let second = Cluster::start(&settings(folder.path())).expect("it starts again");
    assert_eq!(ask(&second.address(), "SELECT n FROM kept"), "7");
}

#[test]
fn a_second_owner_is_told_who_has_the_folder_and_harms_nothing() {
    let folder = folder();
    let first = Cluster::start(&settings(folder.path())).expect("it starts");
    let error = Cluster::start(&settings(folder.path())).expect_err("it is held");
    assert!(matches!(&error, ClusterError::Held { .. }), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    // But whoever only wants to use it can.
    assert!(cluster::wait_until_ready(folder.path(), Duration::from_secs(5)).expect("readable"));
    assert_eq!(ask(&cluster::address(folder.path()).expect("an address"), "SELECT 1"), "1");
    drop(first);
}

#[test]
fn when_its_owner_is_killed_the_server_ends_and_the_next_owner_starts_it_again() {
    let folder = folder();
    let mut child = owner(folder.path());
    let address = cluster::address(folder.path()).expect("an address");
    ask(&address, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
    let pid = postmaster_pid(folder.path());
    child.kill().expect("killed");
    child.wait().expect("reaped");
    wait_until("the server ended by itself", || is_gone(pid));
    let next = Cluster::start(&settings(folder.path())).expect("it starts");
    assert_eq!(ask(&next.address(), "SELECT n FROM kept"), "1");
}

#[test]
fn a_server_that_outlived_its_owner_is_stopped_before_the_next_start() {
    let folder = folder();
    let address = Cluster::start_to_outlive_us(&settings(folder.path())).expect("it starts");
    ask(&address, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (2)");
    let old = postmaster_pid(folder.path());
    let next = Cluster::start(&settings(folder.path())).expect("it starts");
    assert_ne!(postmaster_pid(folder.path()), old);
    assert_eq!(ask(&next.address(), "SELECT n FROM kept"), "2");
    assert_eq!(ask(&next.address(), "SHOW fsync"), "on", "it is the new one");
}

#[test]
fn when_the_server_is_killed_its_owner_starts_it_again_with_what_it_had_acknowledged() {
    let folder = folder();
    let cluster = Cluster::start(&settings(folder.path())).expect("it starts");
    ask(&cluster.address(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (3)");
    let old = postmaster_pid(folder.path());
    kill_process(old, Signal::KILL).expect("killed");
    wait_until("another server is ready", || {
        let text = std::fs::read_to_string(folder.path().join("postgres/postmaster.pid")).unwrap_or_default();
        let pid = text.lines().next().and_then(|line| line.parse::<i32>().ok());
        pid.is_some_and(|pid| pid != old.as_raw_nonzero().get())
            && text.lines().nth(7).is_some_and(|state| state.trim() == "ready")
    });
    assert_eq!(ask(&cluster.address(), "SELECT n FROM kept"), "3");
}

#[test]
fn both_sides_killed_at_once_leave_a_stale_pid_file_that_stops_nobody() {
    let folder = folder();
    let mut child = owner(folder.path());
    let address = cluster::address(folder.path()).expect("an address");
    ask(&address, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (4)");
    let server = postmaster_pid(folder.path());
    // The owner first stopped, so that it cannot start the server again.
    let owner_pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(owner_pid, Signal::STOP).expect("stopped");
    kill_process(server, Signal::KILL).expect("killed");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    let pid_file = folder.path().join("postgres/postmaster.pid");
    assert!(pid_file.exists(), "the pid file is stale");
    // Worse: its pid belongs to somebody else by now. That one must be left alone.
    let mut bystander = Command::new("sleep").arg("600").spawn().expect("started");
    let text = std::fs::read_to_string(&pid_file).expect("readable");
    let rest = text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    std::fs::write(&pid_file, format!("{}\n{rest}", bystander.id())).expect("written");
    let next = Cluster::start(&settings(folder.path())).expect("it starts");
    assert_eq!(ask(&next.address(), "SELECT n FROM kept"), "4");
    assert!(bystander.try_wait().expect("asked").is_none(), "the bystander lives");
    bystander.kill().expect("killed");
    bystander.wait().expect("reaped");
}

#[test]
fn a_making_that_was_cut_short_is_begun_again() {
    let folder = folder();
    let making = folder.path().join("postgres.init");
    std::fs::create_dir(&making).expect("made");
    std::fs::write(making.join("PG_VERSION"), "15\n").expect("written");
    std::fs::create_dir(making.join("base")).expect("made");
    let cluster = Cluster::start(&settings(folder.path())).expect("it starts");
    assert_eq!(ask(&cluster.address(), "SELECT 1"), "1");
    assert!(!making.exists());
}

#[test]
fn a_cluster_of_another_version_is_left_untouched() {
    let folder = folder();
    let foreign = folder.path().join("postgres");
    std::fs::create_dir(&foreign).expect("made");
    std::fs::write(foreign.join("PG_VERSION"), "9\n").expect("written");
    std::fs::write(foreign.join("precious"), "data").expect("written");
    let error = Cluster::start(&settings(folder.path())).expect_err("no such server is installed");
    assert!(matches!(&error, ClusterError::OtherVersion { found, .. } if found == "9"), "{error}");
    assert_eq!(std::fs::read_to_string(foreign.join("precious")).expect("there"), "data");
    assert_eq!(std::fs::read_dir(&foreign).expect("there").count(), 2);
}

#[test]
fn a_link_to_a_cluster_that_is_not_there_is_never_replaced_by_an_empty_one() {
    let folder = folder();
    let elsewhere = folder.path().join("another-disk");
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("postgres")).expect("linked");
    let error = Cluster::start(&settings(folder.path())).expect_err("nothing is there");
    assert!(matches!(&error, ClusterError::TargetMissing { target, .. } if *target == elsewhere), "{error}");
    assert!(folder.path().join("postgres").is_symlink());
}

#[test]
fn a_data_folder_with_a_very_long_path_works() {
    let folder = folder();
    let long = folder.path().join("a-folder-with-a-long-name/".repeat(8));
    let cluster = Cluster::start(&settings(&long)).expect("a socket's path may have 107 bytes; ours is elsewhere");
    assert_eq!(ask(&cluster.address(), "SELECT 1"), "1");
}

#[test]
fn root_may_keep_the_data_folder_where_postgres_cannot_look() {
    use std::os::unix::fs::PermissionsExt as _;
    if !rustix::process::geteuid().is_root() {
        // An ordinary user's PostgreSQL is that user, and reaches what the user reaches.
        return;
    }
    let folder = folder();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).expect("made");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("closed");
    let first = Cluster::start(&settings(&closed)).expect("it starts");
    ask(&first.address(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (5)");
    first.stop();
    let second = Cluster::start(&settings(&closed)).expect("it starts again");
    assert_eq!(ask(&second.address(), "SELECT n FROM kept"), "5");
    second.stop();
    let shelter = std::fs::canonicalize(closed.join("postgres")).expect("a link");
    std::fs::remove_dir_all(shelter).expect("removed");
}
