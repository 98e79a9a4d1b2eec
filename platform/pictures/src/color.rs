//! From the colours of a camera to those of the web: sRGB.
//!
//! What is made carries no profile, so a picture in Display P3 or Adobe RGB would be shown too pale. It is
//! converted, once it is small.
//!
//! **Invariant:** a profile that is damaged, or of another kind than the pixels, changes nothing: the picture
//! is taken for sRGB.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// A profile for RGB is far smaller.
const LARGEST_PROFILE: usize = 1024 * 1024;

/// The picture in sRGB with eight bits per colour, with alpha if it had any.
pub(crate) fn to_srgb(picture: &DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    let (plain, layout) = if picture.color().has_alpha() {
        (DynamicImage::ImageRgba8(picture.to_rgba8()), Layout::Rgba)
    } else {
        (DynamicImage::ImageRgb8(picture.to_rgb8()), Layout::Rgb)
    };
    profile.and_then(|profile| converted(&plain, layout, profile)).unwrap_or(plain)
}

fn converted(plain: &DynamicImage, layout: Layout, profile: &[u8]) -> Option<DynamicImage> {
    if profile.len() > LARGEST_PROFILE {
        return None;
    }
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()).ok()?;
    let mut pixels = vec![0; plain.as_bytes().len()];
    transform.transform(plain.as_bytes(), &mut pixels).ok()?;
    let (width, height) = (plain.width(), plain.height());
    match layout {
        Layout::Rgba => image::RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
        _ => image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    }
}
