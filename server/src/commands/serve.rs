//! `entrepot serve`: the server's life, in order.
//!
//! Start: the port (so that a taken one fails at once), the database, the schema, the modules. Stop:
//! no new connections, the requests under way, the background tasks, the pool, the private database.

use std::io::{IsTerminal as _, stderr};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use entrepot_pg::{Database, cluster};
use entrepot_runtime::{Clock, Shutdown, Tasks, wait_for_stop_signal};
use entrepot_telemetry::LogSettings;
use entrepot_web::{Connections, serve as serve_http};
use tokio::net::TcpListener;

use super::log_format;
use crate::app::App;
use crate::database::Home;
use crate::settings::{Loaded, Settings, ms};
use crate::terminal::tell;

/// How long background tasks may take to end.
const TASKS_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn serve(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let settings = &loaded.settings;
    let start = Instant::now();
    let _log = entrepot_telemetry::start_logs(&LogSettings {
        filter: settings.log.level.clone(),
        format: log_format(settings),
    })?;
    for shown in loaded.without_effect() {
        tracing::warn!(setting = shown.key, source = %shown.source, "this setting has no effect yet");
    }
    let (host, port) = (settings.server.host.as_str(), settings.server.port);
    let listener = TcpListener::bind((host, port)).await.with_context(|| {
        // Most likely by another `entrepot serve` on the same folder.
        let folder = &settings.data.folder;
        let holder = if settings.database.url.is_empty() { cluster::holder(folder) } else { None };
        let holder = holder.map(|holder| format!(" (the data folder {} is in use by {holder})", folder.display()));
        format!("cannot listen on {host} port {port}{}", holder.unwrap_or_default())
    })?;

    // A signal during the start must end what was started: the private database above all.
    let mut stop = std::pin::pin!(wait_for_stop_signal());
    let home = tokio::select! {
        home = Home::own(settings, "serve") => home?,
        signal = &mut stop => return stopped_early(signal),
    };
    let outcome = run(settings, &home, listener, stop, start).await;
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
    mut stop: Stop<'_>,
    start: Instant,
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
    let app = App::build(settings, database.clone(), Clock::system(), &tasks)?;
    tasks.supervise("close-idle-connections", {
        let database = database.clone();
        move || close_idle_connections(database.clone())
    });
    announce(settings, listener.local_addr()?, start);
    let connections = Connections {
        max_connections: settings.server.max_connections,
        header_timeout: ms(settings.server.header_timeout_ms),
        drain: ms(settings.server.drain_ms),
    };
    let signalled = async {
        let signal = stop.await;
        tracing::info!(signal = signal.unwrap_or("none could be waited for"), "stopping");
        shutdown.begin();
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
    for task in tasks.stop(TASKS_PATIENCE).await {
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

/// Says that the server is there: in the log for programs, and on a terminal for people.
fn announce(settings: &Settings, address: std::net::SocketAddr, start: Instant) {
    let ready_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%address, ready_ms, version = env!("CARGO_PKG_VERSION"), "ready");
    if settings.is_open_to_network() {
        tracing::warn!(
            host = settings.server.host,
            "writes need no sign-in yet, and the server listens beyond this machine: whoever reaches it can change the catalog"
        );
    }
    if !stderr().is_terminal() {
        return;
    }
    let reach = if settings.is_open_to_network() {
        "every machine that reaches it, and writes need no sign-in yet"
    } else {
        "this machine only (writes need no sign-in yet)"
    };
    tell(format_args!(
        "\n  Entrepot is ready at http://{address}, for {reach}\n\
         \n  explorer   http://{address}/api-docs\
         \n  to try     curl 'http://{address}/api/v2/products/search?q=tea&limit=3'\
         \n  to stop    Ctrl-C\n"
    ));
}
