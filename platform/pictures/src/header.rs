//! Format and size of a picture, from its first bytes, read by hand: nothing is decoded and nothing allocated.
//!
//! **Invariants:**
//! - A format is known by its content.
//! - The size is that which the decoder will make room for. Where the two disagree the picture is refused (see
//!   `decode`), and so is a header that could be read in two ways.

use std::fmt;

use crate::{Limits, PictureError, webp};

/// A format that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG; of an animation the picture that stands for it.
    Png,
    /// WebP, with loss or without; of an animation the first frame.
    WebP,
    /// GIF, the first frame.
    Gif,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
        })
    }
}

/// What a picture claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Its format.
    pub format: Format,
    /// Its width in pixels, as it is stored: before it is turned upright.
    pub width: u32,
    /// Its height in pixels, as it is stored: before it is turned upright.
    pub height: u32,
}

/// The size, and the memory that decoding takes per pixel besides the pixels themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) extra_bytes_per_pixel: u64,
    /// Where the first scan of a JPEG begins.
    pub(crate) scan_at: usize,
}

impl Header {
    pub(crate) fn new(width: u32, height: u32, extra_bytes_per_pixel: u64) -> Self {
        Self { width, height, extra_bytes_per_pixel, scan_at: 0 }
    }
}

/// Looks at the header of a picture, without decoding it.
///
/// # Errors
/// When it is no picture, or one beyond the limits.
pub fn look(bytes: &[u8], limits: &Limits) -> Result<Looked, PictureError> {
    let (looked, _header) = read(bytes, limits)?;
    Ok(looked)
}

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<(Looked, Header), PictureError> {
    if bytes.len() > limits.bytes {
        return Err(PictureError::TooManyBytes { bytes: bytes.len(), most: limits.bytes });
    }
    let format = format_of(bytes).ok_or(PictureError::UnknownFormat)?;
    let header = match format {
        Format::Jpeg => jpeg(bytes),
        Format::Png => png(bytes),
        Format::WebP => webp::header(bytes),
        Format::Gif => gif(bytes),
    };
    let header = header.map_err(|what| PictureError::Malformed { format, what })?;
    let Header { width, height, .. } = header;
    if width == 0 || height == 0 {
        return Err(PictureError::Malformed { format, what: "a side has no length" });
    }
    if width.max(height) > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(PictureError::TooLarge { width, height });
    }
    Ok((Looked { format, width, height }, header))
}

fn format_of(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        _ => None,
    }
}

/// ISO/IEC 10918-1, annex B: segments up to the first scan, one of which is the frame.
fn jpeg(bytes: &[u8]) -> Result<Header, &'static str> {
    const CUT: &str = "it ends before the picture begins";
    let mut rest = bytes.get(2..).ok_or(CUT)?;
    let mut frame = None;
    loop {
        let (marker, segment) = match rest {
            // Before a marker there may be any number of these.
            [0xff, 0xff, ..] => {
                rest = &rest[1..];
                continue;
            }
            [0xff, 0x01 | 0xd0..=0xd7, after @ ..] => {
                rest = after;
                continue;
            }
            [0xff, 0xda, ..] => break,
            [0xff, 0xd8 | 0xd9, ..] => return Err("there is no picture in it"),
            [0xff, marker, segment @ ..] => (*marker, segment),
            [] | [0xff] => return Err(CUT),
            _ => return Err("there is no segment where one must begin"),
        };
        let &[a, b, ..] = segment else { return Err(CUT) };
        let length = usize::from(u16::from_be_bytes([a, b]));
        let content = segment.get(..length).ok_or(CUT)?.get(2..).ok_or("a segment is shorter than its own length")?;
        rest = &segment[length..];
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let &[_bits, a, b, c, d, ..] = content else { return Err(CUT) };
            // The coefficients of a progressive one are all kept, in two bytes for each of three colours.
            let extra_bytes_per_pixel = if marker == 0xc2 { 6 } else { 0 };
            let [height, width] = [[a, b], [c, d]].map(u16::from_be_bytes).map(u32::from);
            if frame.replace(Header::new(width, height, extra_bytes_per_pixel)).is_some() {
                return Err("there are two sizes in it");
            }
        }
    }
    let frame = frame.ok_or("there is no size where it must be")?;
    Ok(Header { scan_at: bytes.len() - rest.len(), ..frame })
}

/// Whether a JPEG ends before its end, as one does whose upload broke off. In a scan no other bytes look like
/// the marker of the end; before it, a preview may have one of its own.
pub(crate) fn is_jpeg_cut(bytes: &[u8], header: Header) -> bool {
    let end = bytes.windows(2).rposition(|pair| pair == [0xff, 0xd9]);
    end.is_none_or(|end| end < header.scan_at)
}

/// The PNG specification, section 11.2.1: the first chunk.
fn png(bytes: &[u8]) -> Result<Header, &'static str> {
    let first = bytes.get(8..24).ok_or("it ends before the size")?;
    let &[0, 0, 0, 13, b'I', b'H', b'D', b'R', a, b, c, d, e, f, g, h] = first else {
        return Err("the first chunk is not IHDR");
    };
    let [width, height] = [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes);
    Ok(Header::new(width, height, 0))
}

/// GIF 89a, section 18: the logical screen. The first frame has four bytes per pixel of its own.
fn gif(bytes: &[u8]) -> Result<Header, &'static str> {
    let Some(&[a, b, c, d]) = bytes.get(6..10) else { return Err("it ends before the size") };
    let [width, height] = [[a, b], [c, d]].map(u16::from_le_bytes).map(u32::from);
    Ok(Header::new(width, height, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(bytes: &[u8]) -> Result<(u32, u32), String> {
        let limits = Limits { side: u32::MAX, pixels: u64::MAX, ..Limits::default() };
        look(bytes, &limits).map(|looked| (looked.width, looked.height)).map_err(|error| error.to_string())
    }

    /// The beginning of a frame of 40 x 30, and of a scan.
    const FRAME: [u8; 13] = [0xff, 0xc0, 0, 11, 8, 0, 30, 0, 40, 1, 1, 0x11, 0];
    const SCAN: [u8; 4] = [0xff, 0xda, 0, 8];

    fn jpeg_of(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xff, 0xd8], parts.concat().as_slice()].concat()
    }

    #[test]
    fn a_jpeg_is_walked_through_to_its_size() {
        let with = |before: &[u8]| size_of(&jpeg_of(&[before, &FRAME, &SCAN]));
        assert_eq!(with(&[]), Ok((40, 30)));
        assert_eq!(with(&[0xff, 0xe0, 0, 4, 0xff, 0xc0]), Ok((40, 30)), "what looks like a frame inside a segment");
        assert_eq!(with(&[0xff, 0xff, 0xff, 0xfe, 0, 3, 7]), Ok((40, 30)), "fill bytes");
        for (before, what) in [
            (&[0xff, 0xe0, 0, 1][..], "a segment is shorter than its own length"),
            (&[0xff, 0xe0, 0xff, 0xff], "it ends before the picture begins"),
            (&SCAN, "there is no size where it must be"),
            (&[0xff, 0xd9], "there is no picture in it"),
            (&FRAME, "there are two sizes in it"),
            (&[0xff, 0xe0, 0, 2, 7], "there is no segment where one must begin"),
        ] {
            assert_eq!(with(before), Err(format!("the JPEG is broken: {what}")));
        }
        let whole = jpeg_of(&[&FRAME, &SCAN]);
        for length in 3..15 {
            let error = size_of(&whole[..length]).expect_err("cut off");
            assert_eq!(error, "the JPEG is broken: it ends before the picture begins", "{length}");
        }
    }

    #[test]
    fn a_jpeg_is_whole_with_an_end_after_its_beginning() {
        let preview: [u8; 8] = [0xff, 0xe1, 0, 6, 0xff, 0xda, 0xff, 0xd9];
        for (after, wanted) in
            [(&[0xff, 0xd9][..], false), (&[7, 0xff, 0xd9, 7], false), (&[], true), (&[7, 0xff], true)]
        {
            let bytes = jpeg_of(&[&preview, &FRAME, &SCAN, after]);
            let header = jpeg(&bytes).expect("a header");
            assert_eq!(is_jpeg_cut(&bytes, header), wanted, "{after:?}");
        }
    }

    #[test]
    fn what_is_no_picture_is_told() {
        for bytes in
            [&b""[..], b"\xff\xd8", b"GIF88a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"BM", b"RIFF....WAVE"]
        {
            assert_eq!(size_of(bytes), Err("this is not a JPEG, a PNG, a WebP or a GIF".to_owned()), "{bytes:?}");
        }
        for (bytes, what) in [
            (&b"GIF89a\x01\x00\x00\x00"[..], "the GIF is broken: a side has no length"),
            (b"GIF89a\x01\x00\x01", "the GIF is broken: it ends before the size"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIDAT\0\0\0\x01\0\0\0\x01", "the PNG is broken: the first chunk is not IHDR"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0", "the PNG is broken: it ends before the size"),
        ] {
            assert_eq!(size_of(bytes), Err(what.to_owned()));
        }
    }
}
