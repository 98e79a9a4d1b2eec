//! Giving a file out, out of its pieces.
//!
//! **Invariants:**
//! - Before each piece it is asked whether whoever fetches it still may.
//! - A file that is not there is told before anything is answered, and is not said to be there again.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use entrepot_pg::Error;
use entrepot_web::{Demand, Download, Problem, Standing};
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _};

use crate::Shared;
use crate::http::{GONE, RANGE_NOT_SATISFIABLE};
use crate::store::{self, StoredPiece, Written};
use crate::stream::content_type;

/// The file of an export that is done.
pub(crate) async fn give(
    shared: &Arc<Shared>,
    export: &Written,
    standing: Option<Standing>,
    fields: &HeaderMap,
) -> Result<Response, Problem> {
    let failed = |error: Error| {
        let may_pass = error.is_unavailable();
        Problem::failure(error, may_pass)
    };
    let file = Download {
        length: u64::try_from(export.bytes).unwrap_or(0),
        sha256: export.sha256.clone().unwrap_or_default(),
        name: format!(
            "{}-{}.{}",
            export.kind,
            export.created_at.strftime("%Y%m%dT%H%M%SZ"),
            export.asked.format.name()
        ),
        content_type: content_type(export.asked.format),
    };
    let (head, first, end) = match file.demand(fields, &RANGE_NOT_SATISFIABLE) {
        Demand::Answered(response) => return Ok(response),
        Demand::Bytes { head, first, end } => (head, first, end),
    };
    let client = shared.database.client().await.map_err(failed)?;
    let pieces = store::pieces(&client, export.id).await.map_err(failed)?;
    drop(client);
    if is_missing(shared, &pieces, first, end).await? {
        tracing::error!(export = %export.id, "the file of an export has vanished: it counts as expired");
        let client = shared.database.client().await.map_err(failed)?;
        store::vanished(&client, export.id).await.map_err(failed)?;
        return Err(Problem::new(&GONE, "its file is gone"));
    }
    let (parts, _) = head.into_parts();
    Ok(Response::from_parts(parts, Body::from_stream(bytes(shared.clone(), standing, pieces, first, end))))
}

/// Whether the pieces that the demanded bytes begin and end with are not there, which is looked for before anything is
/// answered: a file is thrown away as a whole.
async fn is_missing(shared: &Shared, pieces: &[StoredPiece], first: u64, end: u64) -> Result<bool, Problem> {
    let holds = |piece: &&StoredPiece, byte: u64| {
        let begins = u64::try_from(piece.begins).unwrap_or(0);
        (begins..begins + u64::try_from(piece.bytes).unwrap_or(0)).contains(&byte)
    };
    for byte in [first, end.saturating_sub(1)].into_iter().filter(|_| first < end) {
        let Some(piece) = pieces.iter().find(|piece| holds(piece, byte)) else { return Ok(true) };
        match shared.files.head(&Path::from(piece.place.as_str())).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(Problem::failure(error, true)),
        }
    }
    Ok(false)
}

/// The bytes from `first` up to and without `last`, out of the pieces that they lie in, one after the other.
fn bytes(
    shared: Arc<Shared>,
    standing: Option<Standing>,
    pieces: Vec<StoredPiece>,
    first: u64,
    last: u64,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, object_store::Error>> {
    let parts = pieces.into_iter().filter_map(move |piece| {
        let begins = u64::try_from(piece.begins).unwrap_or(0);
        let ends = begins + u64::try_from(piece.bytes).unwrap_or(0);
        let (from, to) = (first.max(begins), last.min(ends));
        (from < to).then(|| (piece.place, from - begins..to - begins))
    });
    stream::iter(parts.collect::<Vec<_>>()).flat_map(move |(place, range)| {
        let (shared, standing) = (shared.clone(), standing.clone());
        stream::once(async move {
            // Before each piece: a right may go while a client takes its time.
            if let Some(standing) = &standing {
                standing.check(shared.clock.now()).await.map_err(|problem| object_store::Error::Generic {
                    store: "exports",
                    source: problem.detail().to_owned().into(),
                })?;
            }
            let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
            let found = shared.files.get_opts(&Path::from(place.as_str()), options).await;
            if let Err(error) = &found {
                tracing::error!(place, %error, "a piece of an export cannot be read; whoever fetches it is cut off");
            }
            found
        })
        .flat_map(|found| match found {
            Ok(found) => found.into_stream(),
            Err(error) => stream::once(async move { Err(error) }).boxed(),
        })
    })
}
