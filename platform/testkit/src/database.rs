//! A database of its own for every test.
//!
//! One PostgreSQL server is shared by all test processes and left running between them (starting
//! one costs a second, a copy of a template some 50 ms); `script/test` ends it. The template is
//! named after the digest of the migrations, so a changed migration makes a new one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use entrepot_pg::cluster::{Cluster, ClusterError, ClusterSettings};
use entrepot_pg::{Database, DatabaseSettings, Migration};
use tokio_postgres::{Client, NoTls};

/// Serializes the making of templates, and of copies of one, across processes.
const TEMPLATE_LOCK: i64 = 0x7465_7374;

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connections to it.
    pub database: Database,
    /// Its address.
    pub address: tokio_postgres::Config,
    server: tokio_postgres::Config,
    name: String,
}

fn settings() -> ClusterSettings {
    ClusterSettings {
        // Beside the build's own files, so that `cargo clean` takes it along; short, so that the
        // unprivileged user's way in is only as long as it must be.
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/test-cluster"),
        purpose: "a test run".to_owned(),
        max_connections: 300,
        shared_buffers_mib: 256,
    }
}

async fn shared_server() -> tokio_postgres::Config {
    tokio::task::spawn_blocking(|| {
        let settings = settings();
        for _ in 0..600 {
            match Cluster::start_to_outlive_us(&settings) {
                Ok(address) => return address,
                // Another test process is starting it this very moment.
                #[expect(clippy::disallowed_methods, reason = "another process's lock can only be polled")]
                Err(ClusterError::Held { .. }) => std::thread::sleep(Duration::from_millis(50)),
                Err(error) => panic!("the tests' PostgreSQL does not start: {error}"),
            }
        }
        panic!("the tests' PostgreSQL is being started by another process for 30 s");
    })
    .await
    .expect("starting the tests' PostgreSQL")
}

/// Ends the shared server.
///
/// # Panics
/// When it does not end.
pub fn end_shared_server() {
    Cluster::end_outlived(&settings()).expect("the shared server ends");
}

async fn connect(address: &tokio_postgres::Config) -> Client {
    let (client, connection) = address.connect(NoTls).await.expect("the tests' PostgreSQL takes connections");
    #[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
    tokio::spawn(connection);
    client
}

/// A fresh, empty database.
pub async fn bare_database() -> TestDatabase {
    test_database(&[]).await
}

/// A fresh database to which `migrations` were applied.
///
/// # Panics
/// When the server, the template or the copy cannot be had.
pub async fn test_database(migrations: &[Migration]) -> TestDatabase {
    let server = shared_server().await;
    let admin = connect(&server).await;
    let template = template(&admin, &server, migrations).await;
    made(server, &admin, &format!("TEMPLATE {template}")).await
}

/// A fresh, empty database with another locale than the server's: what stands behind `CREATE DATABASE` says which.
///
/// # Panics
/// When it cannot be had.
pub async fn localised_database(locale: &str) -> TestDatabase {
    let server = shared_server().await;
    let admin = connect(&server).await;
    made(server, &admin, &format!("TEMPLATE template0 ENCODING 'UTF8' {locale}")).await
}

async fn made(server: tokio_postgres::Config, admin: &Client, options: &str) -> TestDatabase {
    let name = format!("test_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name} {options}")).await.unwrap();
    let mut address = server.clone();
    address.dbname(&name);
    let database = Database::new(DatabaseSettings {
        address: address.clone(),
        pool_min: 0,
        pool_max: 10,
        idle_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        query_timeout: Duration::from_secs(30),
        pipeline_connections: 2,
    })
    .expect("the settings leave a connection");
    TestDatabase { database, address, server, name }
}

/// The name of a template to which `migrations` are applied, made if it is not there yet.
async fn template(admin: &Client, server: &tokio_postgres::Config, migrations: &[Migration]) -> String {
    if migrations.is_empty() {
        return "template0".to_owned();
    }
    let text: String = migrations.iter().map(|migration| migration.sql).collect();
    let digest: String = admin
        .query_one("SELECT left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16)", &[&text])
        .await
        .unwrap()
        .get(0);
    let template = format!("template_{digest}");
    admin.execute("SELECT pg_advisory_lock($1)", &[&TEMPLATE_LOCK]).await.unwrap();
    let there = admin.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&template]).await.unwrap();
    if there.is_none() {
        let making = format!("{template}_making");
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {making} TEMPLATE template0")).await.unwrap();
        let mut address = server.clone();
        address.dbname(&making);
        let mut client = connect(&address).await;
        entrepot_pg::migrate(&mut client, migrations).await.expect("the migrations apply");
        drop(client);
        // Waits until the connection has gone, as a template may have none.
        admin
            .execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", &[&making])
            .await
            .unwrap();
        admin.batch_execute(&format!("ALTER DATABASE {making} RENAME TO {template}")).await.unwrap();
    }
    admin.execute("SELECT pg_advisory_unlock($1)", &[&TEMPLATE_LOCK]).await.unwrap();
    template
}

impl TestDatabase {
    /// A connection of the test's own, for looking behind the scenes.
    pub async fn client(&self) -> Client {
        connect(&self.address).await
    }

    /// Has the database refuse writes, as one does whose server was demoted, and cuts all connections to it: those that
    /// are made from now on are read-only, for as long as they last.
    ///
    /// # Panics
    /// When the server does not do it.
    pub async fn make_read_only(&self) {
        let admin = connect(&self.server).await;
        let refuse = format!("ALTER DATABASE {} SET default_transaction_read_only = on", self.name);
        admin.batch_execute(&refuse).await.unwrap();
        admin
            .execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", &[&self.name])
            .await
            .unwrap();
    }

    /// Has the database take writes again, on connections that are made from now on. Those that there are stay.
    ///
    /// # Panics
    /// When the server does not do it.
    pub async fn make_writable(&self) {
        let admin = connect(&self.server).await;
        let take = format!("ALTER DATABASE {} RESET default_transaction_read_only", self.name);
        admin.batch_execute(&take).await.unwrap();
    }

    /// The address as a URL that the program takes.
    #[must_use]
    pub fn url(&self) -> String {
        let host = match self.server.get_hosts() {
            [tokio_postgres::config::Host::Unix(folder), ..] => folder.display().to_string(),
            other => panic!("the tests' server listens on a socket, not {other:?}"),
        };
        format!("postgresql:///{}?host={host}&user={}", self.name, self.server.get_user().unwrap_or_default())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.database.close();
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread with a runtime of its own: the test's may be ending, or be of one thread.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = connect(&server).await;
                admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
            })
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("no panic while dropping").expect("the test's database is dropped");
        }
    }
}
