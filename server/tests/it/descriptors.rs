//! The program where the system allows few file descriptors.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::test_database;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::running::{Running, entrepot, folder};

/// No test waits longer than this for something that must happen.
const AT_LAST: Duration = Duration::from_secs(60);

/// The program, started by a shell that sets its limits first.
fn limited(data: &Path, database_url: &str, limits: &str) -> Command {
    let program = entrepot(data, &[]);
    let mut command = Command::new("/bin/sh");
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.arg("-c").arg(format!("{limits}; exec \"$0\" \"$@\"")).arg(program.get_program()).args(program.get_args());
    command.env("DATABASE_URL", database_url);
    command
}

/// The number of connections that a program says it has room for.
fn room(running: &Running) -> usize {
    let told = running.logged(|entry| entry["level"] == "warn" && entry.to_string().contains("descriptors"));
    let told = told.unwrap_or_else(|| panic!("nothing is said of descriptors: {:?}", running.log()));
    let connections = told["connections"].as_u64().unwrap_or_else(|| panic!("no number of connections: {told}"));
    usize::try_from(connections).expect("a small one")
}

/// Asks on a connection that stays open, and expects a 200.
async fn is_answered(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes()).await.expect("sent");
    let mut told = Vec::new();
    let read = async {
        while !told.ends_with(b"}") {
            told.push(stream.read_u8().await.expect("an answer"));
        }
    };
    tokio::time::timeout(AT_LAST, read).await.expect("it is answered at last");
    let told = String::from_utf8_lossy(&told);
    assert!(told.starts_with("HTTP/1.1 200"), "{path}: {told}");
}

#[tokio::test]
async fn with_few_descriptors_it_takes_fewer_connections_and_goes_on_working() {
    let (database, folder) = (test_database(MIGRATIONS).await, folder());
    let mut command = limited(folder.path(), &database.url(), "ulimit -n 256");
    // It is not time that makes room, nor has one address a share.
    command.env("ENTREPOT_SERVER_HEADER_TIMEOUT_MS", "600000").env("ENTREPOT_SERVER_CONNECTIONS_PER_ADDRESS", "10000");
    let running = Running::start(command);
    let room = room(&running);
    assert!((32..256).contains(&room), "{room} connections with 256 descriptors");

    let address = running.client.address();
    let mut first = TcpStream::connect(address).await.expect("connected");
    is_answered(&mut first, "/health/live").await;
    let mut idle = Vec::new();
    for _ in 0..room + 64 {
        idle.push(TcpStream::connect(address).await.expect("connected, by the kernel"));
    }
    // What takes a place takes it before this is answered, and there is something left to work with.
    for path in ["/health/live", "/health/ready", "/health/live"] {
        is_answered(&mut first, path).await;
    }
    let mut next = TcpStream::connect(address).await.expect("connected, by the kernel");
    drop(idle);
    is_answered(&mut next, "/health/live").await;
    is_answered(&mut first, "/health/ready").await;
    let log = running.log();
    assert!(!log.iter().any(|line| line.contains("a connection could not be taken")), "{log:?}");
}

#[tokio::test]
async fn a_soft_limit_is_raised_to_the_hard_one() {
    let (database, folder) = (test_database(MIGRATIONS).await, folder());
    let command = limited(folder.path(), &database.url(), "ulimit -S -n 1024; ulimit -H -n 4096");
    let running = Running::start(command);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).expect("it runs");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a line of files");
    let files: Vec<&str> = files.split_whitespace().take(2).collect();
    assert_eq!(files, ["4096", "4096"], "{limits}");
    // It knows what it has got.
    assert!(room(&running) > 1_024, "{:?}", running.log());
}
