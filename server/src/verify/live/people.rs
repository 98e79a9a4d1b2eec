//! Who follows: an admin's key, people who are tied to stores, and people whose rights are taken away meanwhile.
//!
//! **Invariant:** a person follows topics of the stores that they are tied to, and asks for one of another store,
//! which must be refused.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::ensure;
use entrepot_accounts::{Accounts, TemporaryKey, temporary_key};
use entrepot_contracts::Role;
use serde_json::{Value, json};

use super::judge::{Moment, REVOKED_WITHIN, Right};
use super::{BREATH, Guard, PATIENCE, Run, pause};
use crate::verify::administrator::Administrator;
use crate::verify::work::Random;

/// Topics that each follower has at the most, but for the one that is flooded.
const FOLLOWED: usize = 6;
/// People who are tied to stores and stay so.
const TIED: usize = 4;
/// The one whose account is deleted, and the one who loses a store.
const DELETED: usize = TIED;
const NARROWED: usize = TIED + 1;
/// How long one request may take before another instance is asked.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const ACTIONS: [&str; 3] = ["stores.read", "sales.read", "profile.read"];

/// How one follower follows.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) topics: Vec<Arc<str>>,
    /// A topic that it has no right to, and asks for all the same.
    pub(super) foreign: Option<Arc<str>>,
    pub(super) key: String,
    person: Option<usize>,
    pub(super) is_stream: bool,
    /// Whether it does not read while a flood lasts.
    pub(super) is_slow: bool,
    /// Whether it follows the topic that is flooded.
    pub(super) is_flooded: bool,
    /// Whether its rights are taken away.
    pub(super) is_leaving: bool,
}

/// A right that was taken away: of one store, or all.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    person: usize,
    store: Option<String>,
    /// When that was acknowledged.
    at: Moment,
}

struct Person {
    key: TemporaryKey,
    id: String,
    stores: Vec<String>,
    /// One that is not among theirs, if there is one.
    other: Option<String>,
}

pub(super) struct People {
    people: Vec<Person>,
    /// Who ties and unties them.
    admin: Administrator,
}

impl People {
    /// Makes the accounts, ties them to stores, and waits until that is in force everywhere.
    pub(super) async fn make(run: &Run, accounts: &Accounts) -> anyhow::Result<Self> {
        let mut people = Vec::new();
        let admin = Administrator::make(accounts, &run.name).await?;
        let groups = TIED.min(run.plan.topics);
        for number in 0..=NARROWED {
            let key = temporary_key(accounts, "verify-tied", Role::Staff, &ACTIONS).await?;
            let address = run.instances.address(0);
            let fields = [("x-api-key", key.reveal().to_owned())];
            let answer = run.http.get(address, "/api/v2/me", &fields).await?;
            let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
            ensure!(answer.status == 200 && !id.is_empty(), "an account cannot be read: {}", answer.body);
            let of_group = |group: usize| (0..run.plan.topics).filter(move |topic| topic % groups == group);
            let group = number % groups;
            let stores: Vec<String> = of_group(group).map(|topic| run.store(topic)).collect();
            let other = (groups > 1).then(|| run.store((group + 1) % groups));
            let body = json!({"stores": stores});
            let path = format!("/api/v2/users/{id}");
            let answer = admin.send(&run.http, &run.instances, 0, ("PATCH", &path, Some(&body))).await?;
            ensure!(answer.status == 200, "an account cannot be tied to stores: {}", answer.body);
            people.push(Person { key, id, stores, other });
        }
        pause(REVOKED_WITHIN).await;
        Ok(Self { people, admin })
    }

    /// How everybody follows.
    pub(super) fn specs(&self, run: &Run, random: &mut Random) -> Vec<Spec> {
        let mut specs: Vec<Spec> = (0..run.plan.clients)
            .map(|index| if index % 3 == 1 { self.tied(index, run, random) } else { admin(index, run, random) })
            .collect();
        for (person, is_stream) in [(DELETED, false), (DELETED, true), (NARROWED, false)] {
            let of = &self.people[person];
            let mut topics = topics_of(&of.stores);
            topics.truncate(FOLLOWED);
            let key = of.key.reveal().to_owned();
            let foreign = of.other.as_deref().map(sales_of);
            let spec =
                Spec { topics, foreign, key, person: Some(person), is_stream, is_leaving: true, ..Spec::empty() };
            specs.push(spec);
        }
        specs
    }

    fn tied(&self, index: usize, run: &Run, random: &mut Random) -> Spec {
        let number = (index / 3) % TIED;
        let person = &self.people[number];
        let key = if run.plan.without == Some(Guard::Ties) { run.key.clone() } else { person.key.reveal().to_owned() };
        Spec {
            topics: some_of(topics_of(&person.stores), random),
            foreign: person.other.as_deref().map(sales_of),
            key,
            person: Some(number),
            is_stream: is_stream(index),
            ..Spec::empty()
        }
    }

    /// Takes rights away in the course of the run: an account is deleted, another loses a store.
    pub(super) async fn revoke(&self, run: &Run) -> anyhow::Result<Vec<Taken>> {
        let part = Duration::from_secs(run.plan.seconds) / 5;
        pause(part * 2).await;
        let mut taken = Vec::new();
        let deleted = &self.people[DELETED];
        let at = taken_away(run, &self.admin, "DELETE", &deleted.id, None).await?;
        taken.push(Taken { person: DELETED, store: None, at });
        pause(part).await;
        let narrowed = &self.people[NARROWED];
        if let Some((lost, rest)) = narrowed.stores.split_first() {
            let left: Vec<&String> =
                if rest.is_empty() { narrowed.other.iter().collect() } else { rest.iter().collect() };
            let body = json!({"stores": left});
            let at = taken_away(run, &self.admin, "PATCH", &narrowed.id, Some(&body)).await?;
            taken.push(Taken { person: NARROWED, store: Some(lost.clone()), at });
        }
        Ok(taken)
    }

    /// Removes the accounts.
    pub(super) async fn remove(self, accounts: &Accounts) -> anyhow::Result<()> {
        for (number, person) in self.people.into_iter().enumerate() {
            let removed = person.key.delete(accounts).await;
            // Of the deleted one nothing is left, unless nothing was to be taken away.
            if number != DELETED {
                removed?;
            }
        }
        Ok(())
    }
}

impl Spec {
    fn empty() -> Self {
        Self {
            topics: Vec::new(),
            foreign: None,
            key: String::new(),
            person: None,
            is_stream: false,
            is_slow: false,
            is_flooded: false,
            is_leaving: false,
        }
    }

    /// What it may receive, by what was taken away.
    pub(super) fn rights(&self, taken: &[Taken]) -> HashMap<Arc<str>, Right> {
        let right = |topic: &Arc<str>| {
            let is_of = |taken: &&Taken| {
                let of_store = |store: &String| *topic == sales_of(store) || *topic == store_of(store);
                Some(taken.person) == self.person && taken.store.as_ref().is_none_or(of_store)
            };
            let taken = taken.iter().find(is_of).filter(|_| self.is_leaving);
            (topic.clone(), taken.map_or(Right::Held, |taken| Right::Until(taken.at)))
        };
        let mut rights: HashMap<Arc<str>, Right> = self.topics.iter().map(right).collect();
        rights.extend(self.foreign.iter().map(|foreign| (foreign.clone(), Right::Never)));
        rights
    }
}

fn admin(index: usize, run: &Run, random: &mut Random) -> Spec {
    let stores: Vec<String> = (0..run.plan.topics).map(|topic| run.store(topic)).collect();
    let mut topics = some_of(topics_of(&stores), random);
    // Of those who follow what is flooded one reads at once.
    let is_flooded = matches!(index, 0 | 2 | 3);
    if is_flooded {
        topics.push(sales_of(&run.flooded()));
    }
    let is_slow = is_flooded && index != 2;
    Spec { topics, key: run.key.clone(), is_stream: is_stream(index), is_slow, is_flooded, ..Spec::empty() }
}

fn is_stream(index: usize) -> bool {
    index % 4 == 3
}

fn sales_of(store: &str) -> Arc<str> {
    format!("sales-data-{store}").into()
}

fn store_of(store: &str) -> Arc<str> {
    format!("store-{store}").into()
}

/// Both topics of each.
fn topics_of(stores: &[String]) -> Vec<Arc<str>> {
    stores.iter().flat_map(|store| [sales_of(store), store_of(store)]).collect()
}

fn some_of(topics: Vec<Arc<str>>, random: &mut Random) -> Vec<Arc<str>> {
    let wanted = FOLLOWED.min(topics.len());
    let mut chosen = BTreeSet::new();
    while chosen.len() < wanted {
        chosen.insert(topics[random.index(topics.len())].clone());
    }
    chosen.into_iter().collect()
}

/// Has a right taken away by whichever instance answers; when that was acknowledged.
async fn taken_away(
    run: &Run,
    admin: &Administrator,
    method: &str,
    id: &str,
    body: Option<&Value>,
) -> anyhow::Result<Moment> {
    run.is_bound_running.store(true, Ordering::Relaxed);
    if run.plan.without == Some(Guard::Revocation) {
        return Ok(run.now());
    }
    run.begin_revoking();
    let path = format!("/api/v2/users/{id}");
    let begun = Instant::now();
    for attempt in 0.. {
        let instance = attempt % run.plan.instances;
        let asked = admin.send(&run.http, &run.instances, instance, (method, &path, body));
        let asked = tokio::time::timeout(ANSWERED_WITHIN, asked).await;
        // One that was not acknowledged may have been done all the same: then there is nobody left to delete.
        if let Ok(Ok(answer)) = asked
            && matches!(answer.status, 200 | 204 | 404 | 410)
        {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "a right cannot be taken away");
        pause(BREATH).await;
    }
    Ok(run.now())
}
