//! From bytes to pixels.
//!
//! **Invariants:**
//! - The memory that decoding takes is reckoned before any of it is asked for: pixels by their number, and what is
//!   not pixels by what `metadata` lets through and `INFLATED_BYTES`.
//! - What a decoder makes room for is what the header said: it is asked for its own reading before it begins.

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError};

use crate::header::{self, Format, Header, Looked};
use crate::limits::{Deadline, Timed};
use crate::metadata::{self, Kept};
use crate::{Limits, PictureError, webp};

/// Pixels, and what is to be done with them.
pub(crate) struct Decoded {
    pub(crate) picture: DynamicImage,
    pub(crate) orientation: Orientation,
    /// What its colours mean: an ICC profile.
    pub(crate) profile: Option<Vec<u8>>,
}

/// One picture on its way.
struct Attempt<'a> {
    looked: Looked,
    header: Header,
    limits: &'a Limits,
    deadline: Deadline,
    asks_profile: bool,
    asks_camera: bool,
}

/// Decodes a picture whose header was read.
pub(crate) fn decode(
    bytes: &[u8],
    looked: Looked,
    header: Header,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Decoded, PictureError> {
    let bytes = match looked.format {
        // The decoder fills what is missing with grey.
        Format::Jpeg if header::is_jpeg_cut(bytes, header) => Err("it is cut off"),
        Format::WebP => webp::body(bytes),
        _ => Ok(bytes),
    };
    let bytes = bytes.map_err(|what| PictureError::Malformed { format: looked.format, what })?;
    let Kept { bytes, profile, camera } = metadata::kept(looked.format, bytes);
    let attempt = Attempt { looked, header, limits, deadline, asks_profile: profile, asks_camera: camera };
    let failed = |error| attempt.failed(error);
    let timed = Timed::new(&bytes, deadline);
    match looked.format {
        Format::Jpeg => attempt.read(JpegDecoder::new(timed).map_err(failed)?),
        // It reads texts and inflates a profile at once.
        Format::Png => attempt.read(PngDecoder::with_limits(timed, attempt.png_room()).map_err(failed)?),
        Format::WebP => attempt.read(WebPDecoder::new(timed).map_err(failed)?),
        Format::Gif => attempt.read(GifDecoder::new(timed).map_err(failed)?),
    }
}

impl Attempt<'_> {
    fn read(&self, mut decoder: impl ImageDecoder) -> Result<Decoded, PictureError> {
        if decoder.dimensions() != (self.looked.width, self.looked.height) {
            // No file is known of which this is so.
            let what = "it can be read in two ways";
            return Err(PictureError::Malformed { format: self.looked.format, what });
        }
        let most = self.limits.memory_bytes;
        let left = most.checked_sub(self.needed_bytes(&decoder)).ok_or(PictureError::TooMuchMemory { most })?;
        // Of GIF: a frame that is larger than the screen is not in the reckoning.
        decoder.set_limits(self.room(left + self.working_bytes())).map_err(|error| self.failed(error))?;
        let orientation = match self.asks_camera {
            true => decoder.orientation().map_err(|error| self.failed(error))?,
            false => Orientation::NoTransforms,
        };
        let profile = match self.asks_profile {
            true => decoder.icc_profile().map_err(|error| self.failed(error))?,
            false => None,
        };
        let picture = DynamicImage::from_decoder(decoder).map_err(|error| self.failed(error))?;
        self.deadline.check()?;
        Ok(Decoded { picture, orientation, profile })
    }

    /// The pixels, and the larger of what decoding takes besides and of what scaling does: where there is
    /// alpha, a copy in which the colours are multiplied by it.
    fn needed_bytes(&self, decoder: &impl ImageDecoder) -> u64 {
        let pixels = decoder.total_bytes();
        let scaling = if decoder.color_type().has_alpha() { pixels } else { 0 };
        pixels.saturating_add(self.working_bytes().max(scaling))
    }

    fn working_bytes(&self) -> u64 {
        let Header { width, height, extra_bytes_per_pixel, .. } = self.header;
        (u64::from(width) * u64::from(height)).saturating_mul(extra_bytes_per_pixel)
    }

    /// What the decoder of PNG may have besides the pixels: one line of them, of up to 8 bytes each, and what is
    /// no pixels.
    fn png_room(&self) -> image::Limits {
        let line = u64::from(self.header.width) * 8;
        self.room(self.limits.memory_bytes.min(metadata::INFLATED_BYTES + line))
    }

    /// The limits as the decoders know them.
    fn room(&self, bytes: u64) -> image::Limits {
        let mut room = image::Limits::no_limits();
        room.max_image_width = Some(self.limits.side);
        room.max_image_height = Some(self.limits.side);
        room.max_alloc = Some(bytes);
        room
    }

    fn failed(&self, error: ImageError) -> PictureError {
        match error {
            _ if self.deadline.has_passed() => PictureError::TimedOut,
            ImageError::Limits(_) => PictureError::TooMuchMemory { most: self.limits.memory_bytes },
            error => PictureError::Undecodable(error),
        }
    }
}
