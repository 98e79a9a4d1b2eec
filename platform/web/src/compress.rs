//! Content codings: which one a client takes, and making it.
//!
//! An answer made for one request is compressed at a speed that pays on the way (zstd 3, brotli 4,
//! gzip 6); one that is kept is compressed once, at a high level, in the background. Bodies under 1 KiB gain nothing, and media that is compressed already only loses.

use std::io::Write as _;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, header};

/// Bodies below this many bytes are sent as they are.
pub(crate) const WORTH_IT: usize = 1024;
/// Above this many bytes compressing takes milliseconds, which belong on another thread.
const LONG: usize = 256 * 1024;

struct Levels {
    zstd: i32,
    brotli: i32,
    gzip: u32,
}

const QUICK: Levels = Levels { zstd: 3, brotli: 4, gzip: 6 };

/// A content coding that this server makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    pub(crate) const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The coding that `Accept-Encoding` likes best; among equals the one that is cheapest to make.
    pub(crate) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut quality = [None::<u16>; 3];
        let mut any = None;
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for item in value.to_str().ok()?.split(',') {
                let (name, weight) = match item.split_once(';') {
                    Some((name, parameters)) => (name.trim(), weight(parameters)),
                    None => (item.trim(), 1000),
                };
                match name {
                    "zstd" => quality[0] = Some(weight),
                    "br" => quality[1] = Some(weight),
                    "gzip" | "x-gzip" => quality[2] = Some(weight),
                    "*" => any = Some(weight),
                    _ => {}
                }
            }
        }
        let mut best = (0, None);
        for (coding, quality) in [Self::Zstd, Self::Brotli, Self::Gzip].into_iter().zip(quality) {
            let quality = quality.or(any).unwrap_or(0);
            if quality > best.0 {
                best = (quality, Some(coding));
            }
        }
        best.1
    }

    /// The form that is made once and sent often; takes milliseconds.
    pub(crate) fn compress_well(self, body: &[u8]) -> Option<Bytes> {
        let is_long = body.len() > LONG;
        let levels =
            if is_long { Levels { zstd: 12, brotli: 6, gzip: 9 } } else { Levels { zstd: 19, brotli: 10, gzip: 9 } };
        self.compress(body, &levels).ok().map(Bytes::from)
    }

    /// The form that is made at once, unless the body is long or would be no smaller.
    pub(crate) fn compress_quickly(self, body: &[u8]) -> Option<Bytes> {
        let made = if body.len() <= LONG { self.compress(body, &QUICK).ok() } else { None };
        made.filter(|made| made.len() < body.len()).map(Bytes::from)
    }

    fn compress(self, body: &[u8], levels: &Levels) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Zstd => zstd::bulk::compress(body, levels.zstd),
            Self::Brotli => {
                let mut out = Vec::with_capacity(body.len() / 4);
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: levels.brotli,
                    lgwin: 20,
                    size_hint: body.len(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*body, &mut out, &parameters)?;
                Ok(out)
            }
            Self::Gzip => {
                let out = Vec::with_capacity(body.len() / 4);
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(levels.gzip));
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }

    /// The compressed form, unless it would be no smaller.
    pub(crate) async fn make(self, body: &Bytes) -> Option<Bytes> {
        let made = if body.len() > LONG {
            let body = body.clone();
            tokio::task::spawn_blocking(move || self.compress(&body, &QUICK)).await.ok()?
        } else {
            self.compress(body, &QUICK)
        };
        made.ok().filter(|made| made.len() < body.len()).map(Bytes::from)
    }
}

/// Reads `q=0.8` as 800; what is not well-formed counts as 0, so that it is not used.
fn weight(parameters: &str) -> u16 {
    let Some(value) = parameters.trim().strip_prefix("q=") else { return 0 };
    value.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).map_or(0, |q| (q * 1000.0) as u16)
}

/// Whether a media type gains from compression.
pub(crate) fn is_compressible(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.starts_with("text/")
        || media.ends_with("+json")
        || media.ends_with("+xml")
        || matches!(
            media,
            "application/json"
                | "application/x-ndjson"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
        )
}

/// Makes a coding piece by piece, for answers that are sent so. Each piece can be read by the client when it
/// has come.
enum Encoder {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> std::io::Result<Self> {
        Ok(match coding {
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), STREAMED.zstd)?),
            Coding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                16 * 1024,
                STREAMED.brotli.unsigned_abs(),
                20,
            ))),
            Coding::Gzip => {
                Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(STREAMED.gzip)))
            }
        })
    }

    fn piece(&mut self, bytes: &[u8]) -> std::io::Result<Bytes> {
        match self {
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
            Self::Brotli(encoder) => {
                encoder.write_all(bytes)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()).into())
            }
        }
    }

    fn end(self) -> std::io::Result<Bytes> {
        Ok(match self {
            Self::Zstd(encoder) => encoder.finish()?.into(),
            Self::Brotli(encoder) => encoder.into_inner().into(),
            Self::Gzip(encoder) => encoder.finish()?.into(),
        })
    }
}

/// What is streamed is long, and made while the client waits.
const STREAMED: Levels = Levels { zstd: 1, brotli: 1, gzip: 1 };

/// A body in a coding, made as it is sent. A body that fails fails in its coding too, so that nobody takes
/// half of it for the whole.
pub(crate) fn streamed(coding: Coding, body: Body) -> Body {
    enum State {
        Going(Box<Encoder>, axum::body::BodyDataStream),
        Over,
    }
    let begun = Encoder::new(coding).map(|encoder| State::Going(Box::new(encoder), body.into_data_stream()));
    let pieces = stream::try_unfold(begun, |state| async move {
        let (mut encoder, mut body) = match state? {
            State::Going(encoder, body) => (encoder, body),
            State::Over => return Ok::<_, axum::BoxError>(None),
        };
        let Some(piece) = body.next().await else {
            let last = encoder.end()?;
            return Ok(Some((last, Ok(State::Over))));
        };
        let piece = piece?;
        // Milliseconds for a large piece, which belong on another thread.
        let (made, encoder) = if piece.len() > LONG / 4 {
            tokio::task::spawn_blocking(move || (encoder.piece(&piece), encoder)).await?
        } else {
            (encoder.piece(&piece), encoder)
        };
        Ok(Some((made?, Ok(State::Going(encoder, body)))))
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_clients_preference_decides_and_ours_breaks_ties() {
        for (accept, wanted) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, br", Some(Coding::Brotli)),
            ("br;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("zstd;q=0, *", Some(Coding::Brotli)),
            ("identity", None),
            ("gzip;q=0", None),
            ("gzip;q=nonsense", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            assert_eq!(Coding::negotiate(&headers), wanted, "{accept}");
        }
        assert_eq!(Coding::negotiate(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn every_coding_gives_the_body_back() {
        let body = Bytes::from("{\"title\":\"Apple Sauce\"}".repeat(200));
        for coding in [Coding::Zstd, Coding::Brotli, Coding::Gzip] {
            let made = coding.make(&body).await.expect("text compresses");
            let back = match coding {
                Coding::Zstd => zstd::bulk::decompress(&made, body.len()).expect("zstd"),
                Coding::Brotli => {
                    let mut back = Vec::new();
                    brotli::BrotliDecompress(&mut &*made, &mut back).expect("brotli");
                    back
                }
                Coding::Gzip => {
                    let mut back = Vec::new();
                    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*made), &mut back).expect("gzip");
                    back
                }
            };
            assert_eq!(back, body, "{coding:?}");
        }
    }
}
