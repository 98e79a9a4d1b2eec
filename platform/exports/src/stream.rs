//! An answer made of pieces: read while the last one is sent, and no further ahead.
//!
//! **Invariants:**
//! - At most three pieces are in memory: one that is sent, one that waits, one that is read.
//! - Before each piece it is asked whether the caller still may.
//! - An answer that fails in the middle is cut off, so that nobody takes it for whole.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use entrepot_runtime::{Clock, continue_in_background};
use entrepot_web::{Problem, Standing};
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::sync::mpsc;

use crate::{Asked, Format, Piece, Reading, Source};

/// What a piece should come to.
const PIECE_BYTES: usize = 512 * 1024;

/// The media type of a format.
#[must_use]
pub fn content_type(format: Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        Format::Csv => "text/csv; charset=utf-8; header=present",
        Format::Json => "application/json",
        Format::Ndjson => "application/x-ndjson",
    })
}

/// Puts a piece of a format between what comes before and after it.
pub(crate) fn framed(asked: &Asked, header: &Bytes, piece: &Piece, is_first: bool) -> Bytes {
    let (before, between, after) = asked.format.frame();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(4);
    if is_first {
        parts.extend([&header[..], before]);
    } else if piece.rows > 0 {
        parts.push(between);
    }
    parts.push(&piece.bytes);
    if piece.is_last {
        parts.push(after);
    }
    if parts.iter().filter(|part| !part.is_empty()).count() == 1 && !piece.bytes.is_empty() {
        return piece.bytes.clone();
    }
    let mut out = BytesMut::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.into_iter().for_each(|part| out.put(part));
    out.freeze()
}

/// Answers with all rows, from behind `after` on. With `after` there is no header, as what comes is put
/// behind what is there.
///
/// # Errors
/// A failure to read the first piece: later ones cut the answer off.
pub async fn stream_rows(
    source: Arc<dyn Source>,
    asked: Asked,
    after: Option<String>,
    standing: Option<Standing>,
    clock: Clock,
    name: &str,
) -> Result<Response, Problem> {
    let header = if asked.format == Format::Csv && after.is_none() { source.header(&asked) } else { Bytes::new() };
    let mut reading = Reading::of(PIECE_BYTES);
    let read = |error: entrepot_pg::Error| {
        let may_pass = error.is_unavailable() || error.is_statement_timeout();
        Problem::failure(error, may_pass)
    };
    // Before the answer begins, so that a failure can still be told as one.
    let mut piece = source.read(&asked, after.as_deref(), reading).await.map_err(read)?;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let format = asked.format;
    let _goes_on = continue_in_background(async move {
        let mut is_first = true;
        loop {
            let is_last = piece.is_last;
            let last = piece.last.take();
            reading = reading.after(&piece);
            let bytes = framed(&asked, &header, &piece, is_first);
            drop(piece);
            is_first = false;
            if (!bytes.is_empty() && sender.send(Ok(bytes)).await.is_err()) || is_last {
                return;
            }
            let next = async {
                if let Some(standing) = &standing {
                    standing.check(clock.now()).await.map_err(|problem| problem.detail().to_owned())?;
                }
                source.read(&asked, last.as_deref(), reading).await.map_err(|error| error.to_string())
            };
            match next.await {
                Ok(next) => piece = next,
                Err(error) => {
                    tracing::warn!(kind = source.kind(), error, "an export broke off");
                    let _nobody_reads = sender.send(Err(std::io::Error::other(error))).await;
                    return;
                }
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let mut response = Body::from_stream(pieces).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, content_type(format));
    fields.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}.{}\"", format.name())) {
        fields.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}
