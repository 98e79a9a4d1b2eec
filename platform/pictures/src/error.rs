//! What is wrong with a picture, in words that whoever uploaded it may be shown.
//!
//! **Invariant:** which limit was exceeded, and by how much where that is known, is in the error itself.

use crate::header::Format;

/// Why there are no variants of a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file is too large.
    #[error("the file has {bytes} bytes; {most} are the most")]
    TooManyBytes {
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
    /// It is none of the formats.
    #[error("this is not a JPEG, a PNG, a WebP or a GIF")]
    UnknownFormat,
    /// It is not what its format demands.
    #[error("the {format} is broken: {what}")]
    Malformed {
        /// What it begins as.
        format: Format,
        /// What is wrong.
        what: &'static str,
    },
    /// It has too many pixels, or a side is too long.
    #[error("the picture has {width} x {height} pixels, which are too many")]
    TooLarge {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// It needs too much memory.
    #[error("decoding the picture takes more than {most} bytes of memory")]
    TooMuchMemory {
        /// What it may take.
        most: u64,
    },
    /// It took too long.
    #[error("the picture could not be made in time")]
    TimedOut,
    /// It cannot be decoded: cut off, damaged, or of a rare kind.
    #[error("the picture cannot be decoded")]
    Undecodable(#[source] image::ImageError),
    /// It cannot be made smaller.
    #[error("the picture cannot be scaled")]
    Unscalable(#[source] fast_image_resize::ResizeError),
    /// It cannot be written as WebP.
    #[error("the picture cannot be written as WebP: {0}")]
    Unencodable(String),
}
