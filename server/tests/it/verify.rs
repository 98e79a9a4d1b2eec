//! `entrepot verify`, shortened: what the long run proves, and that it could fail.

use std::path::Path;
use std::process::{Command, Output};

fn verify(data: &Path, what: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_entrepot"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .arg("--data")
        .arg(data)
        .args(["verify", what])
        .args(arguments)
        .output()
        .expect("it runs")
}

fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    folder
}

#[test]
fn no_read_is_stale_whatever_goes_wrong() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "cache", &["--seed", "20261121", "--checks", "12000"]);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(", 0 stale (seed 20261121)"), "{told}");
    for happened in ["writes over HTTP", "reads of a list with a position", "commits by hand", "times: "] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
    assert!(!also.contains("left out"), "Redis is installed by script/bootstrap: {also}");
}

#[test]
fn without_the_fence_the_check_finds_stale_reads() {
    let folder = folder();
    let output =
        verify(&folder.path().join("data"), "cache", &["--seed", "20261121", "--checks", "3000", "--without-fence"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "a cache without a fence passed the check: {told}");
    assert!(told.contains("STALE: "), "{told}");
}

const SMALL: [&str; 8] = ["--seed", "20261121", "--clients", "60", "--topics", "12", "--seconds", "5"];

#[test]
fn no_follower_misses_an_event_though_instances_are_killed() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "live", &SMALL);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(": 0 events missing, 0 unknown, 0 out of order (seed 20261121)"), "{told}");
    assert!(told.contains("kills") && !told.contains(" 0  kills") && !told.contains(" 0  events told"), "{told}");
}

#[test]
fn without_resuming_the_check_finds_missed_events() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "live", &[&SMALL[..], &["--without-resume"]].concat());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !told.contains(": 0 events missing"), "{told}");
}

const FEW_JOBS: [&str; 5] = ["--seed", "20261121", "--seconds", "8", "--without-fairness"];

#[test]
fn every_job_is_done_and_once_though_workers_and_the_database_are_killed() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "jobs", &FEW_JOBS);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(": 0 jobs without an end, 0 lost, 0 effects missing, 0 twice, 0 of jobs"), "{told}");
    assert!(told.contains("; 0 slots skipped, 0 doubled (seed 20261121)"), "{told}");
    for happened in ["workers killed", "workers frozen for two leases", "times PostgreSQL was killed"] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
    assert!(!told.contains(" 0  effects in the database") && !told.contains(" 0  effects elsewhere"), "{told}");
}

#[test]
fn without_the_fence_of_jobs_the_check_finds_effects_twice() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "jobs", &[&FEW_JOBS[..], &["--without-fence"]].concat());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !told.contains(" 0 twice"), "{told}");
}
