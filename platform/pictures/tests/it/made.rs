//! What is made of a sound picture.

use std::io::Write as _;

use entrepot_pictures::{Format, Limits, Looked, Wanted, look, make};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use moxcms::ColorProfile;

use crate::samples::{
    PLACE, SAMPLES, SMALL, exif, jpeg, one, pixels_of, png, quarters, quarters_of, sample, with_chunk, written_as,
};

const LIMITS: fn() -> Limits = Limits::default;

/// The names of the chunks of a WebP.
fn chunks_of(webp: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = &webp[12..];
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        names.push(String::from_utf8_lossy(&head[..4]).into_owned());
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    names
}

#[test]
fn a_picture_of_each_format_is_known_and_made_smaller() {
    let picture = DynamicImage::ImageRgb8(quarters(80, 40));
    let wanted = [
        Wanted { name: "thumb", width: 20, height: 20, quality: 80 },
        Wanted { name: "page", width: 40, height: 400, quality: 90 },
        Wanted { name: "zoom", width: 1_000, height: 1_000, quality: 95 },
    ];
    for (format, bytes) in [
        (Format::Jpeg, jpeg(&quarters(80, 40), None, None)),
        (Format::Png, png(&picture)),
        (Format::Png, png(&DynamicImage::ImageRgb16(picture.to_rgb16()))),
        (Format::Png, png(&DynamicImage::ImageRgba16(picture.to_rgba16()))),
        (Format::WebP, written_as(&picture, ImageFormat::WebP)),
        (Format::Gif, written_as(&picture, ImageFormat::Gif)),
    ] {
        let told = Looked { format, width: 80, height: 40 };
        assert_eq!(look(&bytes, &LIMITS()).expect("a picture"), told);
        let (looked, variants) = make(&bytes, &wanted, &LIMITS()).expect("a picture");
        assert_eq!(looked, told);
        let sizes: Vec<_> = variants.iter().map(|made| (made.name, made.width, made.height)).collect();
        assert_eq!(sizes, [("thumb", 20, 10), ("page", 40, 20), ("zoom", 80, 40)], "{format}");
        for variant in &variants {
            assert_eq!(quarters_of(&pixels_of(variant)), [0, 1, 2, 3], "{format} {}", variant.name);
        }
    }
}

#[test]
fn pictures_of_other_programs_are_made_smaller() {
    for (name, bytes) in SAMPLES {
        let small = one(bytes, SMALL, &LIMITS()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((small.width, small.height), (12, 8), "{name}");
        // All show a ramp that gets brighter to the right.
        let picture = pixels_of(&small).to_luma8();
        let column = |x| (0..8).map(|y| u32::from(picture.get_pixel(x, y).0[0])).sum::<u32>();
        assert!(column(1) < column(6) && column(6) < column(10), "{name}");
        assert!(small.webp.len() < 1_000, "{name}");
    }
}

#[test]
fn a_picture_is_turned_upright() {
    // Of each orientation of EXIF, which quarter is seen above left, above right, below left, below right.
    for (orientation, seen) in [
        (1, [0, 1, 2, 3]),
        (2, [1, 0, 3, 2]),
        (3, [3, 2, 1, 0]),
        (4, [2, 3, 0, 1]),
        (5, [0, 2, 1, 3]),
        (6, [2, 0, 3, 1]),
        (7, [3, 1, 2, 0]),
        (8, [1, 3, 0, 2]),
        (99, [0, 1, 2, 3]),
    ] {
        let bytes = jpeg(&quarters(80, 40), Some(exif(orientation)), None);
        let wanted = Wanted { name: "small", width: 20, height: 30, quality: 95 };
        let made = one(&bytes, wanted, &LIMITS()).expect("a picture");
        let size = if (5..=8).contains(&orientation) { (15, 30) } else { (20, 10) };
        assert_eq!((made.width, made.height), size, "{orientation}");
        assert_eq!(quarters_of(&pixels_of(&made)), seen, "{orientation}");
    }
    // PNG has it too.
    let bytes = with_chunk(&png(&DynamicImage::ImageRgb8(quarters(80, 40))), b"eXIf", &exif(6));
    let made = one(&bytes, SMALL, &LIMITS()).expect("a picture");
    assert_eq!((made.width, made.height), (6, 12));
}

#[test]
fn where_a_picture_was_taken_is_not_in_what_is_made_of_it() {
    let contains = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let plain = DynamicImage::ImageRgb8(quarters(80, 40));
    let profile = ColorProfile::new_display_p3().encode().expect("a profile");
    for bytes in [
        jpeg(&quarters(80, 40), Some(exif(1)), Some(profile)),
        with_chunk(&png(&plain), b"eXIf", &exif(1)),
        with_chunk(&png(&plain), b"tEXt", &[b"Location\0", PLACE].concat()),
    ] {
        assert!(contains(&bytes, PLACE));
        for width in [20, 80] {
            let made = one(&bytes, Wanted { width, height: 80, ..SMALL }, &LIMITS()).expect("a picture");
            assert!(!contains(&made.webp, PLACE));
            assert_eq!(chunks_of(&made.webp), ["VP8 "], "pixels alone");
        }
    }
}

#[test]
fn alpha_is_kept_and_colours_do_not_bleed_out_of_what_is_transparent() {
    // White, in front of a transparent half whose hidden colour is black.
    let half = |x, _| if x < 40 { Rgba([0, 0, 0, 0]) } else { Rgba([255, 255, 255, 255]) };
    let picture = DynamicImage::ImageRgba8(RgbaImage::from_fn(82, 40, half));
    for bytes in
        [png(&picture), png(&DynamicImage::ImageRgba16(picture.to_rgba16())), written_as(&picture, ImageFormat::WebP)]
    {
        let made =
            one(&bytes, Wanted { name: "small", width: 21, height: 21, quality: 100 }, &LIMITS()).expect("a picture");
        assert_eq!(chunks_of(&made.webp), ["VP8X", "ALPH", "VP8 "]);
        let pixels = pixels_of(&made).to_rgba8();
        assert_eq!(pixels.get_pixel(2, 5).0[3], 0);
        assert_eq!(pixels.get_pixel(18, 5).0[3], 255);
        let edges: Vec<_> = pixels.rows().flatten().filter(|pixel| (64..255).contains(&pixel.0[3])).collect();
        assert!(!edges.is_empty(), "the edge lies within a pixel");
        for edge in edges {
            assert!(edge.0[..3].iter().all(|part| *part > 200), "{edge:?}");
        }
    }
}

#[test]
fn colours_of_a_wider_space_are_converted() {
    let plain = image::RgbImage::from_pixel(16, 16, image::Rgb([200, 80, 80]));
    let red_of = |bytes: &[u8]| {
        let made = one(bytes, Wanted { quality: 100, ..SMALL }, &LIMITS()).expect("a picture");
        pixels_of(&made).to_rgb8().get_pixel(6, 6).0[0]
    };
    let profile = ColorProfile::new_display_p3().encode().expect("a profile");
    // This red of Display P3 is (216, 68, 74) or so in sRGB.
    assert!((211..=221).contains(&red_of(&jpeg(&plain, None, Some(profile.clone())))));
    // A large text beside it is left out, and the profile stays.
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&profile).expect("memory");
    let icc = [&b"ICC\0\0"[..], &deflated.finish().expect("memory")].concat();
    let png = with_chunk(&png(&DynamicImage::ImageRgb8(plain.clone())), b"iCCP", &icc);
    let text = [&b"Comment\0"[..], &vec![b' '; 1024 * 1024]].concat();
    for bytes in [&png, &with_chunk(&png, b"tEXt", &text)] {
        assert!((211..=221).contains(&red_of(bytes)));
    }
    let as_it_is = 195..=205;
    assert!(as_it_is.contains(&red_of(&jpeg(&plain, None, None))));
    assert!(as_it_is.contains(&red_of(&jpeg(&plain, None, Some(profile[..profile.len() / 2].to_vec())))));
    assert!(as_it_is.contains(&red_of(&jpeg(&plain, None, Some(b"rubbish".to_vec())))));
}

#[test]
fn of_an_animation_the_first_frame_is_taken_and_no_other_is_read() {
    let gif = sample("animated.gif");
    let whole = one(gif, SMALL, &LIMITS()).expect("a picture");
    // What follows the first frame is rubbish.
    let first_ends = gif.windows(2).enumerate().filter(|(_, pair)| pair == &[0x21, 0xf9]).nth(1).expect("two frames").0;
    let broken = [&gif[..first_ends], &[0x2c; 40]].concat();
    assert_eq!(one(&broken, SMALL, &LIMITS()).expect("a picture"), whole);
    let red = pixels_of(&one(sample("animated.webp"), SMALL, &LIMITS()).expect("a picture")).to_rgb8();
    assert!(red.pixels().any(|pixel| pixel.0[2] > 50), "the last frame is all red");
}

#[test]
fn better_quality_takes_more_bytes_and_a_mad_one_is_the_best() {
    let bytes = png(&DynamicImage::ImageRgb8(quarters(80, 40)));
    let length = |quality| one(&bytes, Wanted { quality, ..SMALL }, &LIMITS()).expect("a picture").webp.len();
    assert!(length(10) < length(95));
    assert_eq!(length(100), length(255));
}
