//! How much a picture may take: bytes, pixels, memory and time.
//!
//! **Invariant:** whoever reads the bytes of a picture through [`Timed`] gets no more of them once the time is
//! up. Between two reads, and between two steps, a decoder is bounded by the pixels alone.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use crate::PictureError;

/// Bytes that are read without a look at the clock.
const PIECE: usize = 16 * 1024;

/// What one picture may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Pixels in all: width times height.
    pub pixels: u64,
    /// Pixels of the longer side.
    pub side: u32,
    /// Bytes of memory for decoding and scaling, as far as they depend on the pixels. On top come the file and up
    /// to three copies of it; at most 8 MiB for what is not pixels, whatever it inflates to; and what a variant
    /// takes: some 30 bytes for each pixel of the largest.
    pub memory_bytes: u64,
    /// From the beginning to the last variant. It is looked at between steps and, but for JPEG, while bytes are
    /// read, so a picture may take somewhat longer.
    pub time: Duration,
}

impl Default for Limits {
    /// What cameras and telephones make: 20 MiB and 50 megapixels; 512 MiB of memory and 20 seconds.
    fn default() -> Self {
        Self {
            bytes: 20 * 1024 * 1024,
            pixels: 50_000_000,
            side: 16_383,
            memory_bytes: 512 * 1024 * 1024,
            time: Duration::from_secs(20),
        }
    }
}

/// When the time is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// `None` when that is beyond all time.
    at: Option<Instant>,
}

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self { at: Instant::now().checked_add(time) }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    pub(crate) fn check(self) -> Result<(), PictureError> {
        if self.has_passed() { Err(PictureError::TimedOut) } else { Ok(()) }
    }
}

/// Bytes that end with an error when the time is up.
pub(crate) struct Timed<'a> {
    bytes: Cursor<&'a [u8]>,
    deadline: Deadline,
}

impl<'a> Timed<'a> {
    pub(crate) fn new(bytes: &'a [u8], deadline: Deadline) -> Self {
        Self { bytes: Cursor::new(bytes), deadline }
    }

    fn check(&self) -> io::Result<()> {
        if self.deadline.has_passed() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let room = buffer.len().min(PIECE);
        self.bytes.read(&mut buffer[..room])
    }
}

impl BufRead for Timed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        let left = self.bytes.fill_buf()?;
        Ok(&left[..left.len().min(PIECE)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }
}

impl Seek for Timed<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_pieces_until_the_time_is_up() {
        let bytes = vec![7; PIECE * 2 + 1];
        let mut read = Vec::new();
        Timed::new(&bytes, Deadline::after(Duration::MAX)).read_to_end(&mut read).expect("there is time");
        assert_eq!(read, bytes);
        let mut timed = Timed::new(&bytes, Deadline::after(Duration::MAX));
        assert_eq!(timed.fill_buf().expect("there is time").len(), PIECE);

        let mut late = Timed::new(&bytes, Deadline::after(Duration::ZERO));
        assert_eq!(late.fill_buf().expect_err("too late").kind(), io::ErrorKind::TimedOut);
        assert_eq!(late.read(&mut [0; 4]).expect_err("too late").kind(), io::ErrorKind::TimedOut);
    }
}
