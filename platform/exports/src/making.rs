//! The job that makes a file: a piece is read, put among the files, recorded; then the next.
//!
//! **Invariants:**
//! - A piece is recorded after it lies there, in a place that only this attempt writes to. A worker that was
//!   thought dead can put a piece nowhere that anybody looks.
//! - An attempt goes on from the last piece that is recorded.
//! - At a stop of the program the export is given up at its last piece, and another worker goes on at once.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::Bytes;
use entrepot_feed::NewEvent;
use entrepot_jobs::{Context, Job, Looked, NewJob, Outcome, Retries};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Tasks;
use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::store::{self, StoredPiece, Written};
use crate::stream::framed;
use crate::{Exports, Format, Reading, Shared};

/// The queue that files are made in.
pub const QUEUE: &str = "exports";
/// What a piece of a file should come to.
const PIECE_BYTES: usize = 1024 * 1024;
const CLEAN_EVERY: Duration = Duration::from_secs(60);

/// Makes the file of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MakeExport {
    export: Uuid,
}

/// How a making ended.
enum Made {
    /// All is written, and it is still to be said so.
    Whole(Vec<u8>),
    /// The last piece, the end and the job's end were recorded together.
    Recorded(Outcome),
}

/// Why a file is not made.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Another attempt makes it now, or it was cancelled.
    #[error("the turn is lost")]
    TurnLost,
    #[error("the program is to stop")]
    Stopping,
    #[error("there is no source of that kind")]
    NoSource,
    #[error(transparent)]
    Database(#[from] Error),
    #[error("a file cannot be written or read")]
    Files(#[from] object_store::Error),
}

impl Job for MakeExport {
    const KIND: &'static str = "make-export";
    const QUEUE: &'static str = QUEUE;
    /// A database or a store of files may be away for minutes.
    const RETRIES: Retries = Retries { at_most: 9, ..Retries::DEFAULT };
    /// A file of any size: whoever hangs is noticed by the time-outs of what it waits for.
    const TIMEOUT: Duration = Duration::from_secs(24 * 3_600);
    type Needs = Exports;

    async fn run(&self, exports: &Exports, context: &Context) -> Outcome {
        let (shared, id) = (&*exports.shared, self.export);
        let error = match make(shared, id, context).await {
            Ok(Made::Recorded(outcome)) => return outcome,
            Ok(Made::Whole(sha256)) => match end(shared, id, context, Ok(&sha256)).await {
                Ok(outcome) => return outcome,
                Err(error) => Trouble::Database(error),
            },
            Err(error) => error,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        match error {
            Trouble::TurnLost => return Outcome::Cancel { reason: "it was cancelled, or it has ended".to_owned() },
            Trouble::Stopping => return Outcome::Snooze(Duration::ZERO),
            Trouble::NoSource => {}
            Trouble::Database(_) | Trouble::Files(_) if !context.is_last() => return Outcome::retry(told),
            Trouble::Database(_) | Trouble::Files(_) => {}
        }
        if let Err(error) = end(shared, id, context, Err("the export could not be made; it has been logged")).await {
            tracing::warn!(export = %id, %error, "an export's failure could not be recorded; it is within a minute");
        }
        Outcome::discard(told)
    }
}

/// Orders the making of an export, in the transaction that writes it down. Those of one person take turns with those
/// of others.
pub(crate) async fn enqueue(shared: &Shared, transaction: &Transaction, id: Uuid, owner: Uuid) -> Result<(), Error> {
    let job = NewJob::of(&MakeExport { export: id }).tenant(owner.to_string());
    let job = shared.jobs.enqueue(transaction, job).await?.id();
    store::set_job(transaction, id, job).await
}

/// Records an end, and the job's with it where it is a good one.
async fn end(shared: &Shared, id: Uuid, context: &Context, outcome: Result<&[u8], &str>) -> Result<Outcome, Error> {
    let (turn, now) = (turn_of(context), shared.clock.now());
    let expires_at = now + shared.settings.keep;
    shared
        .database
        .transaction(|transaction| {
            async move {
                if store::end(transaction, id, turn, outcome, now, expires_at).await? {
                    let name = if outcome.is_ok() { "export-done" } else { "export-failed" };
                    let told = json!({"exportId": id, "status": if outcome.is_ok() { "done" } else { "failed" }});
                    let event = NewEvent::new(name, format!("exports-{id}")).data(&told);
                    shared.feed.append(transaction, event).await?;
                }
                if outcome.is_ok() { context.complete(transaction).await } else { Ok(Outcome::Done) }
            }
            .scope_boxed()
        })
        .await
}

/// What an attempt's writes are known by: no two attempts at a job have the same.
fn turn_of(context: &Context) -> Uuid {
    context.attempt_id()
}

/// Writes all pieces that are not there yet; the digest of the whole.
async fn make(shared: &Shared, id: Uuid, context: &Context) -> Result<Made, Trouble> {
    let turn = turn_of(context);
    let client = shared.database.client().await?;
    let export = &store::begin(&client, id, turn).await?.ok_or(Trouble::TurnLost)?;
    let there = store::pieces(&client, id).await?;
    drop(client);
    let source = shared.source(&export.kind).ok_or(Trouble::NoSource)?.clone();
    let mut digest = Digest::new(&SHA256);
    // What an earlier turn wrote is read again for the digest, not written again.
    for piece in &there {
        let place = Path::from(piece.place.as_str());
        let mut bytes = shared.files.get(&place).await?.into_stream();
        while let Some(part) = bytes.next().await {
            digest.update(&part?);
        }
        go_on(shared, id, context).await?;
    }
    let total = match export.total {
        Some(total) => total,
        None => {
            let total = i64::try_from(source.count(&export.asked).await?).unwrap_or(i64::MAX);
            let client = shared.database.client().await?;
            store::set_total(&client, id, turn, total).await?;
            total
        }
    };
    let header = if export.asked.format == Format::Csv { source.header(&export.asked) } else { Bytes::new() };
    let mut after = export.last_key.clone();
    let (mut number, mut begins, mut rows) = (export.pieces, export.bytes, export.rows);
    let mut reading = Reading::of(PIECE_BYTES);
    loop {
        let piece = source.read(&export.asked, after.as_deref(), reading).await?;
        reading = reading.after(&piece);
        let is_first = number == 0;
        let bytes = framed(&export.asked, &header, &piece, is_first);
        if !bytes.is_empty() {
            digest.update(&bytes);
            let place = format!("exports/{id}/{number:06}-{turn}");
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            let path = Path::from(place.as_str());
            shared.files.put(&path, bytes.into()).await?;
            let stored = StoredPiece { number, place, begins, bytes: size };
            // The last piece and the end are one: or whoever goes on between them would write an end again.
            let sha256 = piece.is_last.then(|| digest.clone().finish().as_ref().to_vec());
            if let Some(outcome) = record(shared, export, context, &stored, &piece, sha256.as_deref()).await? {
                return Ok(Made::Recorded(outcome));
            }
            number += 1;
            begins += size;
        }
        if piece.is_last {
            return Ok(Made::Whole(digest.finish().as_ref().to_vec()));
        }
        rows = rows.saturating_add(i64::try_from(piece.rows).unwrap_or(i64::MAX));
        let percent = u8::try_from(rows.saturating_mul(100).checked_div(total).unwrap_or(0).clamp(0, 99)).unwrap_or(0);
        context.progress(percent, &format!("{rows} of {total} rows")).await?;
        go_on(shared, id, context).await?;
        after = piece.last;
    }
}

/// Whether there is any point in going on.
async fn go_on(shared: &Shared, id: Uuid, context: &Context) -> Result<(), Trouble> {
    if context.is_cancelled() {
        return Err(Trouble::TurnLost);
    }
    if context.is_stopping() {
        return Err(Trouble::Stopping);
    }
    let client = shared.database.client().await?;
    if store::is_turn(&client, id, turn_of(context)).await? { Ok(()) } else { Err(Trouble::TurnLost) }
}

/// Records a piece; with the digest of the whole, which is the last one, also the end, and the job's.
async fn record(
    shared: &Shared,
    export: &Written,
    context: &Context,
    stored: &StoredPiece,
    piece: &crate::Piece,
    sha256: Option<&[u8]>,
) -> Result<Option<Outcome>, Trouble> {
    let (id, turn) = (export.id, turn_of(context));
    let rows = i64::try_from(piece.rows).unwrap_or(i64::MAX);
    let now = shared.clock.now();
    let expires_at = now + shared.settings.keep;
    let is_recorded = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::record(transaction, id, turn, stored, rows, piece.last.as_deref()).await? {
                    return Ok::<_, Error>(None);
                }
                let is_done = match sha256 {
                    Some(sha256) => store::end(transaction, id, turn, Ok(sha256), now, expires_at).await?,
                    None => false,
                };
                let told = json!({
                    "exportId": id, "status": if is_done { "done" } else { "running" },
                    "bytes": stored.begins + stored.bytes, "pieces": stored.number + 1,
                });
                let name = if is_done { "export-done" } else { "export-progress" };
                shared.feed.append(transaction, NewEvent::new(name, format!("exports-{id}")).data(&told)).await?;
                Ok(Some(if is_done { Some(context.complete(transaction).await?) } else { None }))
            }
            .scope_boxed()
        })
        .await?;
    is_recorded.ok_or(Trouble::TurnLost)
}

pub(crate) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let shared = shared.clone();
    tasks.supervise("exports-upkeep", move || clean(shared.clone()));
}

/// Throws away the files of exports that have had their time.
async fn clean(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(CLEAN_EVERY);
    loop {
        beat.tick().await;
        if let Err(error) = clean_once(&shared).await {
            tracing::warn!(%error, "old exports could not be thrown away; it is tried again in a minute");
        }
    }
}

async fn clean_once(shared: &Shared) -> Result<(), Trouble> {
    let now = shared.database.upkeep_time(&shared.clock).await?;
    let client = shared.database.client().await?;
    for (id, job) in store::unfinished(&client, now).await? {
        see_to(shared, id, job).await?;
    }
    for id in store::expire(&client, now).await? {
        // Also what was put there by a turn that was lost, and is recorded nowhere.
        let folder = Path::from(format!("exports/{id}"));
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

/// Sees to an export that should have a job: orders one where there never was any, and gives the export up where its
/// job has ended without saying so.
async fn see_to(shared: &Shared, id: Uuid, job: Option<i64>) -> Result<(), Error> {
    let is_lost = match job {
        None => false,
        Some(job) => match shared.jobs.look(job).await? {
            Some(Looked::Waiting(_)) => return Ok(()),
            Some(Looked::Ended(_)) | None => true,
        },
    };
    let now = shared.clock.now();
    shared
        .database
        .transaction(|transaction| {
            async move {
                if !is_lost {
                    let job = NewJob::of(&MakeExport { export: id }).unique(id.to_string());
                    let job = shared.jobs.enqueue(transaction, job).await?.id();
                    return store::set_job(transaction, id, job).await;
                }
                if store::give_up(transaction, id, now, now + shared.settings.keep).await? {
                    let told = json!({"exportId": id, "status": "failed"});
                    let event = NewEvent::new("export-failed", format!("exports-{id}")).data(&told);
                    shared.feed.append(transaction, event).await?;
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
