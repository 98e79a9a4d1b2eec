//! What a file has besides its pixels: a colour profile, what the camera notes, texts. Decoders keep all of it,
//! several times over, and inflate a part of it, so it is held to a size before they are given the file.
//!
//! Small as it is nearly always, the file is handed on as it is. Where it is large, texts are left out, which
//! nobody here reads; so is the profile, or what the camera noted, where that is large by itself: then the picture
//! is taken for sRGB, or for upright. Of a WebP nothing is left out, as its decoder reads such a part only when it
//! is asked for it, which it then is not.
//!
//! **Invariants:**
//! - No decoder reads more than [`KEPT_BYTES`] of a profile, of what the camera noted, or of texts.
//! - No decoder inflates more than [`INFLATED_BYTES`]: see `decode`; `tests/memory.rs` measures it.
//! - The file is walked through as the decoders do it; where its structure ends, all the rest is kept.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use crate::header::Format;

/// What a profile and texts may take once they are inflated, with what they take before that.
pub(crate) const INFLATED_BYTES: u64 = 2 * 1024 * 1024;

/// What they may take in the file. A profile for RGB has some kilobytes; one with tables that fill this is rare.
const KEPT_BYTES: usize = 512 * 1024;

/// A file as a decoder may have it.
pub(crate) struct Kept<'a> {
    /// The file.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Whether the decoder may be asked for the profile.
    pub(crate) profile: bool,
    /// Whether it may be asked for what the camera noted.
    pub(crate) camera: bool,
}

/// What a part of a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pixels,
    Profile,
    Camera,
    Text,
}

/// Holds what is not pixels to a size.
pub(crate) fn kept(format: Format, bytes: &[u8]) -> Kept<'_> {
    let (mut profile, mut camera, mut texts) = (0, 0, 0);
    for (kind, part) in parts(format, bytes) {
        match kind {
            Kind::Pixels => {}
            Kind::Profile => profile += part.len(),
            Kind::Camera => camera += part.len(),
            Kind::Text => texts += part.len(),
        }
    }
    let mut kept = Kept { bytes: Cow::Borrowed(bytes), profile: profile <= KEPT_BYTES, camera: camera <= KEPT_BYTES };
    if format == Format::WebP || profile + camera + texts <= KEPT_BYTES {
        return kept;
    }
    let stays = |kind| match kind {
        Kind::Pixels => true,
        Kind::Profile => kept.profile,
        Kind::Camera => kept.camera,
        Kind::Text => false,
    };
    let left_out = texts + if kept.profile { 0 } else { profile } + if kept.camera { 0 } else { camera };
    let mut copy = Vec::with_capacity(bytes.len() - left_out);
    let mut copied = 0;
    for (_, part) in parts(format, bytes).filter(|(kind, _)| !stays(*kind)) {
        copy.extend_from_slice(&bytes[copied..part.start]);
        copied = part.end;
    }
    copy.extend_from_slice(&bytes[copied..]);
    kept.bytes = Cow::Owned(copy);
    kept
}

/// What stands at a place of a file, and where the next thing stands.
type Next = fn(&[u8], usize) -> Option<(Kind, usize)>;

/// The parts of a file, one after the other, up to where its structure ends or is not known.
fn parts(format: Format, bytes: &[u8]) -> impl Iterator<Item = (Kind, Range<usize>)> {
    let (mut at, next): (_, Next) = match format {
        Format::Jpeg => (2, jpeg),
        Format::Png => (8, png),
        Format::WebP => (12, webp),
        Format::Gif => (gif_blocks_at(bytes), gif),
    };
    iter::from_fn(move || {
        let (kind, end) = next(bytes, at)?;
        let part = at..end.min(bytes.len());
        at = part.end;
        Some((kind, part))
    })
}

/// What the part at a place is, and where it ends: ISO/IEC 10918-1, annex B, up to the first scan.
fn jpeg(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    match bytes.get(at..)? {
        [0xff, 0xff, ..] => Some((Kind::Pixels, at + 1)),
        [0xff, 0x01 | 0xd0..=0xd7, ..] => Some((Kind::Pixels, at + 2)),
        [0xff, 0xd8..=0xda, ..] => None,
        [0xff, marker, a, b, content @ ..] => {
            let kind = match marker {
                0xe1 if content.starts_with(b"Exif\0\0") => Kind::Camera,
                0xe2 if content.starts_with(b"ICC_PROFILE\0") => Kind::Profile,
                // What Adobe says of the colours is needed to decode them.
                0xe1..=0xed | 0xef | 0xfe => Kind::Text,
                _ => Kind::Pixels,
            };
            Some((kind, at + 2 + usize::from(u16::from_be_bytes([*a, *b]))))
        }
        _ => None,
    }
}

/// The PNG specification, section 5.3: chunks of a length, a name, the content and a checksum.
fn png(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    let &[a, b, c, d, ref name @ ..] = bytes.get(at..)?.first_chunk::<8>()?;
    let kind = match name {
        b"iCCP" => Kind::Profile,
        b"eXIf" => Kind::Camera,
        b"tEXt" | b"zTXt" | b"iTXt" => Kind::Text,
        b"IEND" => return None,
        _ => Kind::Pixels,
    };
    Some((kind, after(at, 12, u32::from_be_bytes([a, b, c, d]))))
}

/// RFC 9649, section 2.3. The parts of a frame are looked at, too, as the decoder takes a profile from there.
fn webp(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    let &[ref name @ .., a, b, c, d] = bytes.get(at..)?.first_chunk::<8>()?;
    let length = u32::from_le_bytes([a, b, c, d]);
    let kind = match name {
        b"ANMF" => return Some((Kind::Pixels, at + 24)),
        b"ICCP" => Kind::Profile,
        b"EXIF" => Kind::Camera,
        b"XMP " => Kind::Text,
        _ => Kind::Pixels,
    };
    Some((kind, after(at, 8, length.saturating_add(length % 2))))
}

/// GIF 89a, sections 18 and 19: what follows the header and the colours for all frames.
fn gif_blocks_at(bytes: &[u8]) -> usize {
    match bytes.get(10) {
        Some(flags) if flags & 0x80 != 0 => 13 + (6 << (flags & 7)),
        _ => 13,
    }
}

/// GIF 89a, section 12, up to the first frame: an extension is a row of blocks of up to 255 bytes.
fn gif(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    let &[0x21, label, ref blocks @ ..] = bytes.get(at..)? else { return None };
    let kind = match label {
        0xf9 => Kind::Pixels,
        0xff if blocks.starts_with(b"\x0bICCRGBG1012") => Kind::Profile,
        _ => Kind::Text,
    };
    let mut end = at + 2;
    while let Some(length @ 1..) = bytes.get(end) {
        end += 1 + usize::from(*length);
    }
    Some((kind, end + 1))
}

/// Where a part ends that begins at a place, by its length and what belongs to it besides.
fn after(at: usize, besides: usize, length: u32) -> usize {
    at.saturating_add(besides).saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(format: Format, bytes: &[u8]) -> Vec<(Kind, usize)> {
        parts(format, bytes).map(|(kind, part)| (kind, part.len())).collect()
    }

    fn png_chunk(name: &[u8; 4], length: usize) -> Vec<u8> {
        let size = u32::try_from(length).expect("small").to_be_bytes();
        [&size[..], name, &vec![7; length], &[0; 4]].concat()
    }

    fn jpeg_segment(marker: u8, head: &[u8], length: usize) -> Vec<u8> {
        let size = u16::try_from(length + 2).expect("small").to_be_bytes();
        let mut content = head.to_vec();
        content.resize(length, 7);
        [&[0xff, marker][..], &size, &content].concat()
    }

    #[test]
    fn the_parts_of_each_format_are_told_apart() {
        let head = [0; 8].to_vec();
        let png = [
            head,
            png_chunk(b"IHDR", 13),
            png_chunk(b"tEXt", 5),
            png_chunk(b"iCCP", 6),
            png_chunk(b"eXIf", 7),
            png_chunk(b"IDAT", 9),
            png_chunk(b"zTXt", 1),
            png_chunk(b"IEND", 0),
            png_chunk(b"tEXt", 5),
        ];
        let png = png.concat();
        assert_eq!(
            kinds(Format::Png, &png),
            [
                (Kind::Pixels, 25),
                (Kind::Text, 17),
                (Kind::Profile, 18),
                (Kind::Camera, 19),
                (Kind::Pixels, 21),
                (Kind::Text, 13)
            ]
        );
        let jpeg = [
            vec![0xff, 0xd8],
            jpeg_segment(0xe0, b"JFIF\0", 14),
            vec![0xff],
            jpeg_segment(0xe1, b"Exif\0\0", 20),
            jpeg_segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0", 40),
            jpeg_segment(0xe2, b"ICC_PROFILE\0\x01\x01", 30),
            jpeg_segment(0xee, b"Adobe", 12),
            jpeg_segment(0xda, b"", 6),
            jpeg_segment(0xfe, b"", 6),
        ];
        assert_eq!(
            kinds(Format::Jpeg, &jpeg.concat()),
            [
                (Kind::Pixels, 18),
                (Kind::Pixels, 1),
                (Kind::Camera, 24),
                (Kind::Text, 44),
                (Kind::Profile, 34),
                (Kind::Pixels, 16)
            ]
        );
        let gif = [
            &b"GIF89a\x08\0\x08\0\x80\0\0"[..],
            &[0; 6],
            b"\x21\xf9\x04\0\0\0\0\0",
            b"\x21\xff\x0bICCRGBG1012\x02\x07\x07\0",
            b"\x21\xfe\x03abc\0",
            b"\x2c\0\0\0\0\x08\0\x08\0\0",
            b"\x21\xfe\x03abc\0",
        ];
        assert_eq!(kinds(Format::Gif, &gif.concat()), [(Kind::Pixels, 8), (Kind::Profile, 18), (Kind::Text, 7)]);
        let webp = [
            &b"RIFF\0\0\0\0WEBP"[..],
            b"VP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"ICCP\x03\0\0\0abc\0",
            b"ANMF\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"ICCP\x02\0\0\0ab",
            b"EXIF\x02\0\0\0ab",
        ];
        assert_eq!(
            kinds(Format::WebP, &webp.concat()),
            [(Kind::Pixels, 18), (Kind::Profile, 12), (Kind::Pixels, 24), (Kind::Profile, 10), (Kind::Camera, 10)]
        );
    }

    #[test]
    fn what_is_large_is_left_out_and_what_is_small_stays_as_it_is() {
        let of = |texts: usize, profile: usize| {
            let parts = [
                vec![0; 8],
                png_chunk(b"IHDR", 13),
                png_chunk(b"tEXt", texts),
                png_chunk(b"iCCP", profile),
                png_chunk(b"IDAT", 9),
            ];
            let bytes = parts.concat();
            let kept = kept(Format::Png, &bytes);
            (kept.bytes.len(), matches!(kept.bytes, Cow::Borrowed(_)), kept.profile)
        };
        let pixels = 8 + 25 + 21;
        assert_eq!(of(100, 200), (pixels + 112 + 212, true, true));
        assert_eq!(of(KEPT_BYTES - 24 - 200, 200), (pixels + KEPT_BYTES, true, true));
        assert_eq!(of(KEPT_BYTES - 24 - 199, 200), (pixels + 212, false, true), "texts go first");
        assert_eq!(of(0, KEPT_BYTES - 12), (pixels + KEPT_BYTES, false, true));
        assert_eq!(of(0, KEPT_BYTES), (pixels, false, false));
    }

    #[test]
    fn a_length_that_reaches_beyond_the_file_ends_there() {
        for (format, bytes) in [
            (Format::Png, &b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffzTXtabc"[..]),
            (Format::Jpeg, b"\xff\xd8\xff\xe3\xff\xffabc"),
            (Format::WebP, b"RIFF\0\0\0\0WEBPXMP \xff\xff\xff\xffabc"),
            (Format::Gif, b"GIF89a\x08\0\x08\0\0\0\0\x21\xfe\xffabc"),
        ] {
            let found: Vec<_> = parts(format, bytes).collect();
            assert_eq!(found.len(), 1, "{format}: {found:?}");
            assert_eq!((found[0].0, found[0].1.end), (Kind::Text, bytes.len()), "{format}");
        }
    }
}
