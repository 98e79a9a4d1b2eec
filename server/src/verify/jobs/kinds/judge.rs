//! What must have become of what was ordered of the program itself, as a pure function over what was found.
//!
//! **Invariants:**
//! - Every order that was acknowledged, and every one that was committed without a word, has come to an end that its
//!   owner can see. Nothing is demanded of one that left no trace and was not acknowledged.
//! - What was good must be made. It may have failed only where faults used up all its attempts (`excuse`), which is told
//!   by name. What was broken must have failed, with a reason.
//! - A letter comes at least once for each job that was committed for it, and at most once more for each attempt that
//!   ended badly: whoever died between the letter and the job's end sends it again, under the same key.
//! - For each fault there is a test below that feeds the trace of a run that has it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::excuse::{Attempt, EXPORT_ATTEMPTS, PICTURE_ATTEMPTS, Spell, excuse};

/// What was found in the end.
#[derive(Clone, Debug, Default)]
pub(super) struct KindFacts {
    /// Addresses that a letter to was acknowledged, and those that a job was committed for.
    pub(super) letters_ordered: HashSet<String>,
    /// How many letters became files, by address.
    pub(super) letters_written: HashMap<String, u64>,
    /// Of each address the jobs that were committed for it, and their attempts that ended badly.
    pub(super) letter_jobs: HashMap<String, LetterJobs>,
    /// The faults of the run.
    pub(super) spells: Vec<Spell>,
    /// Topics of stores whose making was acknowledged.
    pub(super) stores_made: HashSet<String>,
    /// By its position in the feed the topic of each event that the webhook follows.
    pub(super) events: HashMap<String, String>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) exports_ordered: HashSet<String>,
    pub(super) exports: HashMap<String, Export>,
    /// Rows that each export must have.
    pub(super) rows: i64,
    pub(super) pictures_uploaded: HashSet<String>,
    pub(super) pictures: HashMap<String, Picture>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LetterJobs {
    pub(super) jobs: u64,
    pub(super) attempts: u64,
}

/// One request to the receiver.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// The `webhook-id`.
    pub(super) id: String,
    /// The event's position in the feed.
    pub(super) position: String,
    /// Signed by the webhook's secret, of this time.
    pub(super) is_signed: bool,
    /// The receiver took it.
    pub(super) is_taken: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Export {
    pub(super) status: String,
    pub(super) error: Option<String>,
    /// Rows of the file that was fetched; none where it could not be.
    pub(super) rows: Option<i64>,
    /// Whether the bytes that were fetched have the digest that the export says.
    pub(super) is_digest_right: bool,
    /// The digest.
    pub(super) digest: String,
    /// Attempts of its job that did not end well.
    pub(super) attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub(super) status: String,
    pub(super) error: Option<String>,
    /// Variants that were fetched and are WebP.
    pub(super) variants: usize,
    /// What was uploaded can be no picture.
    pub(super) is_broken: bool,
    /// Attempts of its job that did not end well.
    pub(super) attempts: Vec<Attempt>,
}

/// Variants of a picture.
pub(super) const VARIANTS: [&str; 3] = ["thumb", "medium", "large"];

/// The faults by their names; a name that is missing stands for none.
pub(super) type Faults = BTreeMap<&'static str, usize>;

pub(super) const LETTERS_MISSING: &str = "letters missing";
pub(super) const LETTERS_DOUBLED: &str = "letters more than jobs and attempts account for";
pub(super) const EVENTS_MISSING: &str = "acknowledged writes without an event";
pub(super) const UNDELIVERED: &str = "events that were not delivered";
pub(super) const UNKNOWN_EVENTS: &str = "deliveries of events that never were";
pub(super) const UNSIGNED: &str = "deliveries that are not signed, or not of this time";
pub(super) const SEVERAL_IDS: &str = "events delivered under several ids";
pub(super) const EXPORTS_LOST: &str = "exports lost";
pub(super) const EXPORTS_UNENDED: &str = "exports without an end, or failed without a reason";
pub(super) const EXPORTS_WRONG: &str = "exports whose file is not what it must be";
pub(super) const EXPORTS_FAILED: &str = "exports that failed though no fault had used up their attempts";
pub(super) const PICTURES_LOST: &str = "pictures lost";
pub(super) const PICTURES_UNENDED: &str = "pictures without an end, or failed without a reason";
pub(super) const PICTURES_WRONG: &str = "pictures that are ready and lack a variant";
pub(super) const PICTURES_FAILED: &str = "good pictures that failed though no fault had used up their attempts";
pub(super) const PICTURES_TAKEN: &str = "broken pictures that did not fail";

/// Finds the faults.
pub(super) fn judge_kinds(facts: &KindFacts) -> Faults {
    let mut faults = Faults::new();
    let mut find = |name: &'static str, count: usize| {
        if count > 0 {
            *faults.entry(name).or_default() += count;
        }
    };
    judge_letters(facts, &mut find);
    judge_deliveries(facts, &mut find);
    find(EXPORTS_LOST, facts.exports_ordered.iter().filter(|id| !facts.exports.contains_key(*id)).count());
    let digests: BTreeSet<&str> =
        facts.exports.values().filter(|one| one.status == "done").map(|one| one.digest.as_str()).collect();
    // All are of the same rows, so there is one right file.
    find(EXPORTS_WRONG, digests.len().saturating_sub(1));
    for export in facts.exports.values() {
        match export.status.as_str() {
            "done" => find(EXPORTS_WRONG, usize::from(export.rows != Some(facts.rows) || !export.is_digest_right)),
            "failed" if export.error.is_none() => find(EXPORTS_UNENDED, 1),
            "failed" => find(EXPORTS_FAILED, usize::from(excuse_of_export(facts, export).is_none())),
            _ => find(EXPORTS_UNENDED, 1),
        }
    }
    find(PICTURES_LOST, facts.pictures_uploaded.iter().filter(|id| !facts.pictures.contains_key(*id)).count());
    for picture in facts.pictures.values() {
        match picture.status.as_str() {
            "ready" if picture.is_broken => find(PICTURES_TAKEN, 1),
            "ready" => find(PICTURES_WRONG, usize::from(picture.variants != VARIANTS.len())),
            "failed" if picture.error.is_none() => find(PICTURES_UNENDED, 1),
            "failed" if picture.is_broken => {}
            "failed" => find(PICTURES_FAILED, usize::from(excuse_of_picture(facts, picture).is_none())),
            _ => find(PICTURES_UNENDED, 1),
        }
    }
    faults
}

/// What failed and is excused, with the faults that used up its attempts: for people.
pub(super) fn excused(facts: &KindFacts) -> Vec<String> {
    let failed = |status: &str| status == "failed";
    let exports = facts.exports.iter().filter(|(_, one)| failed(&one.status));
    let exports = exports.filter_map(|(id, one)| Some((format!("export {id}"), excuse_of_export(facts, one)?)));
    let pictures = facts.pictures.iter().filter(|(_, one)| failed(&one.status) && !one.is_broken);
    let pictures = pictures.filter_map(|(id, one)| Some((format!("picture {id}"), excuse_of_picture(facts, one)?)));
    let told = |(what, names): (String, BTreeSet<&str>)| {
        let names: Vec<&str> = names.into_iter().collect();
        format!("{what} failed, as its attempts were used up by: {}", names.join(", "))
    };
    exports.chain(pictures).map(told).collect()
}

fn excuse_of_export(facts: &KindFacts, export: &Export) -> Option<BTreeSet<&'static str>> {
    excuse(&export.attempts, EXPORT_ATTEMPTS, &facts.spells)
}

fn excuse_of_picture(facts: &KindFacts, picture: &Picture) -> Option<BTreeSet<&'static str>> {
    excuse(&picture.attempts, PICTURE_ATTEMPTS, &facts.spells)
}

fn judge_letters(facts: &KindFacts, find: &mut impl FnMut(&'static str, usize)) {
    for to in &facts.letters_ordered {
        let written = facts.letters_written.get(to).copied().unwrap_or(0);
        let LetterJobs { jobs, attempts } = facts.letter_jobs.get(to).copied().unwrap_or_default();
        find(LETTERS_MISSING, usize::from(written < jobs.max(1)));
        find(LETTERS_DOUBLED, usize::from(written > jobs.max(1) + attempts));
    }
    let nobodys = facts.letters_written.keys().filter(|to| !facts.letters_ordered.contains(*to));
    find(LETTERS_DOUBLED, nobodys.count());
}

fn judge_deliveries(facts: &KindFacts, find: &mut impl FnMut(&'static str, usize)) {
    let told: HashSet<&str> = facts.events.values().map(String::as_str).collect();
    find(EVENTS_MISSING, facts.stores_made.iter().filter(|topic| !told.contains(topic.as_str())).count());
    let taken: HashSet<&str> =
        facts.deliveries.iter().filter(|one| one.is_taken).map(|one| one.position.as_str()).collect();
    find(UNDELIVERED, facts.events.keys().filter(|position| !taken.contains(position.as_str())).count());
    let mut ids: HashMap<&str, HashSet<&str>> = HashMap::new();
    for delivery in &facts.deliveries {
        find(UNSIGNED, usize::from(!delivery.is_signed));
        find(UNKNOWN_EVENTS, usize::from(!facts.events.contains_key(&delivery.position)));
        ids.entry(&delivery.position).or_default().insert(&delivery.id);
    }
    find(SEVERAL_IDS, ids.values().filter(|ids| ids.len() > 1).count());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str, position: &str) -> Delivery {
        Delivery { id: id.to_owned(), position: position.to_owned(), is_signed: true, is_taken: true }
    }

    fn export() -> Export {
        let (status, digest) = ("done".into(), "ab".into());
        Export { status, rows: Some(9), is_digest_right: true, digest, ..Export::default() }
    }

    /// A picture that was good and failed after so many attempts, all while the fault of [`good`] lasted.
    fn failed_picture(attempts: usize) -> Picture {
        let lost = Attempt { outcome: "lost".into(), ended_s: 101.0 };
        let attempts = vec![lost; attempts];
        Picture { status: "failed".into(), error: Some("untold".into()), attempts, ..Picture::default() }
    }

    /// A run in which all went well, with a letter and a delivery that came twice.
    fn good() -> KindFacts {
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<HashSet<_>>();
        KindFacts {
            letters_ordered: set(&["a@shop.example"]),
            letters_written: HashMap::from([("a@shop.example".to_owned(), 2)]),
            letter_jobs: HashMap::from([("a@shop.example".to_owned(), LetterJobs { jobs: 1, attempts: 1 })]),
            spells: vec![Spell { name: "killed", from_s: 100.0, to_s: 102.0 }],
            stores_made: set(&["store-1"]),
            events: HashMap::from([("7".to_owned(), "store-1".to_owned()), ("8".to_owned(), "store-2".to_owned())]),
            deliveries: vec![delivery("msg_1", "7"), delivery("msg_1", "7"), delivery("msg_2", "8")],
            exports_ordered: set(&["e"]),
            exports: HashMap::from([("e".to_owned(), export()), ("f".to_owned(), export())]),
            rows: 9,
            pictures_uploaded: set(&["p"]),
            pictures: HashMap::from([
                ("p".to_owned(), Picture { status: "ready".into(), variants: 3, ..Picture::default() }),
                ("q".to_owned(), Picture { is_broken: true, ..failed_picture(1) }),
            ]),
        }
    }

    #[test]
    fn a_run_that_went_well_has_no_fault() {
        assert_eq!(judge_kinds(&good()), Faults::new());
        assert!(excused(&good()).is_empty());
    }

    #[test]
    fn what_was_good_may_fail_only_by_faults_that_used_up_its_attempts() {
        let mut facts = good();
        facts.pictures.insert("r".into(), failed_picture(PICTURE_ATTEMPTS));
        assert_eq!(judge_kinds(&facts), Faults::new());
        assert_eq!(excused(&facts), ["picture r failed, as its attempts were used up by: killed"]);
        facts.spells.clear();
        assert_eq!(judge_kinds(&facts), Faults::from([(PICTURES_FAILED, 1)]));
    }

    #[test]
    fn each_fault_of_a_kind_is_found() {
        fn of_export(facts: &mut KindFacts, change: fn(&mut Export)) {
            change(facts.exports.get_mut("e").expect("it is there"));
        }
        type Spoil = fn(&mut KindFacts);
        let cases: [(&str, Spoil); 22] = [
            (LETTERS_MISSING, |facts| facts.letters_written.clear()),
            (LETTERS_MISSING, |facts| facts.letter_jobs.get_mut("a@shop.example").expect("it is there").jobs = 3),
            (LETTERS_DOUBLED, |facts| facts.letter_jobs.get_mut("a@shop.example").expect("it is there").attempts = 0),
            (LETTERS_DOUBLED, |facts| _ = facts.letters_written.insert("b@shop.example".into(), 1)),
            (EVENTS_MISSING, |facts| _ = facts.stores_made.insert("store-9".into())),
            (UNDELIVERED, |facts| _ = facts.deliveries.pop()),
            (UNDELIVERED, |facts| facts.deliveries[2].is_taken = false),
            (UNKNOWN_EVENTS, |facts| facts.deliveries.push(delivery("msg_3", "9"))),
            // What a sender writes whose clock is off, as well as one who has another secret.
            (UNSIGNED, |facts| facts.deliveries[0].is_signed = false),
            (SEVERAL_IDS, |facts| facts.deliveries[1].id = "msg_4".into()),
            (EXPORTS_LOST, |facts| _ = facts.exports.remove("e")),
            (EXPORTS_UNENDED, |facts| of_export(facts, |one| one.status = "running".into())),
            (EXPORTS_UNENDED, |facts| of_export(facts, |one| one.status = "failed".into())),
            (EXPORTS_FAILED, |facts| {
                of_export(facts, |one| (one.status, one.error) = ("failed".into(), Some("untold".into())));
            }),
            (PICTURES_FAILED, |facts| _ = facts.pictures.insert("r".into(), failed_picture(PICTURE_ATTEMPTS - 1))),
            (PICTURES_TAKEN, |facts| facts.pictures.get_mut("q").expect("it is there").status = "ready".into()),
            (EXPORTS_WRONG, |facts| of_export(facts, |one| one.rows = Some(8))),
            (EXPORTS_WRONG, |facts| of_export(facts, |one| one.is_digest_right = false)),
            (EXPORTS_WRONG, |facts| of_export(facts, |one| one.digest = "cd".into())),
            (PICTURES_LOST, |facts| _ = facts.pictures.remove("p")),
            (PICTURES_UNENDED, |facts| {
                facts.pictures.insert("r".into(), Picture { status: "queued".into(), ..Picture::default() });
            }),
            (PICTURES_WRONG, |facts| {
                facts
                    .pictures
                    .insert("p".into(), Picture { status: "ready".into(), variants: 2, ..Picture::default() });
            }),
        ];
        for (case, (fault, spoil)) in cases.into_iter().enumerate() {
            let mut facts = good();
            spoil(&mut facts);
            assert_eq!(judge_kinds(&facts), Faults::from([(fault, 1)]), "case {case}");
        }
    }
}
