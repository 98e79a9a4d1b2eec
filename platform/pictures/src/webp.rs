//! The size of a WebP, which is said up to three times: of the canvas, of a frame, and of the bit stream in it.
//! A decoder makes room for each, so that a small canvas could hide a huge picture.
//!
//! **Invariants:**
//! - All sizes agree, and no frame is larger than the canvas.
//! - Every chunk lies within the file, so that none makes a decoder ask for memory by its length alone.

use crate::header::Header;

const CUT: &str = "it is cut off";
const NO_STREAM: &str = "there is no picture in it";

/// The part of the file that is the WebP: what follows it is nothing.
pub(crate) fn body(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let Some(&[a, b, c, d]) = bytes.get(4..8) else { return Err(CUT) };
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_too_long| CUT)?;
    bytes.get(..length.saturating_add(8)).ok_or(CUT)
}

/// Reads RFC 9649, section 2.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, &'static str> {
    let mut chunks = Chunks { rest: body(bytes)?.get(12..).ok_or(CUT)? };
    let (name, content) = chunks.next()?.ok_or(NO_STREAM)?;
    if let Some((width, height)) = stream_size(name, content)? {
        // The planes of the one, the pixels and their transforms of the other.
        let extra_bytes_per_pixel = if name == b"VP8 " { 2 } else { 8 };
        return Ok(Header::new(width, height, extra_bytes_per_pixel));
    }
    let &[_, _, _, _, a, b, c, d, e, f, ..] = content else { return Err(CUT) };
    if name != b"VP8X" {
        return Err(NO_STREAM);
    }
    let (width, height) = (one_more([a, b, c]), one_more([d, e, f]));
    let mut has_stream = false;
    while let Some((name, content)) = chunks.next()? {
        if name == b"ANMF" {
            check_frame(content, width, height)?;
            has_stream = true;
        } else if let Some(size) = stream_size(name, content)? {
            if size != (width, height) {
                return Err("the sizes in it disagree");
            }
            has_stream = true;
        }
    }
    // An animation has a canvas, a frame and its alpha.
    if has_stream { Ok(Header::new(width, height, 16)) } else { Err(NO_STREAM) }
}

/// A frame of an animation, and the bit stream in it.
fn check_frame(content: &[u8], width: u32, height: u32) -> Result<(), &'static str> {
    let Some((&[_, _, _, _, _, _, a, b, c, d, e, f, _, _, _, _], rest)) = content.split_first_chunk() else {
        return Err(CUT);
    };
    let frame = (one_more([a, b, c]), one_more([d, e, f]));
    if frame.0 > width || frame.1 > height {
        return Err("a frame is larger than the picture");
    }
    let mut chunks = Chunks { rest };
    while let Some((name, content)) = chunks.next()? {
        if stream_size(name, content)?.is_some_and(|size| size != frame) {
            return Err("the sizes in it disagree");
        }
    }
    Ok(())
}

/// The size in a bit stream, if it is one.
fn stream_size(name: &[u8], content: &[u8]) -> Result<Option<(u32, u32)>, &'static str> {
    match (name, content) {
        (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..]) => {
            let [width, height] = [[a, b], [c, d]].map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
            Ok(Some((width, height)))
        }
        (b"VP8L", &[0x2f, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Ok(Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)))
        }
        (b"VP8 " | b"VP8L", _) => Err("the bit stream begins in no known way"),
        _ => Ok(None),
    }
}

/// A length in three bytes that is stored less one.
fn one_more([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) + 1
}

/// A name and what it stands for.
type Chunk<'a> = (&'a [u8], &'a [u8]);

struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn next(&mut self) -> Result<Option<Chunk<'a>>, &'static str> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((&[_, _, _, _, a, b, c, d], rest)) = self.rest.split_first_chunk() else { return Err(CUT) };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_too_long| CUT)?;
        let (name, content) = (&self.rest[..4], rest.get(..length).ok_or(CUT)?);
        // An odd one is followed by a byte that is nothing, which some writers leave out at the end.
        self.rest = rest.get(length + length % 2..).unwrap_or_default();
        Ok(Some((name, content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).expect("small");
        let pad: &[u8] = if content.len() % 2 == 1 { &[0] } else { &[] };
        [name, &length.to_le_bytes(), content, pad].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
    }

    fn canvas(width: u8, height: u8) -> Vec<u8> {
        chunk(b"VP8X", &[0, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0])
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        let ([a, b], [c, d]) = (width.to_le_bytes(), height.to_le_bytes());
        chunk(b"VP8 ", &[0x10, 0, 0, 0x9d, 0x01, 0x2a, a, b, c, d, 0])
    }

    fn lossless(width: u32, height: u32) -> Vec<u8> {
        let bits = (width - 1) | (height - 1) << 14;
        chunk(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes()].concat())
    }

    fn frame(width: u8, height: u8, stream: &[u8]) -> Vec<u8> {
        chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0, 0, 0, 0, 0], stream].concat())
    }

    #[test]
    fn the_size_is_found_in_each_kind() {
        for (chunks, wanted) in [
            (vec![lossy(40, 30)], Ok((40, 30))),
            (vec![lossless(16_384, 1)], Ok((16_384, 1))),
            (vec![canvas(40, 30), lossy(40, 30)], Ok((40, 30))),
            (vec![canvas(40, 30), chunk(b"ALPH", &[0; 3]), chunk(b"EXIF", &[0; 5]), lossless(40, 30)], Ok((40, 30))),
            (vec![canvas(40, 30), chunk(b"ANIM", &[0; 6]), frame(20, 10, &lossy(20, 10))], Ok((40, 30))),
            (vec![canvas(40, 30), lossy(16_383, 16_383)], Err("the sizes in it disagree")),
            (vec![canvas(40, 30), lossless(41, 30)], Err("the sizes in it disagree")),
            (vec![canvas(40, 30), frame(20, 10, &lossy(16_383, 10))], Err("the sizes in it disagree")),
            (vec![canvas(40, 30), frame(41, 30, &lossy(41, 30))], Err("a frame is larger than the picture")),
            (vec![canvas(40, 30), frame(40, 31, &lossy(40, 31))], Err("a frame is larger than the picture")),
            (vec![canvas(40, 30)], Err(NO_STREAM)),
            (vec![], Err(NO_STREAM)),
            (vec![chunk(b"EXIF", &[0; 20])], Err(NO_STREAM)),
            (vec![chunk(b"VP8 ", &[0; 20])], Err("the bit stream begins in no known way")),
        ] {
            let found = header(&file(&chunks)).map(|header| (header.width, header.height));
            assert_eq!(found, wanted, "{chunks:?}");
        }
    }

    #[test]
    fn no_chunk_reaches_beyond_the_file() {
        let mut claims = file(&[canvas(40, 30), lossy(40, 30), chunk(b"EXIF", &[0; 4])]);
        let length_at = claims.len() - 8;
        claims[length_at..length_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(header(&claims), Err(CUT));

        let whole = file(&[canvas(40, 30), lossy(40, 30)]);
        for length in 0..whole.len() {
            assert_eq!(header(&whole[..length]), Err(CUT), "{length}");
        }
        let longer = [whole.as_slice(), &lossy(1, 1)].concat();
        assert_eq!(body(&longer), Ok(whole.as_slice()), "what follows is nothing");
    }
}
