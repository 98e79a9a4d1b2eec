//! Real programs beside the server under test, each on a port of its own, and impostors that listen
//! where a program should.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A TCP port on loopback that nobody listens on at this moment.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A real Redis that keeps nothing on disk; it ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one and returns when it takes connections.
    ///
    /// # Panics
    /// When `redis-server` is not installed (`script/bootstrap` installs it) or does not start.
    #[must_use]
    pub fn start() -> Self {
        // A port that is free now may be somebody else's a moment later.
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let child = Self::spawn(folder.path(), port);
            let mut server = Self { child, port, folder };
            if server.is_ready() {
                return server;
            }
        }
        panic!("redis-server found no port of its own in twenty attempts");
    }

    /// Something that takes connections where a Redis should be, and answers everything with nonsense.
    #[must_use]
    pub fn rubbish() -> Impostor {
        Impostor::start(true)
    }

    /// Something that takes connections where a Redis should be, and never answers.
    #[must_use]
    pub fn hanging() -> Impostor {
        Impostor::start(false)
    }

    fn spawn(folder: &Path, port: u16) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; script/bootstrap does it")
    }

    /// Waits until it listens, it and not another that was given the same port at the same moment; tells
    /// whether it came to that.
    fn is_ready(&mut self) -> bool {
        for _ in 0..500 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                let told = self.ask(&[b"INFO", b"server"]).pop().unwrap_or_default();
                let own = format!("process_id:{}\r\n", self.child.id());
                return String::from_utf8_lossy(&told).contains(&own);
            }
            #[expect(clippy::disallowed_methods, reason = "another program's port can only be polled")]
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen on port {} after 5 s", self.port);
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        address(self.port)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, empty, after it was killed.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.child = Self::spawn(self.folder.path(), self.port);
        assert!(self.is_ready(), "redis-server cannot have its port {} again", self.port);
    }

    /// Stops it half-way: it takes connections and does not answer.
    ///
    /// # Panics
    /// When it cannot be stopped.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    ///
    /// # Panics
    /// When it has ended meanwhile.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}: {sent}");
    }

    /// Has it lose everything.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn flush(&self) {
        self.ask(&[b"FLUSHALL"]);
    }

    /// The names of all its keys, sorted.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.ask(&[b"KEYS", b"*"]).into_iter().map(|key| String::from_utf8(key).unwrap()).collect();
        keys.sort();
        keys
    }

    /// What is stored under a key, as it lies there: for putting it back later, as an old dump would.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn dump(&self, key: &str) -> Option<Vec<u8>> {
        self.ask(&[b"GET", key.as_bytes()]).pop()
    }

    /// Stores such bytes under a key, whatever lay there.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn restore(&self, key: &str, bytes: &[u8]) {
        self.ask(&[b"SET", key.as_bytes(), bytes]);
    }

    /// How long a key has still to live, in milliseconds; -1 for ever, -2 when there is none.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn ttl_ms(&self, key: &str) -> i64 {
        let answer = self.ask(&[b"PTTL", key.as_bytes()]).pop().unwrap();
        String::from_utf8(answer).unwrap().parse().unwrap()
    }

    /// Sends one command on a connection of its own and returns the texts of its answer.
    fn ask(&self, words: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend(*word);
            command.extend(b"\r\n");
        }
        stream.write_all(&command).unwrap();
        let mut texts = Vec::new();
        read_answer(&mut BufReader::new(stream), &mut texts);
        texts
    }
}

/// One answer in Redis' protocol: what it holds goes to `texts`, in order; nothing for a null.
fn read_answer(from: &mut BufReader<TcpStream>, texts: &mut Vec<Vec<u8>>) {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let (kind, rest) = line.trim_end().split_at(1);
    match kind {
        "+" | ":" => texts.push(rest.as_bytes().to_vec()),
        "$" => {
            if let Ok(length) = rest.parse::<usize>() {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes).unwrap();
                bytes.truncate(length);
                texts.push(bytes);
            }
        }
        "*" => {
            for _ in 0..rest.parse().unwrap_or(0) {
                read_answer(from, texts);
            }
        }
        _ => panic!("Redis answered {line:?}"),
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _already_killed = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}

/// Something that listens where a program should; it ends with this value.
#[derive(Debug)]
pub struct Impostor {
    port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Impostor {
    fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let ended = ended.clone();
            move || {
                // Kept open to the end, so that nobody takes them for refused.
                let mut silent = Vec::new();
                for stream in listener.incoming().flatten() {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    if answers {
                        std::thread::spawn(move || answer_with_nonsense(stream));
                    } else {
                        silent.push(stream);
                    }
                }
            }
        });
        Self { port, ended, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        address(self.port)
    }
}

fn answer_with_nonsense(mut stream: TcpStream) {
    let mut heard = [0; 4_096];
    while stream.read(&mut heard).is_ok_and(|length| length > 0) {
        if stream.write_all(b"!\xff\x00 this is no answer at all\r\n").is_err() {
            return;
        }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for a connection: one more wakes it.
        let _wakes_it = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _already_ended = thread.join();
        }
    }
}

fn address(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/0")
}
