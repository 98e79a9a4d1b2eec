//! A file whose lines end in any way, read as one whose lines end in `\n`.
//!
//! **Invariant:** the lines are those that RFC 4180 and editors count: `\r\n`, `\n` and `\r` each end one.

use std::io::{self, Read};

/// A reader that gives `\n` for `\r\n` and for `\r`.
#[derive(Debug)]
pub struct LineEnds<R> {
    inner: R,
    /// Whether the last byte was a `\r`: a `\n` behind it belongs to it.
    is_behind_return: bool,
}

impl<R> LineEnds<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, is_behind_return: false }
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.inner.read(buffer)?;
            let read = buffer.get_mut(..count).unwrap_or_default();
            let mut kept = 0;
            for at in 0..read.len() {
                let byte = read[at];
                let belongs = byte == b'\n' && self.is_behind_return;
                self.is_behind_return = byte == b'\r';
                if !belongs {
                    read[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // No byte at all would be the end.
            if count == 0 || kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at once.
    struct Slowly<'b>(&'b [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn each_end_of_a_line_is_one() {
        for (text, wanted) in [
            ("a\rb\r", "a\nb\n"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\nb", "a\nb"),
            ("a\n\rb", "a\n\nb"),
            ("a\r\r\nb", "a\n\nb"),
            ("\r\n", "\n"),
            ("", ""),
        ] {
            for at_once in [1, 2, 3, 100] {
                let mut read = String::new();
                LineEnds::new(Slowly(text.as_bytes(), at_once)).read_to_string(&mut read).expect("read");
                assert_eq!(read, wanted, "{text:?}, {at_once} at once");
            }
        }
    }
}
