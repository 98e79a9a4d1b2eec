//! What the subcommands do, one a file.

mod admin;
mod config;
mod import;
mod migrate;
mod openapi;
mod permissions;
mod psql;
mod seed;
mod serve;
mod verify;
mod worker;

pub(crate) use admin::admin;
pub(crate) use config::config;
pub(crate) use import::{import_products, import_transactions};
pub(crate) use migrate::migrate;
pub(crate) use openapi::openapi;
pub(crate) use permissions::permissions;
pub(crate) use psql::psql;
pub(crate) use seed::seed;
pub(crate) use serve::serve;
pub(crate) use verify::{verify, verify_live_updates, verify_queue, verify_worker};
pub(crate) use worker::worker;

use std::sync::Arc;

use entrepot_runtime::{Actor, Clock, Request, within_request};
use entrepot_telemetry::{LogFormat, LogGuard, LogSettings};

use crate::settings::{self, Settings};

/// Does something as a command of the program: that is who the audit log says it was.
fn as_command<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let request = Request::new(Clock::system().new_id().to_string().into()).by(Actor::command());
    within_request(Arc::new(request), work)
}

/// Starts the log of a command that is not a server: warnings only, unless the level asks for more.
fn quiet_logs(settings: &Settings) -> anyhow::Result<LogGuard> {
    let filter = if settings.log.level == "info" { "warn".to_owned() } else { settings.log.level.clone() };
    Ok(entrepot_telemetry::start_logs(&LogSettings { filter, format: log_format(settings) })?)
}

fn log_format(settings: &Settings) -> LogFormat {
    match settings.log.format {
        settings::LogFormat::Auto => LogFormat::Auto,
        settings::LogFormat::Pretty => LogFormat::Pretty,
        settings::LogFormat::Json => LogFormat::Json,
    }
}
