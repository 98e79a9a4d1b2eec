//! The job that makes a report, the one that sees to schedules, and throwing old files away.
//!
//! **Invariants:**
//! - A file is put in a place that only this attempt writes to, and recorded with the end of its job in one
//!   transaction.
//! - What the owner may see is asked when the report is made: one who has lost a right gets no report by it.
//! - A report that can never be made fails at once, and says why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use entrepot_documents::Document;
use entrepot_feed::NewEvent;
use entrepot_jobs::{Context, Job, Looked, NewJob, Outcome, Priority, Retries};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Tasks;
use entrepot_web::Scope;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::store::{self, Made, Order};
use crate::{Asked, Failed, Format, Ready, Reports, Shared, SourceError};

/// The queue that reports are made in.
pub const QUEUE: &str = "reports";
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// After so many of those it is looked whether what schedules have planned can be right.
const PLANNED_EVERY: u32 = 60;
/// Schedules that are seen to in one transaction.
const DUE_AT_ONCE: i64 = 100;
/// The shortest time between two reports of a schedule.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_secs(900);

/// Makes a report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MakeReport {
    report: Uuid,
}

/// Orders the reports of schedules whose slot has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DueReports {}

/// Why a report is not made.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Another attempt makes it, or it was cancelled.
    #[error("it was cancelled, or it has ended")]
    NotMine,
    /// For good, in words that its owner may read.
    #[error("{0}")]
    Impossible(String),
    #[error(transparent)]
    Database(#[from] Error),
    #[error("the file cannot be written")]
    Files(#[from] object_store::Error),
    #[error("the writing of the document panicked")]
    Panicked(#[source] tokio::task::JoinError),
    #[error("it cannot be found out what its owner may see")]
    Rights,
}

impl Job for MakeReport {
    const KIND: &'static str = "make-report";
    const QUEUE: &'static str = QUEUE;
    const RETRIES: Retries = Retries { at_most: 5, ..Retries::DEFAULT };
    const TIMEOUT: Duration = Duration::from_secs(900);
    type Needs = Reports;

    async fn run(&self, reports: &Reports, context: &Context) -> Outcome {
        let shared = &reports.shared;
        let error = match make(shared, self.report, context).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        let to_owner = match &error {
            Trouble::NotMine => return Outcome::Cancel { reason: told },
            Trouble::Impossible(why) => why.clone(),
            Trouble::Panicked(_) => "the report could not be written; it has been logged".to_owned(),
            _ if !context.is_last() => return Outcome::retry(told),
            _ => "the report could not be made; it has been logged".to_owned(),
        };
        if let Err(error) = fail(shared, self.report, Some(context.attempt_id()), &to_owner).await {
            tracing::warn!(report = %self.report, %error, "a report's failure could not be recorded; it is within a minute");
        }
        Outcome::discard(told)
    }
}

/// Orders the making of a report, in the transaction that writes it down. Those of one person take turns with those of
/// others, and what nobody waits for comes last.
pub(crate) async fn enqueue(shared: &Shared, transaction: &Transaction, order: &Order) -> Result<(), Error> {
    let is_waited_for = order.schedule_id.is_none();
    let job = NewJob::of(&MakeReport { report: order.id }).tenant(order.owner.to_string()).priority(if is_waited_for {
        Priority::NORMAL
    } else {
        Priority::LOW
    });
    let job = shared.jobs.enqueue(transaction, job).await?.id();
    store::set_job(transaction, order.id, job).await?;
    tell(shared, transaction, order.id, order.owner, "report-ordered", &json!({"status": "queued"})).await
}

/// Tells of a report: to those who follow it, and to its owner.
pub(crate) async fn tell(
    shared: &Shared,
    transaction: &Transaction,
    id: Uuid,
    owner: Uuid,
    name: &'static str,
    what: &serde_json::Value,
) -> Result<(), Error> {
    let mut told = json!({"reportId": id, "owner": owner});
    if let (Some(told), Some(what)) = (told.as_object_mut(), what.as_object()) {
        told.extend(what.clone());
    }
    let event = NewEvent::new(name, format!("reports-{id}")).data(&told);
    shared.feed.append(transaction, event).await.map(|_position| ())
}

async fn make(shared: &Arc<Shared>, id: Uuid, context: &Context) -> Result<Outcome, Trouble> {
    let attempt = context.attempt_id();
    let client = shared.database.client().await?;
    let order = store::begin(&client, id, attempt).await?.ok_or(Trouble::NotMine)?;
    drop(client);
    let source = shared.source(&order.kind).cloned();
    let source = source.ok_or_else(|| Trouble::Impossible("there are no reports of this kind any more".to_owned()))?;
    let owner = shared.keeper.on_behalf(order.owner).await.map_err(|_problem| Trouble::Rights)?;
    let granted = owner.as_ref().and_then(|owner| shared.keeper.granted(owner, source.action()));
    let scope = match (granted, &owner) {
        (Some(Scope::All), _) => None,
        (Some(Scope::Store), Some(owner)) => Some(owner.stores.clone().unwrap_or_default()),
        _ => return Err(Trouble::Impossible("you may not see what the report would tell".to_owned())),
    };
    progress(shared, context, &order, attempt, 10, "reading").await?;
    let asked = Asked {
        parameters: order.parameters.clone(),
        scope: scope.clone(),
        today: order.as_of,
        now: shared.clock.now(),
        format: order.format,
        organisation: shared.settings.organisation.clone(),
    };
    let document = source.read(&asked).await.map_err(|error| match error {
        SourceError::Impossible(why) => Trouble::Impossible(why),
        SourceError::Database(error) => Trouble::Database(error),
    })?;
    progress(shared, context, &order, attempt, 50, "writing").await?;
    let (title, period) = (document.title.clone(), document.period.clone());
    let format = order.format;
    let written = tokio::task::spawn_blocking(move || write(&document, format)).await.map_err(Trouble::Panicked)?;
    let bytes = written.map_err(|error| Trouble::Impossible(error.to_string()))?;
    progress(shared, context, &order, attempt, 90, "storing").await?;
    let place = format!("reports/{id}/{attempt}.{}", format.name());
    let sha256 = digest(&SHA256, &bytes).as_ref().to_vec();
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    shared.files.put(&Path::from(place.as_str()), bytes.into()).await?;
    let now = shared.clock.now();
    let made = &Made {
        title: title.chars().take(200).collect(),
        period: period.chars().take(200).collect(),
        scope,
        place,
        bytes: size,
        sha256,
        finished_at: now,
        expires_at: now + shared.settings.keep,
    };
    let (order, ended) = (&order, shared.database.clone());
    let outcome = ended
        .transaction(|transaction| {
            async move {
                if !store::done(transaction, id, attempt, made).await? {
                    return Ok(None);
                }
                let told = json!({"status": "done", "percent": 100, "bytes": made.bytes, "title": made.title});
                tell(shared, transaction, id, order.owner, "report-done", &told).await?;
                let ready = Ready {
                    id,
                    owner: order.owner,
                    title: made.title.clone(),
                    period: made.period.clone(),
                    path: format!("/api/v2/reports/{id}/content"),
                    expires_at: made.expires_at,
                    mail_to: order.mail_to.clone(),
                };
                shared.herald.tell(transaction, &ready).await?;
                Ok::<_, Error>(Some(context.complete(transaction).await?))
            }
            .scope_boxed()
        })
        .await?;
    outcome.ok_or(Trouble::NotMine)
}

fn write(document: &Document, format: Format) -> Result<Vec<u8>, entrepot_documents::WriteError> {
    match format {
        Format::Pdf => entrepot_documents::pdf(document),
        Format::Excel => entrepot_documents::excel(document),
    }
}

/// Tells how far it is, to admins and to those who follow the report; and whether there is any point in going on.
async fn progress(
    shared: &Shared,
    context: &Context,
    order: &Order,
    attempt: Uuid,
    percent: u8,
    message: &str,
) -> Result<(), Trouble> {
    if context.is_cancelled() {
        return Err(Trouble::NotMine);
    }
    let (id, owner) = (order.id, order.owner);
    let is_mine = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::progress(transaction, id, attempt, i16::from(percent)).await? {
                    return Ok::<_, Error>(false);
                }
                let told = json!({"status": "running", "percent": percent, "message": message});
                tell(shared, transaction, id, owner, "report-progress", &told).await?;
                Ok(true)
            }
            .scope_boxed()
        })
        .await?;
    if !is_mine {
        return Err(Trouble::NotMine);
    }
    Ok(context.progress(percent, message).await?)
}

/// Records that a report came to nothing, and tells whoever ordered it. `attempt`: only while that one is under way.
async fn fail(shared: &Shared, id: Uuid, attempt: Option<Uuid>, why: &str) -> Result<(), Error> {
    let now = shared.clock.now();
    let expires_at = now + shared.settings.keep;
    shared
        .database
        .transaction(|transaction| {
            async move {
                if let Some((owner, kind)) = store::failed(transaction, id, attempt, why, now, expires_at).await? {
                    let told = json!({"status": "failed", "error": why});
                    tell(shared, transaction, id, owner, "report-failed", &told).await?;
                    let failed = Failed { id, owner, kind, why: why.to_owned() };
                    shared.herald.tell_failed(transaction, &failed).await?;
                }
                Ok::<_, Error>(())
            }
            .scope_boxed()
        })
        .await
}

impl Job for DueReports {
    const KIND: &'static str = "due-reports";
    const QUEUE: &'static str = QUEUE;
    const PRIORITY: Priority = Priority::HIGH;
    type Needs = Reports;

    async fn run(&self, reports: &Reports, _context: &Context) -> Outcome {
        let shared = &reports.shared;
        loop {
            match due(shared).await {
                Ok(seen_to) if seen_to >= DUE_AT_ONCE.cast_unsigned() => {}
                Ok(_) => return Outcome::Done,
                Err(error) => return Outcome::retry(error),
            }
        }
    }
}

/// Whether the owners of schedules that are due may still order such reports. An account that is gone or blocked
/// orders nothing any more; who is let in again makes another schedule.
async fn may_order(shared: &Shared, now: Timestamp) -> Result<HashMap<(Uuid, String), bool>, Error> {
    let client = shared.database.client().await?;
    let due = store::due_owners(&client, now, DUE_AT_ONCE).await?;
    drop(client);
    let mut may_order = HashMap::new();
    for (owner, kind) in due {
        let known = shared.keeper.on_behalf(owner).await;
        let Ok(known) = known else { return Err(Error::Refused("it cannot be found out whose schedules are due")) };
        let source = shared.source(&kind);
        let is_granted = known.is_some_and(|owner| {
            // A kind that there is no longer fails with its own words.
            source.is_none_or(|source| shared.keeper.granted(&owner, source.action()).is_some())
        });
        may_order.insert((owner, kind), is_granted);
    }
    Ok(may_order)
}

/// Orders the reports of some schedules whose slot has come; how many.
async fn due(shared: &Shared) -> Result<u64, Error> {
    let now = shared.database.upkeep_time(&shared.clock).await?;
    let may_order = &may_order(shared, now).await?;
    shared
        .database
        .transaction(|transaction| {
            async move {
                let due = store::due(transaction, now, DUE_AT_ONCE).await?;
                let count = due.len() as u64;
                for schedule in due {
                    // One that came meanwhile has its turn the next time.
                    let Some(may_order) = may_order.get(&(schedule.owner, schedule.kind.clone())) else { continue };
                    if !may_order {
                        store::move_on(transaction, schedule.id, now, None).await?;
                        tracing::info!(schedule = %schedule.id, "a schedule was switched off: its owner may not order such reports any more");
                        continue;
                    }
                    // A pattern that was sound when it was written down still is; one that never comes again is off.
                    let slots = Slots::new(&schedule.pattern, &schedule.zone).ok();
                    let next = slots.as_ref().and_then(|slots| slots.after(now));
                    let zone = slots.map_or(TimeZone::UTC, |slots| slots.zone);
                    store::move_on(transaction, schedule.id, now, next).await?;
                    let order = Order {
                        id: shared.clock.new_id(),
                        owner: schedule.owner,
                        kind: schedule.kind,
                        format: schedule.format,
                        parameters: schedule.parameters,
                        schedule_id: Some(schedule.id),
                        mail_to: schedule.mail_to,
                        // However late it is made.
                        as_of: schedule.next_at.to_zoned(zone).date(),
                    };
                    store::order(transaction, &order, now).await?;
                    enqueue(shared, transaction, &order).await?;
                }
                Ok::<_, Error>(count)
            }
            .scope_boxed()
        })
        .await
}

/// Plans schedules anew whose next slot lies further ahead than any that can have been planned by now: it was reckoned
/// while the database's clock was wrong.
async fn set_right(shared: &Shared) -> Result<(), Error> {
    let now = shared.database.upkeep_time(&shared.clock).await?;
    let mut behind = None;
    loop {
        let client = shared.database.client().await?;
        let some = store::planned(&client, behind, DUE_AT_ONCE).await?;
        let Some(last) = some.last() else { return Ok(()) };
        behind = Some(last.id);
        for schedule in some {
            let Ok(slots) = Slots::new(&schedule.pattern, &schedule.zone) else { continue };
            let Some(next) = slots.after(now) else { continue };
            // Another may move on to the slot behind at this moment.
            if slots.after(next).is_some_and(|latest| schedule.next_at > latest) {
                store::plan_anew(&client, schedule.id, schedule.next_at, next).await?;
                tracing::warn!(schedule = %schedule.id, was = %schedule.next_at, "a schedule is planned anew");
            }
        }
    }
}

/// The slots of a pattern of cron.
pub(crate) struct Slots {
    cron: Cron,
    zone: TimeZone,
}

impl Slots {
    /// # Errors
    /// What is wrong, in words: the pattern or the zone.
    pub(crate) fn new(pattern: &str, zone: &str) -> Result<Self, Result<String, String>> {
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .build()
            .parse(pattern)
            .map_err(|error| Ok(error.to_string()))?;
        let zone = if zone == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(zone) };
        Ok(Self { cron, zone: zone.map_err(|error| Err(error.to_string()))? })
    }

    /// The first slot after a time.
    pub(crate) fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&time.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp())
    }
}

pub(crate) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let shared = shared.clone();
    tasks.supervise("reports-upkeep", move || clean(shared.clone()));
}

async fn clean(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(CLEAN_EVERY);
    for turn in 0_u32.. {
        beat.tick().await;
        if turn.is_multiple_of(PLANNED_EVERY)
            && let Err(error) = set_right(&shared).await
        {
            tracing::warn!(%error, "times of schedules could not be checked; it is tried again in an hour");
        }
        if let Err(error) = clean_once(&shared).await {
            tracing::warn!(%error, "old reports could not be thrown away; it is tried again in a minute");
        }
    }
}

async fn clean_once(shared: &Shared) -> Result<(), Trouble> {
    let now = shared.database.upkeep_time(&shared.clock).await?;
    let client = shared.database.client().await?;
    // What has no job any more, and nobody said why: each attempt took its worker with it.
    for (id, job) in store::unfinished(&client, now).await? {
        let is_lost = match job {
            Some(job) => !matches!(shared.jobs.look(job).await?, Some(Looked::Waiting(_))),
            None => true,
        };
        if is_lost {
            give_up(shared, id).await?;
        }
    }
    for id in store::expire(&client, now).await? {
        let folder = Path::from(format!("reports/{id}"));
        let places = shared.files.list(Some(&folder)).map(|found| found.map(|found| found.location)).boxed();
        let mut gone = shared.files.delete_stream(places);
        while let Some(deleted) = gone.next().await {
            match deleted {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        store::forget(&client, id, now).await?;
    }
    Ok(())
}

async fn give_up(shared: &Shared, id: Uuid) -> Result<(), Error> {
    fail(shared, id, None, "it could not be made").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_zone_and_what_is_none_is_told() {
        let noon: Timestamp = "2026-07-01T12:00:00Z".parse().expect("a time");
        let Ok(slots) = Slots::new("0 6 * * 1", "Europe/Oslo") else { panic!("it is sound") };
        assert_eq!(slots.after(noon).expect("one").to_string(), "2026-07-06T04:00:00Z");
        for wrong in ["mondays", "0 0 6 * * 1", ""] {
            assert!(matches!(Slots::new(wrong, "UTC"), Err(Ok(_))), "{wrong:?}");
        }
        assert!(matches!(Slots::new("0 6 * * 1", "Atlantis"), Err(Err(_))));
    }
}
