//! A go-between before PostgreSQL that counts what passes.
//!
//! **Invariant:** every byte goes on as it came; only whole messages are counted, those of the handshake not at all.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// When nothing more comes of what was asked.
const QUIET: Duration = Duration::from_millis(80);

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Statements that were executed; those that only were prepared are none.
    pub(crate) statements: u64,
    /// How often the database was to answer: what is sent in one go counts for each answer, as when it is answered and
    /// when the next is sent is a matter of chance.
    pub(crate) round_trips: u64,
    /// Rows that came back.
    pub(crate) rows: u64,
}

/// The go-between. It ends with the runtime of its test.
pub(crate) struct Wire {
    passed: Arc<Mutex<Passed>>,
    _folder: tempfile::TempDir,
}

impl Wire {
    /// One before the server whose address this is; and the address by which it is reached.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let (before, rest) = url.split_once("?host=").expect("the tests' server listens on a socket");
        let (socket, user) = rest.split_once('&').expect("a user");
        let folder = crate::running::folder();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let passed = Arc::<Mutex<Passed>>::default();
        let server = PathBuf::from(socket).join(".s.PGSQL.5432");
        let counting = passed.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&server).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                let connection = Arc::new(Connection { passed: counting.clone(), executes: AtomicBool::new(false) });
                let asks = connection.clone();
                tokio::spawn(pass(from_client, to_server, true, move |kind| asks.asked(kind)));
                tokio::spawn(pass(from_server, to_client, false, move |kind| connection.answered(kind)));
            }
        });
        let url = format!("{before}?host={}&{user}", folder.path().display());
        (Self { passed, _folder: folder }, url)
    }

    /// Waits until nothing has passed for a while: what was asked before may have had work done behind it.
    pub(crate) async fn quiet(&self) {
        let mut before = *lock(&self.passed);
        loop {
            tokio::time::timeout(QUIET, std::future::pending::<()>()).await.expect_err("it only waits");
            let now = *lock(&self.passed);
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// What passed since it was asked last.
    pub(crate) fn take(&self) -> Passed {
        std::mem::take(&mut *lock(&self.passed))
    }
}

struct Connection {
    passed: Arc<Mutex<Passed>>,
    /// Whether something was executed since the last Sync.
    executes: AtomicBool,
}

impl Connection {
    fn asked(&self, kind: u8) {
        let mut passed = lock(&self.passed);
        // Query and Execute.
        passed.statements += u64::from(matches!(kind, b'Q' | b'E'));
        // Query, and a Sync behind an Execute: what only prepares or forgets a statement is done once a connection.
        let ends = match kind {
            b'E' => {
                self.executes.store(true, Ordering::Relaxed);
                false
            }
            b'S' => self.executes.swap(false, Ordering::Relaxed),
            _ => kind == b'Q',
        };
        passed.round_trips += u64::from(ends);
    }

    fn answered(&self, kind: u8) {
        lock(&self.passed).rows += u64::from(kind == b'D');
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what comes, and tells the kind of each message that has a kind.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, has_start: bool, tell: impl Fn(u8)) {
    let mut waiting = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    // A client's first message has a length and no kind.
    let mut is_start = has_start;
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        waiting.extend_from_slice(&chunk[..count]);
        loop {
            let kind = usize::from(!is_start);
            let Some(length) = waiting.get(kind..kind + 4) else { break };
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize + kind;
            if waiting.len() < length {
                break;
            }
            if !is_start {
                tell(waiting[0]);
            }
            is_start = false;
            waiting.drain(..length);
        }
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}
