//! Bytes that are no picture, or no longer: an error, and never anything worse.

use entrepot_pictures::{Limits, PictureError, look, make};
use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

use crate::samples::{SAMPLES, SMALL, exif, jpeg, one, pixels_of, png, quarters, with_chunk, written_as};

/// Little enough that a mutant which claims to be large is refused.
fn limits() -> Limits {
    Limits { pixels: 100_000, memory_bytes: 4_000_000, ..Limits::default() }
}

/// The samples, and some that have more in them.
fn pictures() -> Vec<Vec<u8>> {
    let plain = DynamicImage::ImageRgb8(quarters(24, 16));
    let profile = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
    let mut all: Vec<_> = SAMPLES.iter().map(|(_, bytes)| bytes.to_vec()).collect();
    all.push(jpeg(&quarters(24, 16), Some(exif(6)), Some(profile)));
    all.push(with_chunk(&png(&plain), b"eXIf", &exif(6)));
    all.push(png(&DynamicImage::ImageRgba16(plain.to_rgba16())));
    all.push(written_as(&plain, ImageFormat::WebP));
    all
}

#[test]
fn a_picture_that_is_cut_off_is_refused_wherever_it_is() {
    for (name, bytes) in SAMPLES {
        // Of an animation only the first frame must be there.
        if name.starts_with("animated.gif") {
            continue;
        }
        // The last few bytes may hold nothing of the picture.
        for length in 0..bytes.len() - 16 {
            let made = one(&bytes[..length], SMALL, &limits());
            assert!(made.is_err(), "{name}, {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn an_error_tells_what_is_wrong() {
    let refused = one(b"\xff\xd8\xff\xd9", SMALL, &limits()).expect_err("no picture");
    assert_eq!(refused.to_string(), "the JPEG is broken: there is no picture in it");
    let mut broken = SAMPLES[4].1.to_vec();
    let data = broken.windows(4).position(|part| part == b"IDAT").expect("data");
    broken[data + 8] ^= 0xff;
    let refused = one(&broken, SMALL, &limits()).expect_err("damaged");
    assert!(matches!(refused, PictureError::Undecodable(_)), "{refused:?}");
    let cause = std::error::Error::source(&refused).expect("a cause").to_string();
    assert!(cause.contains("Png"), "{cause}");
}

/// One change to a file.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), prop_oneof![Just(0), Just(0xff), any::<u8>()]).prop_map(|(at, byte)| Change::Set(at, byte)),
        (index(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        index().prop_map(Change::Cut),
        (index(), index()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (index(), 1..8_u8).prop_map(|(at, count)| Change::Remove(at, count)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Repeat(from, to) => {
                let piece = bytes[from.index(length)..].to_vec();
                let at = to.index(length);
                bytes.splice(at..at, piece);
            }
            Change::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + usize::from(*count)));
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn damaged_bytes_give_a_picture_or_an_error(
        which in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)
    ) {
        let pictures = pictures();
        let bytes = changed(pictures[which.index(pictures.len())].clone(), &changes);
        let looked = look(&bytes, &limits());
        match make(&bytes, &[SMALL], &limits()) {
            Ok((told, variants)) => {
                prop_assert_eq!(looked.expect("what was made was looked at"), told);
                prop_assert!(variants[0].width <= SMALL.width && variants[0].height <= SMALL.height);
                pixels_of(&variants[0]);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn rubbish_behind_a_magic_number_is_refused_or_tiny(
        magic in prop::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBPVP8 "]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [magic, &rest].concat();
        let _refused_or_not = make(&bytes, &[SMALL], &limits());
    }
}
