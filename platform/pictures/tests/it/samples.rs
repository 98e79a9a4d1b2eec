//! Pictures to work on: small ones of each kind, from other programs, and ones that tests make themselves.

use std::io::{Cursor, Write as _};

use entrepot_pictures::{Limits, PictureError, Variant, Wanted, make};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage};

/// Each 24 x 16 pixels.
pub(crate) const SAMPLES: [(&str, &[u8]); 10] = [
    ("progressive.jpg", include_bytes!("../samples/progressive.jpg")),
    ("subsampled.jpg", include_bytes!("../samples/subsampled.jpg")),
    ("gray.jpg", include_bytes!("../samples/gray.jpg")),
    ("cmyk.jpg", include_bytes!("../samples/cmyk.jpg")),
    ("palette.png", include_bytes!("../samples/palette.png")),
    ("lossy.webp", include_bytes!("../samples/lossy.webp")),
    ("lossy-alpha.webp", include_bytes!("../samples/lossy-alpha.webp")),
    ("lossless-alpha.webp", include_bytes!("../samples/lossless-alpha.webp")),
    ("animated.webp", include_bytes!("../samples/animated.webp")),
    ("animated.gif", include_bytes!("../samples/animated.gif")),
];

pub(crate) fn sample(name: &str) -> &'static [u8] {
    SAMPLES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes).expect("a sample")
}

pub(crate) const SMALL: Wanted = Wanted { name: "small", width: 12, height: 12, quality: 90 };

/// The one variant that is wanted.
pub(crate) fn one(bytes: &[u8], wanted: Wanted, limits: &Limits) -> Result<Variant, PictureError> {
    make(bytes, &[wanted], limits).map(|(_looked, mut variants)| variants.remove(0))
}

pub(crate) fn pixels_of(variant: &Variant) -> DynamicImage {
    let picture = image::load_from_memory_with_format(&variant.webp, ImageFormat::WebP).expect("a WebP");
    assert_eq!((picture.width(), picture.height()), (variant.width, variant.height));
    picture
}

/// Four colours, one in each quarter: red and green above blue and white.
pub(crate) const QUARTERS: [Rgb<u8>; 4] =
    [Rgb([220, 30, 30]), Rgb([30, 200, 30]), Rgb([30, 30, 220]), Rgb([240, 240, 240])];

pub(crate) fn quarters(width: u32, height: u32) -> RgbImage {
    let right = |x| usize::from(x >= width / 2);
    let below = |y| usize::from(y >= height / 2);
    RgbImage::from_fn(width, height, |x, y| QUARTERS[right(x) + 2 * below(y)])
}

/// Which of the colours is in the middle of each quarter.
pub(crate) fn quarters_of(picture: &DynamicImage) -> [usize; 4] {
    let rgb = picture.to_rgb8();
    let (width, height) = rgb.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let found = rgb.get_pixel(width * x / 4, height * y / 4);
        let distance = |colour: &Rgb<u8>| -> u32 { (0..3).map(|i| u32::from(colour.0[i].abs_diff(found.0[i]))).sum() };
        let nearest = (0..4).min_by_key(|&i| distance(&QUARTERS[i])).expect("four");
        assert!(distance(&QUARTERS[nearest]) < 90, "{found:?} is none of the colours");
        nearest
    })
}

pub(crate) fn jpeg(picture: &RgbImage, exif: Option<Vec<u8>>, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).expect("JPEG can");
    }
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).expect("JPEG can");
    }
    encoder.encode_image(picture).expect("a picture");
    file
}

pub(crate) fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut file)).expect("a picture");
    file
}

pub(crate) fn written_as(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

/// Where a picture was taken, as a telephone notes it.
pub(crate) const PLACE: &[u8] = b"47.376888 N 8.541694 E";

/// EXIF that says how the camera was held, and where.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let length = u32::try_from(PLACE.len()).expect("short");
    [
        b"II*\0".to_vec(),
        8_u32.to_le_bytes().to_vec(),
        // The picture: its orientation, and a pointer to the place.
        vec![2, 0],
        entry(0x0112, 3, 1, orientation.into()),
        entry(0x8825, 4, 1, 38),
        vec![0; 4],
        // The place, as an area that has a name.
        vec![1, 0],
        entry(0x001c, 7, length, 56),
        vec![0; 4],
        PLACE.to_vec(),
    ]
    .concat()
}

/// A PNG with one more chunk behind its first.
pub(crate) fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [name, content].concat();
    let length = u32::try_from(content.len()).expect("small");
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    [&png[..33], &length.to_be_bytes(), &body, &crc.sum().to_be_bytes(), &png[33..]].concat()
}

/// A PNG that claims another size: one colour of 8 bits, and hardly any data.
pub(crate) fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let honest = png(&DynamicImage::new_luma8(1, 1));
    let mut claims = honest.clone();
    claims[16..20].copy_from_slice(&width.to_be_bytes());
    claims[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&claims[12..29]);
    claims[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    claims
}

/// Very much of nothing in very few bytes.
pub(crate) fn inflates_to(bytes: usize) -> Vec<u8> {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&vec![b' '; bytes]).expect("memory");
    deflated.finish().expect("memory")
}
