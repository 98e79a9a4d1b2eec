//! Pictures that would take much more than they are: refused before they get it.

use std::time::Duration;

use entrepot_pictures::{Limits, PictureError, look, make};
use image::{DynamicImage, ImageFormat};

use crate::samples::{
    SAMPLES, SMALL, inflates_to, jpeg, one, png, png_that_claims, quarters, sample, with_chunk, written_as,
};

#[test]
fn a_picture_that_claims_to_be_huge_is_refused_at_a_look() {
    let mut jpeg = jpeg(&quarters(8, 8), None, None);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let mut gif = sample("animated.gif").to_vec();
    gif[6..10].copy_from_slice(&[0xff; 4]);
    let mut webp = sample("lossy.webp").to_vec();
    webp[26..30].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let png = png_that_claims(60_000, 60_000);
    assert!(png.len() < 100);
    for (bytes, size) in [(jpeg, 65_535), (gif, 65_535), (webp, 16_383), (png, 60_000)] {
        for limits in [Limits::default(), Limits { side: u32::MAX, ..Limits::default() }] {
            for refused in [look(&bytes, &limits).err(), make(&bytes, &[SMALL], &limits).err()] {
                let Some(PictureError::TooLarge { width, height }) = refused else { panic!("{refused:?}") };
                assert_eq!((width, height), (size, size));
            }
        }
    }
}

#[test]
fn sides_and_pixels_have_limits_of_their_own() {
    let is_fine = |width, height, limits: &Limits| look(&png_that_claims(width, height), limits).is_ok();
    let limits = Limits { side: 100, pixels: 5_000, ..Limits::default() };
    assert!(is_fine(100, 50, &limits) && is_fine(50, 100, &limits) && is_fine(70, 71, &limits));
    assert!(!is_fine(101, 1, &limits) && !is_fine(1, 101, &limits));
    assert!(!is_fine(100, 51, &limits) && !is_fine(71, 71, &limits));
    // Not even the product overflows.
    let none = Limits { side: u32::MAX, pixels: u64::MAX - 1, ..Limits::default() };
    assert!(is_fine(u32::MAX, u32::MAX, &none));
}

#[test]
fn a_file_has_a_limit() {
    let bytes = sample("gray.jpg");
    let limits = |most| Limits { bytes: most, ..Limits::default() };
    assert!(look(bytes, &limits(bytes.len())).is_ok());
    let refused = look(bytes, &limits(bytes.len() - 1)).expect_err("one byte too many");
    assert!(matches!(refused, PictureError::TooManyBytes { bytes: 364, most: 363 }), "{refused:?}");
}

#[test]
fn memory_has_a_limit_by_what_a_picture_declares() {
    let plain = DynamicImage::ImageRgb8(quarters(100, 100));
    // Per pixel: the pixel, and the larger of what its decoder keeps besides and of what scaling alpha takes.
    for (what, bytes, pixels, bytes_per_pixel) in [
        ("JPEG", jpeg(&quarters(100, 100), None, None), 10_000, 3),
        ("progressive JPEG", sample("progressive.jpg").to_vec(), 384, 3 + 6),
        ("PNG", png(&plain), 10_000, 3),
        ("PNG, gray", png(&DynamicImage::ImageLuma8(plain.to_luma8())), 10_000, 1),
        ("PNG with alpha", png(&DynamicImage::ImageRgba8(plain.to_rgba8())), 10_000, 4 + 4),
        ("PNG of 16 bits", png(&DynamicImage::ImageRgb16(plain.to_rgb16())), 10_000, 6),
        ("WebP", sample("lossy.webp").to_vec(), 384, 3 + 2),
        ("WebP without loss", written_as(&plain, ImageFormat::WebP), 10_000, 3 + 8),
        ("animated WebP", sample("animated.webp").to_vec(), 384, 3 + 16),
        ("GIF", written_as(&plain, ImageFormat::Gif), 10_000, 4 + 4),
    ] {
        let limits = |memory_bytes| Limits { memory_bytes, ..Limits::default() };
        let needed = pixels * bytes_per_pixel;
        let made = one(&bytes, SMALL, &limits(needed));
        assert!(made.is_ok(), "{what}: {made:?}");
        let refused = one(&bytes, SMALL, &limits(needed - 1));
        let Err(PictureError::TooMuchMemory { most }) = refused else { panic!("{what}: {refused:?}") };
        assert_eq!(most, needed - 1);
    }
    // Within the pixels that are allowed, and refused all the same: there is next to nothing in the file.
    let refused = one(&png_that_claims(7_000, 7_000), SMALL, &Limits { memory_bytes: 40_000_000, ..Limits::default() });
    assert!(matches!(refused, Err(PictureError::TooMuchMemory { .. })), "{refused:?}");
}

#[test]
fn a_huge_frame_on_a_small_screen_is_refused() {
    let mut gif = written_as(&DynamicImage::new_rgb8(8, 8), ImageFormat::Gif);
    let frame = gif.windows(9).position(|part| part == [0x2c, 0, 0, 0, 0, 8, 0, 8, 0]).expect("a frame");
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let refused = one(&gif, SMALL, &Limits::default());
    assert!(matches!(refused, Err(PictureError::TooMuchMemory { .. })), "{refused:?}");
}

#[test]
fn a_huge_stream_in_a_small_canvas_is_refused() {
    let mut webp = sample("lossy-alpha.webp").to_vec();
    let stream = webp.windows(3).position(|part| part == [0x9d, 0x01, 0x2a]).expect("a stream");
    webp[stream + 3..stream + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let refused = one(&webp, SMALL, &Limits::default());
    assert!(matches!(refused, Err(PictureError::Malformed { .. })), "{refused:?}");
}

#[test]
fn texts_that_inflate_are_left_alone_and_a_profile_that_does_is_no_profile() {
    const INFLATED: usize = 256 * 1024 * 1024;
    let (plain, bomb) = (png(&DynamicImage::ImageRgb8(quarters(24, 16))), inflates_to(INFLATED));
    assert!(bomb.len() < INFLATED / 500);
    // Enough for what is in the file, and far too little for what it inflates to.
    let limits = Limits { memory_bytes: 1024 * 1024, ..Limits::default() };
    let honest = one(&plain, SMALL, &limits).expect("a picture");
    for (name, head) in
        [(b"zTXt", &b"Comment\0\0"[..]), (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"), (b"iCCP", b"ICC\0\0")]
    {
        let made = one(&with_chunk(&plain, name, &[head, &bomb].concat()), SMALL, &limits).expect("a picture");
        assert_eq!(made, honest);
    }
}

#[test]
fn what_is_large_besides_the_pixels_is_left_out() {
    let plain = png(&DynamicImage::ImageRgb8(quarters(24, 16)));
    let limits = Limits { memory_bytes: 1024 * 1024, ..Limits::default() };
    let honest = one(&plain, SMALL, &limits).expect("a picture");
    let much = vec![b' '; 2 * 1024 * 1024];
    for (name, head) in [(b"tEXt", &b"Comment\0"[..]), (b"eXIf", b""), (b"iCCP", b"ICC\0\0")] {
        let made = one(&with_chunk(&plain, name, &[head, &much].concat()), SMALL, &limits).expect("a picture");
        assert_eq!(made, honest);
    }
}

#[test]
fn time_has_a_limit() {
    for (name, bytes) in SAMPLES {
        let refused = one(bytes, SMALL, &Limits { time: Duration::ZERO, ..Limits::default() });
        assert!(matches!(refused, Err(PictureError::TimedOut)), "{name}: {refused:?}");
    }
}
