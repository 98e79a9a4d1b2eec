//! The other end of a WebSocket, as small as can be: for `entrepot verify live` and the benchmarks, which
//! hold thousands of them. Tests use clients that others wrote.

use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frame::{Kind, masked};

const LONGEST_HEAD: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: BytesMut,
}

/// What the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text.
    Text(String),
    /// It closes, with this code.
    Close(u16),
}

impl Client {
    /// Opens a WebSocket at this address and path.
    ///
    /// # Errors
    /// When it cannot be, or the server answers with something else.
    pub async fn open(address: SocketAddr, path: &str) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZW50cmVwb3QtdmVyaWZ5IQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = BytesMut::new();
        loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                if !buffer.starts_with(b"HTTP/1.1 101 ") {
                    let head = String::from_utf8_lossy(&buffer[..end.min(200)]).into_owned();
                    return Err(std::io::Error::other(format!("no WebSocket: {head}")));
                }
                buffer.advance(end + 4);
                return Ok(Self { stream, buffer });
            }
            if buffer.len() > LONGEST_HEAD || stream.read_buf(&mut buffer).await? == 0 {
                return Err(std::io::Error::other("the server ended the connection"));
            }
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(&masked(Kind::Text, [7, 7, 7, 7], text.as_bytes())).await
    }

    /// The next text or close; pings are answered on the way. May be dropped and called again.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn next(&mut self) -> std::io::Result<Incoming> {
        loop {
            while let Some((kind, payload)) = self.take() {
                match kind {
                    0x1 => return Ok(Incoming::Text(String::from_utf8_lossy(&payload).into_owned())),
                    0x8 => {
                        let code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                        return Ok(Incoming::Close(code));
                    }
                    0x9 => self.stream.write_all(&masked(Kind::Pong, [7, 7, 7, 7], &payload)).await?,
                    _ => {}
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// A whole frame that has come, if there is one.
    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, length) = header(&self.buffer)?;
        if self.buffer.len() < head + length {
            return None;
        }
        let kind = self.buffer[0] & 0x0F;
        self.buffer.advance(head);
        let payload = self.buffer.split_to(length).to_vec();
        Some((kind, payload))
    }

    /// The stream itself, for those who only count, and what was read of it already.
    #[must_use]
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.buffer)
    }
}

/// Lengths of a server's frame's head and payload, once its head has come.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(1)? & 0x7F {
        126 => Some((4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])))),
        127 => {
            let eight: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
            Some((10, usize::try_from(u64::from_be_bytes(eight)).ok()?))
        }
        short => Some((2, usize::from(short))),
    }
}
