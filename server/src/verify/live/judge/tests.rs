//! Each kind of violation is noticed, and what the contract allows is none.

use super::*;

const TOPIC: &str = "sales-data-1";
const OTHER: &str = "sales-data-2";

fn at(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

/// Five events, with ids 10 to 50; the write of each was sent at its id in milliseconds and acknowledged.
fn record(seen: Vec<Seen>) -> Record {
    let ids = [10, 20, 30, 40, 50];
    let topic: Arc<str> = TOPIC.into();
    let attempt = |id: &u64| Attempt {
        topic: topic.clone(),
        mark: *id,
        sent: at(*id),
        outcome: Outcome::Acknowledged { position: Some(*id) },
    };
    Record {
        attempts: ids.iter().map(attempt).collect(),
        committed: ids.iter().map(|id| Committed { id: *id, topic: topic.clone(), mark: Some(*id) }).collect(),
        outages: Vec::new(),
        followings: vec![Following { rights: HashMap::from([(topic, Right::Held)]), is_slow: false, seen }],
    }
}

fn subscribed(since: Option<u64>) -> Seen {
    Seen::Subscribed { topic: TOPIC.into(), since, at: at(0) }
}

fn event(id: u64) -> Seen {
    Seen::Event { topic: TOPIC.into(), id, mark: Some(id) }
}

fn events(ids: &[u64]) -> Vec<Seen> {
    let mut seen = vec![subscribed(None)];
    seen.extend(ids.iter().copied().map(event));
    seen
}

fn resync(ms: u64) -> Seen {
    Seen::Resync { topic: TOPIC.into(), at: at(ms) }
}

/// The figures of a verdict are no violations.
fn violations(record: &Record) -> Verdict {
    let verdict = judge(record);
    Verdict { received: 0, again: 0, excused: 0, refused: 0, prompt: 0, prompt_excused: 0, ..verdict }
}

#[test]
fn everything_once_and_in_order_is_good() {
    let verdict = judge(&record(events(&[10, 20, 30, 40, 50])));
    assert_eq!((verdict.violations(), verdict.received, verdict.excuses_too_much()), (0, 5, false));
}

#[test]
fn an_acknowledged_write_without_an_event_has_vanished() {
    let mut lost = record(events(&[10, 20, 40, 50]));
    lost.committed.retain(|event| event.id != 30);
    assert_eq!(violations(&lost), Verdict { vanished: 1, ..Verdict::default() });
    let mut other = record(events(&[10, 20, 30, 40, 50]));
    other.attempts[2].mark = 31;
    assert_eq!(judge(&other).vanished, 1, "the event at its position is of another write");
    let mut nowhere = record(events(&[10, 20, 30, 40, 50]));
    nowhere.attempts[2].outcome = Outcome::Acknowledged { position: None };
    assert_eq!(judge(&nowhere).vanished, 1, "no position was named");
}

#[test]
fn an_event_that_never_comes_is_missing_also_the_last_and_one_that_was_not_acknowledged() {
    assert_eq!(violations(&record(events(&[10, 20, 40, 50]))), Verdict { missing: 1, ..Verdict::default() });
    assert_eq!(violations(&record(events(&[10, 20, 30, 40]))), Verdict { missing: 1, ..Verdict::default() });
    assert_eq!(violations(&record(events(&[]))), Verdict { missing: 5, ..Verdict::default() });
    let mut unknown = record(events(&[10, 20, 30, 40]));
    unknown.attempts[4].outcome = Outcome::Unknown;
    assert_eq!(judge(&unknown).missing, 1, "it was committed");
}

#[test]
fn a_gap_over_a_break_is_noticed() {
    let mut seen = events(&[10, 20]);
    // The cursor is above what came: 30 was behind it.
    seen.extend([subscribed(Some(30)), event(40), event(50)]);
    assert_eq!(violations(&record(seen)), Verdict { missing: 1, ..Verdict::default() });
    let mut anew = events(&[10, 20]);
    anew.extend([subscribed(None), event(50)]);
    assert_eq!(violations(&record(anew)), Verdict { missing: 2, ..Verdict::default() });
}

#[test]
fn a_resync_excuses_what_was_written_before_it_and_nothing_else() {
    let mut seen = events(&[10]);
    seen.extend([resync(45), event(50)]);
    let verdict = judge(&record(seen));
    assert_eq!((verdict.violations(), verdict.excused), (0, 3));
    assert!(verdict.excuses_too_much(), "of a follower that reads at once");
    // 40 was written after the state was read.
    let mut early = events(&[10]);
    early.extend([resync(35), event(50)]);
    assert_eq!(violations(&record(early)), Verdict { missing: 1, ..Verdict::default() });
    // Of another topic.
    let mut elsewhere = events(&[10]);
    elsewhere.extend([Seen::Resync { topic: OTHER.into(), at: at(45) }, event(50)]);
    assert_eq!(judge(&record(elsewhere)).missing, 3);
    // One that comes after the gap has been seen comes too late.
    let mut late = events(&[10, 40]);
    late.extend([resync(60), event(50)]);
    assert_eq!(judge(&record(late)).missing, 2);
    // Over a break it holds until the next event.
    let mut over = events(&[10]);
    over.extend([resync(45), subscribed(Some(40)), event(50)]);
    assert_eq!(judge(&record(over)).violations(), 0);
}

#[test]
fn twice_on_one_connection_or_below_the_cursor_is_doubled() {
    assert_eq!(violations(&record(events(&[10, 20, 20, 30, 40, 50]))), Verdict { doubled: 1, ..Verdict::default() });
    let mut below = events(&[10, 20]);
    below.extend([subscribed(Some(20)), event(20), event(30), event(40), event(50)]);
    assert_eq!(violations(&record(below)), Verdict { doubled: 1, ..Verdict::default() });
    let mut allowed = events(&[10, 20]);
    allowed.extend([subscribed(Some(15)), event(20), event(30), event(40), event(50)]);
    let verdict = judge(&record(allowed));
    assert_eq!((verdict.violations(), verdict.again), (0, 1));
}

#[test]
fn out_of_order_is_noticed_on_one_connection_and_over_a_break() {
    let verdict = judge(&record(events(&[10, 30, 20, 40, 50])));
    assert!(verdict.disordered > 0 && verdict.missing == 0, "{verdict:?}");
    let mut late = events(&[10, 30]);
    late.extend([subscribed(Some(10)), event(20), event(30), event(40), event(50)]);
    assert_eq!(violations(&record(late)), Verdict { disordered: 1, ..Verdict::default() });
}

#[test]
fn an_event_that_nobody_wrote_and_one_with_other_contents_are_noticed() {
    assert_eq!(violations(&record(events(&[10, 20, 25, 30, 40, 50]))), Verdict { unknown: 1, ..Verdict::default() });
    let mut seen = events(&[10, 20, 30, 40]);
    seen.push(Seen::Event { topic: TOPIC.into(), id: 50, mark: Some(51) });
    assert_eq!(violations(&record(seen)), Verdict { altered: 1, ..Verdict::default() });
}

#[test]
fn a_topic_of_another_store_leaks_by_its_subscription_and_by_each_event() {
    let mut leak = record(events(&[10]));
    leak.followings[0].rights = HashMap::from([(TOPIC.into(), Right::Never)]);
    assert_eq!(violations(&leak), Verdict { leaked: 2, ..Verdict::default() });
    leak.followings[0].rights.clear();
    assert_eq!(judge(&leak).leaked, 2, "a topic that was not asked for");
    leak.followings[0].rights = HashMap::from([(TOPIC.into(), Right::Never)]);
    leak.followings[0].seen = vec![Seen::Refused { topic: TOPIC.into() }];
    let verdict = judge(&leak);
    assert_eq!((verdict.violations(), verdict.refused), (0, 1));
}

#[test]
fn a_refusal_in_spite_of_a_right_is_noticed() {
    let mut seen = vec![Seen::Refused { topic: TOPIC.into() }];
    seen.extend(events(&[10, 20, 30, 40, 50]));
    assert_eq!(violations(&record(seen)), Verdict { denied: 1, ..Verdict::default() });
}

#[test]
fn what_was_written_after_a_revocation_and_its_bound_may_not_come() {
    let revoked = |seen: Vec<Seen>| {
        let mut record = record(seen);
        record.followings[0].rights = HashMap::from([(TOPIC.into(), Right::Until(at(15)))]);
        // The last two were sent within the bound, and after it.
        record.attempts[3].sent = at(1_010);
        record.attempts[4].sent = at(1_020);
        record
    };
    assert_eq!(violations(&revoked(events(&[10]))), Verdict::default(), "the rest is nobody's to see");
    assert_eq!(violations(&revoked(events(&[10, 20, 30, 40]))), Verdict::default());
    let late = revoked(events(&[10, 20, 30, 40, 50]));
    assert_eq!(violations(&late), Verdict { after_revocation: 1, ..Verdict::default() });
    assert_eq!(judge(&revoked(events(&[10, 30]))).missing, 1, "a gap before it stays one");
    // An instance that did not run has the bound from when it runs again.
    let mut paused = late.clone();
    paused.outages.push(Outage { from: at(900), to: at(1_000) });
    assert_eq!(violations(&paused), Verdict::default());
    paused.outages[0] = Outage { from: at(1_016), to: at(1_100) };
    assert_eq!(judge(&paused).after_revocation, 1, "the bound had passed before that");
    let mut again = revoked(events(&[10]));
    again.followings[0].seen.push(Seen::Subscribed { topic: TOPIC.into(), since: Some(10), at: at(1_020) });
    assert_eq!(judge(&again).after_revocation, 1, "it was let in again");
}
