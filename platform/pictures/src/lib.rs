//! Pictures that somebody uploads, made into small ones that everybody may see: WebP, upright, in sRGB, with
//! nothing of the original but its pixels.
//!
//! Everything about an uploaded file is a claim by a stranger. So it is known by its first bytes, never by its
//! name; what it claims to need is judged before it gets it; and none of it but pixels goes into what is made.
//! Nothing here does I/O, and nothing waits: callers run it on a thread for blocking work, one picture at a
//! time for as much memory as they have.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`header`](look) | format and size, from the first bytes |
//! | `webp` | the same for WebP, whose size is in several places |
//! | [`limits`](Limits) | how much a picture may take |
//! | `metadata` | what is not pixels, held to a size |
//! | `decode` | from bytes to pixels, within the limits |
//! | `color` | from the colours of a camera to those of the web |
//! | [`make`](make()) | smaller ones |
//! | [`error`](PictureError) | what is wrong with a picture |
//!
//! **Invariants:**
//! - No pixel has memory before the size of all of them is known and within [`Limits`].
//! - What is not pixels is held to a size before a decoder has it: texts and profiles that inflate are no bombs.
//! - What is made has no metadata: no EXIF, so no place where it was taken, and no profile.
//! - What is made fits into what was wanted, and is never larger than the picture.
//! - Bytes of any kind give a picture or an error.

mod color;
mod decode;
mod error;
mod header;
mod limits;
mod make;
mod metadata;
mod webp;

pub use error::PictureError;
pub use header::{Format, Looked, look};
pub use limits::Limits;
pub use make::{Variant, Wanted, make};
