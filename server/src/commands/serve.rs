//! `entrepot serve`: the server's life, in order.
//!
//! Start: the port (so that a taken one fails at once), the database, the schema, the modules. Stop:
//! no new connections, the requests under way, the background tasks, the pool, the private database.

use std::io::{IsTerminal as _, stderr};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use entrepot_accounts::{Accounts, FirstAdmin, ensure_admin};
use entrepot_pg::{Database, cluster};
use entrepot_runtime::{Shutdown, Tasks, wait_for_stop_signal};
use entrepot_telemetry::LogSettings;
use entrepot_web::{Connections, Tls, serve as serve_http};
use tokio::net::TcpListener;

use super::log_format;
use crate::app::App;
use crate::database::Home;
use crate::limits;
use crate::settings::{Loaded, Settings, ms};
use crate::terminal::tell;

/// How long background tasks may take to end, jobs left aside.
pub(super) const TASKS_PATIENCE: Duration = Duration::from_secs(5);
/// How often new connections have the certificate's files looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60);

pub(crate) async fn serve(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = &loaded.settings;
    let start = Instant::now();
    let _log = entrepot_telemetry::start_logs(&LogSettings {
        filter: settings.log.level.clone(),
        format: log_format(settings),
    })?;
    let descriptors = limits::raise();
    // Before anything is started: most often it is these files that are wrong.
    let tls = settings
        .tls_files()
        .map(|(certificate, key)| Tls::load(certificate, key, CERTIFICATE_CHECK))
        .transpose()
        .context("there can be no TLS with these files")?;
    let (host, port) = (settings.server.host.as_str(), settings.server.port);
    let listener = TcpListener::bind((host, port)).await.with_context(|| {
        // Most likely by another `entrepot serve` on the same folder.
        let folder = &settings.data.folder;
        let holder = if settings.database.url.is_empty() { cluster::holder(folder) } else { None };
        let holder = holder.map(|holder| format!(" (the data folder {} is in use by {holder})", folder.display()));
        format!(
            "cannot listen on {host} port {port}{}; --port takes another one, and --port 0 any that is free",
            holder.unwrap_or_default()
        )
    })?;

    // A signal during the start must end what was started: the private database above all.
    let mut stop = std::pin::pin!(wait_for_stop_signal());
    let home = tokio::select! {
        home = Home::own(settings, "serve") => home?,
        signal = &mut stop => return stopped_early(signal),
    };
    let most_connections = limits::connections(settings, descriptors);
    let outcome = run(settings, &home, listener, tls, stop, (start, most_connections)).await;
    home.close().await?;
    outcome
}

type Stop<'a> = Pin<&'a mut (dyn Future<Output = std::io::Result<&'static str>> + Send)>;

fn stopped_early(signal: std::io::Result<&'static str>) -> anyhow::Result<ExitCode> {
    tracing::info!(signal = signal?, "stopped while starting");
    Ok(ExitCode::SUCCESS)
}

async fn run(
    settings: &Settings,
    home: &Home,
    listener: TcpListener,
    tls: Option<Tls>,
    mut stop: Stop<'_>,
    (start, max_connections): (Instant, usize),
) -> anyhow::Result<ExitCode> {
    let database = home.database(settings)?;
    let prepare = async {
        home.migrate(settings).await?;
        database.warm_up().await?;
        anyhow::Ok(())
    };
    tokio::select! {
        prepared = prepare => prepared?,
        signal = &mut stop => return stopped_early(signal),
    }
    let shutdown = Shutdown::new();
    // With an end of their own: requests that are still being answered need them until the last.
    let tasks = Tasks::new(Shutdown::new());
    let (clock, reference) = home.clock(settings, &database).await?;
    database.keep_synchronized(&clock, &reference, &tasks);
    let app = App::build(settings, database.clone(), clock, &tasks)?;
    tasks.supervise("close-idle-connections", {
        let database = database.clone();
        move || close_idle_connections(database.clone())
    });
    first_admin(settings, &app.accounts).await?;
    if let Some(give_back) = crate::cli::GIVE_BACK_MEMORY.get() {
        give_back();
    }
    announce(settings, listener.local_addr()?, start);
    let connections = Connections {
        max_connections,
        connections_per_address: settings.server.connections_per_address,
        trusted_proxies: app.guard.proxies().networks().to_vec(),
        header_timeout: ms(settings.server.header_timeout_ms),
        body_timeout: ms(settings.server.body_timeout_ms),
        write_timeout: ms(settings.server.write_timeout_ms),
        drain: ms(settings.server.drain_ms),
        tls,
        stats: app.listener.clone(),
    };
    let drain = connections.drain;
    let signalled = async {
        let signal = stop.await;
        tracing::info!(signal = signal.unwrap_or("none could be waited for"), "stopping");
        shutdown.begin();
        // Streams of events are requests under way: they end before those can have been answered.
        app.live.drain(drain).await;
    };
    let served = serve_http(listener, app.edge, connections, shutdown.signal());
    let (cut, ()) = futures_util::join!(served, signalled);
    if cut > 0 {
        tracing::warn!(connections = cut, "connections were cut after the drain");
    }
    // Nobody counts any more: what was counted is written before the database is left.
    for counters in &app.counters {
        if let Err(error) = counters.flush().await {
            tracing::error!(error, "counts could not be written and are lost");
        }
    }
    for task in tasks.stop(TASKS_PATIENCE + ms(settings.jobs.drain_ms)).await {
        tracing::warn!(task, "a task did not end in time");
    }
    database.close();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn close_idle_connections(database: Database) {
    let mut beat = tokio::time::interval(database.idle_timeout().max(Duration::from_secs(1)));
    loop {
        beat.tick().await;
        database.close_idle();
    }
}

/// Makes the first admin where there is none. A password that was made is shown on the terminal and
/// nowhere else. The file of a password is read only where it is needed: later it may be gone.
async fn first_admin(settings: &Settings, accounts: &Accounts) -> anyhow::Result<()> {
    let file = &settings.admin.password_file;
    let password = if accounts.have_admin().await? {
        String::new()
    } else {
        settings.admin.password().with_context(|| format!("cannot read admin.password_file, {}", file.display()))?
    };
    let first = FirstAdmin { email: settings.admin.email.clone(), password, may_make_password: stderr().is_terminal() };
    match ensure_admin(accounts, &first).await.context("the first admin cannot be made")? {
        None if accounts.have_admin().await? => {}
        None => tracing::warn!(
            "there is no admin yet: run `entrepot admin you@shop.example` beside the server, or set ENTREPOT_ADMIN_EMAIL with ENTREPOT_ADMIN_PASSWORD_FILE or ENTREPOT_ADMIN_PASSWORD and start it again"
        ),
        Some(made) => {
            tracing::info!(email = made.email, "the first admin was made");
            if made.is_weak {
                tracing::warn!("the first admin's password would not be taken from anybody else: change it soon");
            }
            if let Some(password) = &made.made_password {
                tell(format_args!(
                    "\n  Your admin account. The password is shown only once:\n\n  e-mail     {}\n  password   {}\n",
                    made.email,
                    password.reveal()
                ));
            }
        }
    }
    Ok(())
}

/// Says that the server is there: in the log for programs, and on a terminal for people.
fn announce(settings: &Settings, address: std::net::SocketAddr, start: Instant) {
    let ready_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%address, ready_ms, version = env!("CARGO_PKG_VERSION"), "ready");
    let scheme = if settings.tls_files().is_some() { "https" } else { "http" };
    if settings.is_open_to_network() && scheme == "http" && settings.guard.trusted_proxies.is_empty() {
        tracing::warn!(
            host = settings.server.host,
            "the server listens beyond this machine without TLS: passwords can be read on the way. Set tls.certificate and tls.key, or put a proxy in front and name it in guard.trusted_proxies"
        );
    }
    if !stderr().is_terminal() {
        return;
    }
    let reach = if settings.is_open_to_network() { "every machine that reaches it" } else { "this machine only" };
    tell(format_args!(
        "\n  Entrepot is ready at {scheme}://{address}, for {reach}\n\
         \n  first page {scheme}://{address}/\
         \n  console    {scheme}://{address}/console\
         \n  explorer   {scheme}://{address}/api-docs\
         \n  to try     curl '{scheme}://{address}/api/v2/products/search?q=tea&limit=3'\
         \n  to stop    Ctrl-C\n"
    ));
}
