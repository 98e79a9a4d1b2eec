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
    let output = verify(&folder.path().join("data"), "cache", &["--seed", "20261121", "--checks", "8000"]);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(", 0 stale (seed 20261121)"), "{told}");
    assert!(told.contains("\n0 let in whose right had been taken away"), "{told}");
    assert!(told.contains("\n0 times an instance did not do its work"), "{told}");
    assert!(told.contains("\n0 things thrown away that are young"), "{told}");
    for happened in [
        "writes over HTTP",
        "writes over HTTP to another category",
        "reviews over HTTP",
        "deletions over HTTP",
        "products made again over HTTP",
        "reads of a list with a position",
        "reads of a product that was deleted",
        "reads by HEAD",
        "of all reads, in gzip",
        "of all reads, in br",
        "reads at the end",
        "commits by hand",
        "rights taken away",
        "refusals of who had lost a right",
        "times: ",
    ] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
    assert!(!also.contains("left out"), "Redis is installed by script/bootstrap: {also}");
}

#[test]
fn without_the_fence_the_check_finds_stale_reads() {
    let folder = folder();
    let output =
        verify(&folder.path().join("data"), "cache", &["--seed", "20261121", "--checks", "3000", "--without-fence"]);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "a cache without a fence passed the check: {told}");
    assert!(told.contains("STALE: "), "{told}\n{also}");
    assert!(!told.contains("\n0 let in whose right had been taken away"), "nobody was let in: {told}");
}

#[test]
fn instances_get_over_a_read_only_database_and_a_clock_that_is_off() {
    let folder = folder();
    let few = ["--seed", "20261121", "--checks", "2000", "--faults", "database-read-only,clock-off"];
    let output = verify(&folder.path().join("data"), "cache", &few);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    for happened in ["times: the database read-only", "times: an instance with a clock that is off"] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
}

const SMALL: [&str; 8] = ["--seed", "20261121", "--clients", "60", "--topics", "12", "--seconds", "8"];

#[test]
fn every_acknowledged_write_comes_to_those_who_may_see_it_whatever_goes_wrong() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "live", &SMALL);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(": 0 events missing, 0 unknown, 0 out of order (seed 20261121)"), "{told}");
    assert!(told.contains("0 acknowledged writes without an event, 0 events twice, 0 altered; 0 leaks"), "{told}");
    for happened in ["kills", "writes acknowledged", "events told", "in whose place a resync came", "topics refused"] {
        assert!(figure(&told, happened) > 0, "nothing of {happened:?} happened: {told}");
    }
}

/// The figure of a line that holds these words; 0 where there is none.
fn figure(told: &str, words: &str) -> u64 {
    let line = told.lines().find(|line| line.contains(words) && line.starts_with(' '));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.replace(',', "").parse().expect("a number"))
}

/// What a run finds that does without one guarantee.
fn found_without(guarantee: &str) -> String {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "live", &[&SMALL[..], &["--without", guarantee]].concat());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("(seed 20261121)"), "it ended before it judged: {}", String::from_utf8_lossy(&output.stderr));
    told
}

#[test]
fn without_resuming_the_check_finds_missed_events() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "live", &[&SMALL[..], &["--without-resume"]].concat());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !told.contains(": 0 events missing"), "{told}");
}

#[test]
fn without_resyncs_the_check_finds_what_slow_followers_missed() {
    let told = found_without("resync");
    assert!(!told.contains(": 0 events missing"), "{told}");
}

#[test]
fn without_revocation_the_check_finds_events_that_were_written_after_it() {
    let told = found_without("revocation");
    assert!(!told.contains(", 0 after a revocation"), "{told}");
}

#[test]
fn without_ties_the_check_finds_topics_of_other_stores() {
    let told = found_without("ties");
    assert!(!told.contains("; 0 leaks"), "{told}");
}

/// The queue alone: eight seconds, and at least until each fault has happened.
const FEW_JOBS: [&str; 8] = ["--seed", "20261121", "--seconds", "8", "--crowd", "0", "--orders", "0"];

#[test]
fn every_job_is_done_and_once_though_workers_and_the_database_are_killed() {
    let folder = folder();
    let output = verify(&folder.path().join("data"), "jobs", &FEW_JOBS);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(": 0 jobs without an end, 0 lost, 0 effects missing, 0 twice, 0 of jobs"), "{told}");
    assert!(told.contains("; 0 slots skipped, 0 doubled (seed 20261121)"), "{told}");
    for happened in [
        "workers killed",
        "workers frozen for two leases",
        "times PostgreSQL was killed",
        "times the database was read only",
        "times a clock was off",
        "jobs cancelled by hand",
        "retried by hand",
        "bursts for the queue with a rate",
        "as their key had been used within its period",
    ] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
    assert!(!told.contains(" 0  effects in the database") && !told.contains(" 0  effects elsewhere"), "{told}");
    assert!(told.contains(" 0  slots across changes of the clock skipped, 0 doubled"), "{told}");
}

#[test]
fn without_fence_and_rate_the_check_finds_effects_twice_and_jobs_that_begin_too_soon() {
    let folder = folder();
    let without = [&FEW_JOBS[..], &["--without-fence", "--without-rate"]].concat();
    let output = verify(&folder.path().join("data"), "jobs", &without);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !told.contains(" 0 twice"), "{told}");
    // "       40  jobs at the most began within a second by their rate; 26 may"
    let line = told.lines().find(|line| line.contains("by their rate")).expect("a line of the rate");
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > numbers[1], "{line}");
}

#[test]
fn one_job_has_its_turn_beside_very_many_and_without_turns_the_check_finds_that_it_waits_for_all() {
    let folder = folder();
    let crowd = ["--seed", "20261121", "--seconds", "0", "--crowd", "20000", "--orders", "0"];
    let output = verify(&folder.path().join("data"), "jobs", &crowd);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("beside one with 20,000): fair"), "{told}\n{also}");
    let output = verify(&folder.path().join("data"), "jobs", &[&crowd[..], &["--without-fairness"]].concat());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && told.contains("NOT FAIR"), "{told}");
}

#[test]
fn what_is_ordered_of_the_program_itself_comes_to_its_end_though_instances_and_the_database_are_mistreated() {
    let folder = folder();
    let few = ["--seed", "20261121", "--seconds", "0", "--crowd", "0", "--orders", "12"];
    let output = verify(&folder.path().join("data"), "jobs", &few);
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{also}");
    assert!(told.contains(" s: 0 faults of the program's own kinds"), "{told}");
    for happened in ["instances killed", "times the database was read only", "times a clock was off"] {
        assert!(told.contains(happened), "nothing of {happened:?} happened: {told}");
    }
    for nothing in [" 0  letters ordered", " 0  events", " 0  exports", " 0  pictures", " 0 ready", " 0 done"] {
        assert!(!told.contains(nothing), "{nothing:?}: {told}");
    }
}

/// What a run finds whose checker does what an instance would that counts by a clock that is far ahead.
fn found_spoiled(what: &str, arguments: &[&str]) -> String {
    let folder = folder();
    let output = verify(&folder.path().join("data"), what, &[arguments, &["--spoil"]].concat());
    let (told, also) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "what was thrown away was not missed: {told}");
    assert!(told.contains("(seed 20261121)"), "it ended before it judged: {also}");
    for gone in ["GONE: a day of the feed, event_", "GONE: events up to "] {
        assert!(told.contains(gone), "{gone:?} was not found: {told}");
    }
    told.into_owned()
}

#[test]
fn what_a_wrong_clock_would_throw_away_is_missed() {
    let few = ["--seed", "20261121", "--checks", "500", "--faults", "clock-off"];
    let told = found_spoiled("cache", &few);
    assert!(told.contains("GONE: what was kept for who asks again: it was done again"), "{told}");
    found_spoiled("live", &["--seed", "20261121", "--clients", "20", "--topics", "6", "--seconds", "3"]);
    let few = ["--seed", "20261121", "--seconds", "0", "--crowd", "0", "--orders", "4"];
    let told = found_spoiled("jobs", &few);
    assert!(told.contains("GONE: a session: ") && told.contains(" exports lost"), "{told}");
}
