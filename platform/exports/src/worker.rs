//! Making files: a piece is read, put among the files, recorded; then the next.
//!
//! **Invariants:**
//! - A piece is recorded after it lies there, in a place that only this turn writes to. A worker that was
//!   thought dead can put a piece nowhere that anybody looks.
//! - An export that fails is tried again from its last piece on, [`MOST_ATTEMPTS`] times in all.
//! - At a stop of the program the export under way is left as it is, and goes on when its turn has run out.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::Tasks;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde_json::json;
use uuid::Uuid;

use crate::store::{self, StoredPiece, Written};
use crate::stream::framed;
use crate::{Format, Reading, Shared};

/// What a piece of a file should come to.
const PIECE_BYTES: usize = 1024 * 1024;
/// How long nothing may be waited for when there seems to be nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const CLEAN_EVERY: Duration = Duration::from_secs(60);
const MOST_ATTEMPTS: i32 = 5;

/// How a making ended.
enum Made {
    /// All is written, and it is still to be said so.
    Whole(Vec<u8>),
    /// The last piece and the end were recorded together.
    Recorded,
}

/// Why a file is not made.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// It is somebody else's turn now, or it was cancelled.
    #[error("the turn is lost")]
    TurnLost,
    #[error("there is no source of that kind")]
    NoSource,
    #[error(transparent)]
    Database(#[from] Error),
    #[error("a file cannot be written or read")]
    Files(#[from] object_store::Error),
}

pub(crate) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    for number in 0..shared.settings.at_once {
        let shared = shared.clone();
        tasks.supervise(format!("exports-{number}"), move || work(shared.clone()));
    }
    let shared = shared.clone();
    tasks.supervise("exports-upkeep", move || clean(shared.clone()));
}

async fn work(shared: Arc<Shared>) {
    loop {
        let ordered = shared.ordered.notified();
        match turn(&shared).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "no export could be taken"),
        }
        let _woken = tokio::time::timeout(LOOK_EVERY, ordered).await;
    }
}

fn until(shared: &Shared) -> Timestamp {
    shared.clock.now() + shared.settings.turn
}

/// Makes one export, if there is one to make.
async fn turn(shared: &Shared) -> Result<bool, Error> {
    let turn = shared.clock.new_id();
    let client = shared.database.client().await?;
    let Some(export) = store::take_turn(&client, turn, shared.clock.now(), until(shared), MOST_ATTEMPTS).await? else {
        return Ok(false);
    };
    let attempts = store::attempts(&client, export.id).await?;
    drop(client);
    let id = export.id;
    let outcome = make(shared, &export, turn).await;
    let ended = match &outcome {
        Ok(Made::Recorded) => return Ok(true),
        Ok(Made::Whole(sha256)) => Ok(&sha256[..]),
        Err(Trouble::TurnLost) => return Ok(true),
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(export = %id, %error, cause, attempts, "an export was interrupted");
            if attempts < MOST_ATTEMPTS && !matches!(error, Trouble::NoSource) {
                // It goes on from its last piece once the turn has run out.
                return Ok(true);
            }
            Err("the export could not be made; it has been logged")
        }
    };
    let now = shared.clock.now();
    let expires_at = now + shared.settings.keep;
    shared
        .database
        .transaction(|transaction| {
            async move {
                if store::end(transaction, id, turn, ended, now, expires_at).await? {
                    let name = if ended.is_ok() { "export-done" } else { "export-failed" };
                    let told = json!({"exportId": id, "status": if ended.is_ok() { "done" } else { "failed" }});
                    let event = NewEvent::new(name, format!("exports-{id}")).data(&told);
                    shared.feed.append(transaction, event).await?;
                }
                Ok::<_, Error>(())
            }
            .scope_boxed()
        })
        .await?;
    Ok(true)
}

/// Writes all pieces that are not there yet; the digest of the whole.
async fn make(shared: &Shared, export: &Written, turn: Uuid) -> Result<Made, Trouble> {
    let source = shared.source(&export.kind).ok_or(Trouble::NoSource)?.clone();
    let id = export.id;
    let client = shared.database.client().await?;
    let there = store::pieces(&client, id).await?;
    drop(client);
    let mut digest = Context::new(&SHA256);
    // What an earlier turn wrote is read again for the digest, not written again.
    for piece in &there {
        let place = Path::from(piece.place.as_str());
        let mut bytes = kept(shared, id, turn, async { Ok(shared.files.get(&place).await?) }).await?.into_stream();
        while let Some(part) = bytes.next().await {
            digest.update(&part?);
        }
        keep(shared, id, turn).await?;
    }
    if export.total.is_none() {
        let total = kept(shared, id, turn, async { Ok(source.count(&export.asked).await?) }).await?;
        let client = shared.database.client().await?;
        store::set_total(&client, id, turn, i64::try_from(total).unwrap_or(i64::MAX)).await?;
    }
    let header = if export.asked.format == Format::Csv { source.header(&export.asked) } else { Bytes::new() };
    let mut after = export.last_key.clone();
    let (mut number, mut begins) = (export.pieces, export.bytes);
    let mut reading = Reading::of(PIECE_BYTES);
    loop {
        let reads = async { Ok(source.read(&export.asked, after.as_deref(), reading).await?) };
        let piece = kept(shared, id, turn, reads).await?;
        reading = reading.after(&piece);
        let is_first = number == 0;
        let bytes = framed(&export.asked, &header, &piece, is_first);
        if !bytes.is_empty() {
            digest.update(&bytes);
            let place = format!("exports/{id}/{number:06}-{turn}");
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            let path = Path::from(place.as_str());
            kept(shared, id, turn, async { Ok(shared.files.put(&path, bytes.into()).await?) }).await?;
            let stored = StoredPiece { number, place, begins, bytes: size };
            // The last piece and the end are one: or whoever goes on between them would write an end again.
            let sha256 = piece.is_last.then(|| digest.clone().finish().as_ref().to_vec());
            record(shared, export, turn, &stored, &piece, sha256.as_deref()).await?;
            if piece.is_last {
                return Ok(Made::Recorded);
            }
            number += 1;
            begins += size;
        }
        if piece.is_last {
            return Ok(Made::Whole(digest.finish().as_ref().to_vec()));
        }
        after = piece.last;
    }
}

/// Does something that may take long, and keeps the turn meanwhile.
async fn kept<T>(
    shared: &Shared,
    id: Uuid,
    turn: Uuid,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let mut work = std::pin::pin!(work);
    let mut beat = tokio::time::interval((shared.settings.turn / 3).max(Duration::from_millis(10)));
    // The first beat is at once, and the turn is fresh.
    beat.tick().await;
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = beat.tick() => keep(shared, id, turn).await?,
        }
    }
}

async fn keep(shared: &Shared, id: Uuid, turn: Uuid) -> Result<(), Trouble> {
    let client = shared.database.client().await?;
    if store::keep_turn(&client, id, turn, until(shared)).await? { Ok(()) } else { Err(Trouble::TurnLost) }
}

/// Records a piece; with the digest of the whole, which is the last one, also the end.
async fn record(
    shared: &Shared,
    export: &Written,
    turn: Uuid,
    stored: &StoredPiece,
    piece: &crate::Piece,
    sha256: Option<&[u8]>,
) -> Result<(), Trouble> {
    let id = export.id;
    let rows = i64::try_from(piece.rows).unwrap_or(i64::MAX);
    let (until, now) = (until(shared), shared.clock.now());
    let expires_at = now + shared.settings.keep;
    let is_recorded = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::record(transaction, id, turn, stored, rows, piece.last.as_deref(), until).await? {
                    return Ok::<_, Error>(false);
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
                Ok(true)
            }
            .scope_boxed()
        })
        .await?;
    if is_recorded { Ok(()) } else { Err(Trouble::TurnLost) }
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
    let now = shared.clock.now();
    let client = shared.database.client().await?;
    store::give_up(&client, now, now + shared.settings.keep, MOST_ATTEMPTS).await?;
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
