//! A server that has no slot for one more connection, which it says with SQLSTATE 53300.
//!
//! What refuses is a stand-in in front of the real server: the tests' own user is a superuser, for whom PostgreSQL
//! keeps slots free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entrepot_pg::tokio_postgres::Config;
use entrepot_pg::tokio_postgres::config::Host;
use entrepot_pg::{Database, DatabaseSettings, Error};
use entrepot_testkit::{TestDatabase, bare_database};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// A server that refuses so many connections for want of a slot, and leads the others to the real one.
struct Crowded {
    address: Config,
    attempts: Arc<AtomicUsize>,
    /// How many were being opened at once, at the most.
    most_at_once: Arc<AtomicUsize>,
}

impl Crowded {
    async fn start(test: &TestDatabase, refusals: usize) -> Self {
        let socket = match test.address.get_hosts() {
            [Host::Unix(folder), ..] => {
                folder.join(format!(".s.PGSQL.{}", test.address.get_ports().first().unwrap_or(&5_432)))
            }
            other => panic!("the tests' server listens on a socket, not {other:?}"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let mut address = Config::new();
        address.host("127.0.0.1").port(listener.local_addr().expect("bound").port());
        address.user(test.address.get_user().expect("a user")).dbname(test.address.get_dbname().expect("a name"));
        let (attempts, at_once, most_at_once) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (counted, most) = (attempts.clone(), most_at_once.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let is_refused = counted.fetch_add(1, Ordering::SeqCst) < refusals;
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (socket, at_once) = (socket.clone(), at_once.clone());
                #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
                tokio::spawn(async move {
                    // Whoever is there too has come by now.
                    tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>())
                        .await
                        .expect_err("it only waits");
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    if is_refused {
                        refuse(stream).await;
                    } else {
                        let mut real = UnixStream::connect(socket).await.expect("the real one");
                        let _closed = tokio::io::copy_bidirectional(&mut stream, &mut real).await;
                    }
                });
            }
        });
        Self { address, attempts, most_at_once }
    }

    fn database(&self, connect_timeout: Duration) -> Database {
        let settings = DatabaseSettings {
            address: self.address.clone(),
            pool_min: 0,
            pool_max: 10,
            idle_timeout: Duration::from_secs(30),
            connect_timeout,
            query_timeout: Duration::from_secs(30),
            pipeline_connections: 1,
        };
        Database::new(settings).expect("the settings leave a connection")
    }
}

/// Reads the startup message and answers it as PostgreSQL does when it is full.
async fn refuse(mut stream: TcpStream) {
    let length = stream.read_u32().await.expect("a startup message");
    let mut startup = vec![0; length as usize - 4];
    stream.read_exact(&mut startup).await.expect("a startup message");
    let fields = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0";
    let length = u32::try_from(fields.len() + 4).expect("a short one");
    let answer = [&b"E"[..], &length.to_be_bytes(), fields].concat();
    stream.write_all(&answer).await.expect("answered");
}

#[tokio::test]
async fn a_connection_is_tried_again_until_there_is_a_slot() {
    let test = bare_database().await;
    let crowded = Crowded::start(&test, 5).await;
    let database = crowded.database(Duration::from_secs(30));
    let client = database.client().await.expect("there is a slot at last");
    client.query_one("SELECT 1", &[]).await.expect("it leads to the server");
    assert_eq!(crowded.attempts.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn whoever_waits_for_a_slot_is_told_after_the_time_out_and_not_before() {
    let test = bare_database().await;
    let crowded = Crowded::start(&test, usize::MAX).await;
    let patience = Duration::from_millis(500);
    let error = crowded.database(patience).client().await.expect_err("there is no slot");
    assert!(matches!(error, Error::NoConnection { waited, .. } if waited >= patience), "{error:?}");
    assert!(error.is_unavailable());
    assert!(crowded.attempts.load(Ordering::SeqCst) > 1, "it was tried once");
}

#[tokio::test]
async fn few_connections_are_opened_at_once() {
    let test = bare_database().await;
    let crowded = Crowded::start(&test, 3).await;
    let database = crowded.database(Duration::from_secs(30));
    let clients = join_all((0..10).map(|_| database.client())).await;
    assert!(clients.iter().all(Result::is_ok));
    let most = crowded.most_at_once.load(Ordering::SeqCst);
    assert!((1..=4).contains(&most), "{most} were opened at once");
}
