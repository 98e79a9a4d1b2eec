//! WebSocket frames (RFC 6455, section 5), and their compressed form (RFC 7692).
//!
//! Why not a library's: what a server sends is not masked, so a frame is the same bytes for every receiver.
//! Made once, it is shared by thousands; a library that frames each message for each socket cannot do that,
//! nor share a compressed form. And a socket that says nothing has no buffer here. See ADR 0012.
//!
//! **Invariants:**
//! - A frame from a client is masked, of a known kind, and no longer than it may be, or the socket ends with
//!   the code that the RFC has for it.
//! - A text is UTF-8 when it is handed on.
//! - What a compressed message becomes is bounded while it is unpacked, not afterwards.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Bytes of a message from a client at the most, unpacked.
pub(crate) const LARGEST_MESSAGE: usize = 64 * 1024;
/// Messages from here on are worth compressing.
pub(crate) const WORTH_IT: usize = 256;

/// What frames are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Kind {
    fn of(opcode: u8) -> Option<Self> {
        Some(match opcode {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Ping(Bytes),
    Pong,
    /// With the client's code, if it gave one.
    Close(Option<u16>),
}

/// Why a socket must end: a close code, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) u16, pub(crate) &'static str);

const PROTOCOL: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const NOT_UTF8: u16 = 1007;
const TOO_LARGE: u16 = 1009;

/// Appends a whole message as one frame, not masked, as a server sends it.
pub(crate) fn write(out: &mut Vec<u8>, kind: Kind, is_compressed: bool, payload: &[u8]) {
    let bits = 0x80 | if is_compressed { 0x40 } else { 0 } | kind as u8;
    out.push(bits);
    match payload.len() {
        length @ 0..=125 => out.push(u8::try_from(length).unwrap_or(0)),
        length @ 126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// A frame of its own.
pub(crate) fn frame(kind: Kind, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 10);
    write(&mut out, kind, false, payload);
    out.into()
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..reason.len().min(123)]);
    frame(Kind::Close, &payload)
}

/// Appends a text as a frame, compressed if that makes it smaller.
pub(crate) fn write_compressed(out: &mut Vec<u8>, text: &[u8]) {
    if text.len() >= WORTH_IT
        && let Some(packed) = deflate(text)
        && packed.len() < text.len()
    {
        write(out, Kind::Text, true, &packed);
    } else {
        write(out, Kind::Text, false, text);
    }
}

thread_local! {
    static PACKER: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(6), false));
}

/// A message as RFC 7692 (7.2.1) has it: deflated with nothing of earlier messages, its last four bytes left
/// out.
fn deflate(text: &[u8]) -> Option<Vec<u8>> {
    PACKER.with(|packer| {
        let mut packer = packer.borrow_mut();
        packer.reset();
        let mut out = Vec::with_capacity(text.len() / 2 + 64);
        loop {
            let read = usize::try_from(packer.total_in()).ok()?;
            packer.compress_vec(&text[read..], &mut out, FlushCompress::Sync).ok()?;
            if usize::try_from(packer.total_in()).ok()? == text.len() && out.len() < out.capacity() {
                break;
            }
            out.reserve(out.capacity());
        }
        out.ends_with(&[0, 0, 0xff, 0xff]).then(|| out.truncate(out.len() - 4))?;
        Some(out)
    })
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, Violation> {
    let mut unpacker = Decompress::new(false);
    let mut out = Vec::with_capacity((packed.len() * 4).clamp(256, LARGEST_MESSAGE + 1));
    let tail: [u8; 4] = [0, 0, 0xff, 0xff];
    let input: Vec<u8> = packed.iter().chain(&tail).copied().collect();
    loop {
        let read = usize::try_from(unpacker.total_in()).unwrap_or(usize::MAX);
        let before = out.len();
        let status = unpacker
            .decompress_vec(input.get(read..).unwrap_or_default(), &mut out, FlushDecompress::Sync)
            .map_err(|_| Violation(NOT_UTF8, "the message cannot be unpacked"))?;
        if out.len() > LARGEST_MESSAGE {
            return Err(Violation(TOO_LARGE, "the message is too large"));
        }
        let read_all = usize::try_from(unpacker.total_in()).unwrap_or(0) >= input.len();
        if status == Status::StreamEnd || (read_all && out.len() < out.capacity()) {
            return Ok(out);
        }
        if out.len() == before && out.len() < out.capacity() {
            return Err(Violation(NOT_UTF8, "the message cannot be unpacked"));
        }
        out.reserve(out.capacity().clamp(256, LARGEST_MESSAGE + 1));
    }
}

/// Reads what a client sends, whatever pieces it comes in.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Bytes of a frame that is not whole yet. Empty, and without a buffer, where nothing is under way.
    rest: Vec<u8>,
    /// A message whose last frame has not come: compressed or not, and its bytes.
    begun: Option<(bool, Vec<u8>)>,
    /// Whether compressed messages were agreed on.
    may_compress: bool,
}

impl Reader {
    pub(crate) fn new(may_compress: bool) -> Self {
        Self { may_compress, ..Self::default() }
    }

    /// Takes bytes and adds the messages that are whole to `messages`.
    pub(crate) fn push(&mut self, bytes: &[u8], messages: &mut Vec<Message>) -> Result<(), Violation> {
        if self.rest.is_empty() {
            let used = self.read(bytes, messages)?;
            if used < bytes.len() {
                self.rest = bytes[used..].to_vec();
            }
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let used = self.read(&all, messages)?;
        if used < all.len() {
            all.drain(..used);
            self.rest = all;
        }
        Ok(())
    }

    /// Reads whole frames; tells how many bytes those were.
    fn read(&mut self, bytes: &[u8], messages: &mut Vec<Message>) -> Result<usize, Violation> {
        let mut used = 0;
        while let Some((length, message)) = self.frame(&bytes[used..])? {
            used += length;
            messages.extend(message);
        }
        Ok(used)
    }

    fn frame(&mut self, bytes: &[u8]) -> Result<Option<(usize, Option<Message>)>, Violation> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        let kind = Kind::of(first & 0x0F).ok_or(Violation(PROTOCOL, "an unknown kind of frame"))?;
        let (is_last, is_compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        if first & 0x30 != 0 || (is_compressed && !(self.may_compress && matches!(kind, Kind::Text | Kind::Binary))) {
            return Err(Violation(PROTOCOL, "a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Violation(PROTOCOL, "a frame is not masked"));
        }
        let (length, at) = match second & 0x7F {
            126 => match bytes.get(2..4) {
                None => return Ok(None),
                Some(two) => (usize::from(u16::from_be_bytes([two[0], two[1]])), 4),
            },
            127 => match bytes.get(2..10).and_then(|eight| <[u8; 8]>::try_from(eight).ok()) {
                None => return Ok(None),
                Some(eight) => (usize::try_from(u64::from_be_bytes(eight)).unwrap_or(usize::MAX), 10),
            },
            short => (usize::from(short), 2),
        };
        if kind.is_control() && (length > 125 || !is_last) {
            return Err(Violation(PROTOCOL, "a control frame is too long or cut"));
        }
        let so_far = self.begun.as_ref().map_or(0, |(_, begun)| begun.len());
        if length > LARGEST_MESSAGE - so_far.min(LARGEST_MESSAGE) {
            return Err(Violation(TOO_LARGE, "the message is too large"));
        }
        let Some(mask) = bytes.get(at..at + 4) else { return Ok(None) };
        let Some(masked) = bytes.get(at + 4..at + 4 + length) else { return Ok(None) };
        let payload: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        Ok(Some((at + 4 + length, self.taken(kind, is_last, is_compressed, payload)?)))
    }

    fn taken(
        &mut self,
        kind: Kind,
        is_last: bool,
        is_compressed: bool,
        payload: Vec<u8>,
    ) -> Result<Option<Message>, Violation> {
        match kind {
            Kind::Ping => return Ok(Some(Message::Ping(payload.into()))),
            Kind::Pong => return Ok(Some(Message::Pong)),
            Kind::Close => {
                let code = match payload.as_slice() {
                    [] => None,
                    [_] => return Err(Violation(PROTOCOL, "half a close code")),
                    [high, low, reason @ ..] => {
                        let code = u16::from_be_bytes([*high, *low]);
                        let is_known = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                        if !is_known || std::str::from_utf8(reason).is_err() {
                            return Err(Violation(PROTOCOL, "a close frame that says nothing"));
                        }
                        Some(code)
                    }
                };
                return Ok(Some(Message::Close(code)));
            }
            Kind::Binary => return Err(Violation(UNSUPPORTED, "messages are text")),
            Kind::Text if self.begun.is_some() => return Err(Violation(PROTOCOL, "a message inside of another")),
            Kind::Text => self.begun = Some((is_compressed, payload)),
            Kind::Continuation => match &mut self.begun {
                None => return Err(Violation(PROTOCOL, "a continuation of nothing")),
                Some((_, begun)) => begun.extend_from_slice(&payload),
            },
        }
        if !is_last {
            return Ok(None);
        }
        let Some((is_compressed, bytes)) = self.begun.take() else { return Ok(None) };
        let bytes = if is_compressed { inflate(&bytes)? } else { bytes };
        let text = String::from_utf8(bytes).map_err(|_| Violation(NOT_UTF8, "a text is not UTF-8"))?;
        Ok(Some(Message::Text(text)))
    }
}

/// A frame as a client sends it, for clients and tests.
pub(crate) fn masked(kind: Kind, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(payload.len() + 14);
    write(&mut plain, kind, false, &[]);
    plain.truncate(1);
    let mut head = Vec::new();
    write(&mut head, kind, false, payload);
    let header = head.len() - payload.len();
    plain.extend_from_slice(&head[1..header]);
    plain[1] |= 0x80;
    plain.extend_from_slice(&mask);
    plain.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASK: [u8; 4] = [1, 2, 3, 250];

    fn read(pieces: &[&[u8]], may_compress: bool) -> Result<Vec<Message>, Violation> {
        let mut reader = Reader { may_compress, ..Reader::default() };
        let mut messages = Vec::new();
        for piece in pieces {
            reader.push(piece, &mut messages)?;
        }
        assert!(reader.rest.is_empty() && reader.begun.is_none(), "something is left");
        Ok(messages)
    }

    fn set(mut frame: Vec<u8>, bits: u8) -> Vec<u8> {
        frame[0] = bits;
        frame
    }

    #[test]
    fn a_message_may_come_in_several_frames_with_a_ping_between() {
        let pieces = [
            set(masked(Kind::Text, MASK, b"{\"ty"), 0x01),
            masked(Kind::Ping, MASK, b"?"),
            set(masked(Kind::Continuation, MASK, b"pe\""), 0x00),
            masked(Kind::Continuation, MASK, b":1}"),
        ];
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let wanted = vec![Message::Ping(Bytes::from_static(b"?")), Message::Text("{\"type\":1}".to_owned())];
        assert_eq!(read(&pieces, false), Ok(wanted));
    }

    #[test]
    fn what_is_against_the_rules_ends_with_its_code() {
        let mut unmasked = Vec::new();
        write(&mut unmasked, Kind::Text, false, b"x");
        let huge = [0x81, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
        for (bytes, code) in [
            (unmasked, 1002),
            (set(masked(Kind::Text, MASK, b"x"), 0x83), 1002),
            (set(masked(Kind::Text, MASK, b"x"), 0xA1), 1002),
            (set(masked(Kind::Text, MASK, b"x"), 0xC1), 1002),
            (set(masked(Kind::Ping, MASK, b"x"), 0x09), 1002),
            (masked(Kind::Ping, MASK, &[0; 126]), 1002),
            (masked(Kind::Continuation, MASK, b"x"), 1002),
            (masked(Kind::Close, MASK, &[3]), 1002),
            (masked(Kind::Close, MASK, &1005_u16.to_be_bytes()), 1002),
            (masked(Kind::Binary, MASK, b"x"), 1003),
            (masked(Kind::Text, MASK, &[0xFF, 0xFE]), 1007),
            (masked(Kind::Text, MASK, &vec![b'x'; LARGEST_MESSAGE + 1]), 1009),
            (huge.to_vec(), 1009),
        ] {
            assert_eq!(read(&[&bytes], false).map_err(|violation| violation.0), Err(code), "{:02x?}", &bytes[..2]);
        }
        let begun = set(masked(Kind::Text, MASK, b"x"), 0x01);
        let mut reader = Reader::default();
        reader.push(&begun, &mut Vec::new()).expect("it may go on");
        assert_eq!(reader.push(&begun, &mut Vec::new()).map_err(|violation| violation.0), Err(1002));
    }

    #[test]
    fn a_bomb_is_refused_while_it_is_unpacked() {
        let packed = deflate(&vec![b'x'; 50_000_000]).expect("packed");
        assert!(packed.len() < LARGEST_MESSAGE, "{}", packed.len());
        let frame = set(masked(Kind::Text, MASK, &packed), 0xC1);
        assert_eq!(read(&[&frame], true).map_err(|violation| violation.0), Err(1009));
        let rubbish = set(masked(Kind::Text, MASK, &[0xFF; 40]), 0xC1);
        assert_eq!(read(&[&rubbish], true).map_err(|violation| violation.0), Err(1007));
    }

    proptest! {
        #[test]
        fn texts_survive_whatever_pieces_they_come_in(text in "\\PC{0,300}", mask: [u8; 4], cut in 0_usize..400) {
            let frame = masked(Kind::Text, mask, text.as_bytes());
            let (head, tail) = frame.split_at(cut.min(frame.len()));
            prop_assert_eq!(read(&[head, tail], false), Ok(vec![Message::Text(text)]));
        }

        #[test]
        fn compressed_texts_survive(text in "[a-f]{0,2000}") {
            let packed = deflate(text.as_bytes()).expect("packed");
            let frame = set(masked(Kind::Text, MASK, &packed), 0xC1);
            prop_assert_eq!(read(&[&frame], true), Ok(vec![Message::Text(text)]));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), may_compress: bool) {
            let mut reader = Reader { may_compress, ..Reader::default() };
            let _read_or_refused = reader.push(&bytes, &mut Vec::new());
        }
    }
}
