//! Smaller pictures out of one.
//!
//! Each is scaled from the original (Lanczos, three lobes), then converted to sRGB and turned upright, which
//! are cheap once it is small.
//!
//! **Invariant:** only pixels go into a variant.

use std::borrow::Cow;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;
use image::metadata::Orientation;

use crate::decode::{self, Decoded};
use crate::limits::Deadline;
use crate::{Limits, Looked, PictureError, color, header};

/// A variant that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is called.
    pub name: &'static str,
    /// It is no wider, in pixels: 1 to 16383.
    pub width: u32,
    /// It is no higher, in pixels: 1 to 16383.
    pub height: u32,
    /// From 0, the smallest file, to 100, the best picture.
    pub quality: u8,
}

/// A variant that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The file.
    pub webp: Vec<u8>,
}

/// Makes all variants of a picture. Each fits into what is wanted, keeps the proportions (but no side gets
/// shorter than a pixel), and is never larger than the picture.
///
/// It blocks, for some tenths of a second: not for a thread that serves others.
///
/// # Errors
/// When it is no picture, one beyond the limits, or one that cannot be decoded.
pub fn make(bytes: &[u8], wanted: &[Wanted], limits: &Limits) -> Result<(Looked, Vec<Variant>), PictureError> {
    let deadline = Deadline::after(limits.time);
    let (looked, header) = header::read(bytes, limits)?;
    let decoded = decode::decode(bytes, looked, header, limits, deadline)?;
    let mut scaler = Resizer::new();
    let mut variants = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        variants.push(variant(&decoded, &mut scaler, *wanted, deadline)?);
    }
    Ok((looked, variants))
}

fn variant(
    decoded: &Decoded,
    scaler: &mut Resizer,
    wanted: Wanted,
    deadline: Deadline,
) -> Result<Variant, PictureError> {
    let Decoded { picture, orientation, profile } = decoded;
    // It is wanted upright, and scaled as it lies.
    let room = match lies_on_its_side(*orientation) {
        true => (wanted.height, wanted.width),
        false => (wanted.width, wanted.height),
    };
    let small = scaled(picture, fitted((picture.width(), picture.height()), room), scaler)?;
    deadline.check()?;
    let mut small = color::to_srgb(&small, profile.as_deref());
    small.apply_orientation(*orientation);
    let webp = encoded(&small, wanted.quality)?;
    deadline.check()?;
    Ok(Variant { name: wanted.name, width: small.width(), height: small.height(), webp })
}

fn lies_on_its_side(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// The largest size of these proportions that is in the room and no larger than it is.
fn fitted((width, height): (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let (room_width, room_height) = (room.0.clamp(1, width), room.1.clamp(1, height));
    // Rounded to the nearest, at least one; as a share of less than one it fits into 32 bits.
    let share = |side: u32, of: u32, in_all: u32| {
        let (side, of, in_all) = (u64::from(side), u64::from(of), u64::from(in_all));
        u32::try_from((side * of + in_all / 2) / in_all).unwrap_or(u32::MAX).max(1)
    };
    if u64::from(width) * u64::from(room_height) >= u64::from(height) * u64::from(room_width) {
        (room_width, share(height, room_width, width))
    } else {
        (share(width, room_height, height), room_height)
    }
}

fn scaled<'a>(
    picture: &'a DynamicImage,
    (width, height): (u32, u32),
    scaler: &mut Resizer,
) -> Result<Cow<'a, DynamicImage>, PictureError> {
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(Cow::Borrowed(picture));
    }
    let mut small = DynamicImage::new(width, height, picture.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    scaler.resize(picture, &mut small, &options).map_err(PictureError::Unscalable)?;
    Ok(Cow::Owned(small))
}

/// WebP with loss; alpha without.
fn encoded(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (picture.width(), picture.height());
    let encoder = match picture {
        DynamicImage::ImageRgba8(pixels) => webp::Encoder::from_rgba(pixels, width, height),
        DynamicImage::ImageRgb8(pixels) => webp::Encoder::from_rgb(pixels, width, height),
        other => return Err(PictureError::Unencodable(format!("{:?} is not eight bits per colour", other.color()))),
    };
    let quality = f32::from(quality.min(100));
    let file =
        encoder.encode_simple(false, quality).map_err(|error| PictureError::Unencodable(format!("{error:?}")))?;
    Ok(file.to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_clock_is_looked_at_between_steps() {
        let decoded =
            Decoded { picture: DynamicImage::new_rgb8(8, 8), orientation: Orientation::NoTransforms, profile: None };
        let wanted = Wanted { name: "small", width: 4, height: 4, quality: 80 };
        let made = |time| variant(&decoded, &mut Resizer::new(), wanted, Deadline::after(time));
        assert!(made(Duration::MAX).is_ok());
        assert!(matches!(made(Duration::ZERO), Err(PictureError::TimedOut)));
    }

    #[test]
    fn a_picture_is_fitted_into_its_room() {
        for (size, room, wanted) in [
            ((4_000, 3_000), (400, 400), (400, 300)),
            ((3_000, 4_000), (400, 400), (300, 400)),
            ((4_000, 3_000), (400, 100), (133, 100)),
            ((400, 300), (400, 300), (400, 300)),
            ((40, 30), (400, 400), (40, 30)),
            ((40, 3_000), (400, 400), (5, 400)),
            ((10_000, 1), (100, 100), (100, 1)),
            ((1, 10_000), (100, 100), (1, 100)),
            ((16_383, 16_383), (1, 16_383), (1, 1)),
            ((100, 100), (0, 0), (1, 1)),
        ] {
            assert_eq!(fitted(size, room), wanted, "{size:?} in {room:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_fitted_is_in_the_room_and_no_larger(
            size in (1_u32..=65_535, 1_u32..=65_535), room in (1_u32..=20_000, 1_u32..=20_000)
        ) {
            let (width, height) = fitted(size, room);
            prop_assert!((1..=room.0.min(size.0)).contains(&width), "{width}");
            prop_assert!((1..=room.1.min(size.1)).contains(&height), "{height}");
            // The proportions are right to within the rounding of one side, or a side is one pixel.
            let skew = (f64::from(width) * f64::from(size.1) - f64::from(height) * f64::from(size.0)).abs();
            let pixel = f64::from(size.0.max(size.1));
            prop_assert!(skew <= pixel * 0.5 + 1.0 || width == 1 || height == 1, "{width} x {height}");
        }
    }
}
