//! Starting the log: on standard error, pretty on a terminal and one JSON object a line elsewhere.

use std::io::{IsTerminal as _, stderr};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::format::{JsonLines, PrettyLines};

/// Lines that wait to be written, at the most.
const QUEUE_LINES: usize = 65_536;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// What is logged: a level (`info`) or directives (`info,entrepot_pg=debug`).
    pub filter: String,
    /// In which form.
    pub format: LogFormat,
}

/// Keeps the log's writer alive; what is not yet written is written when it is dropped.
#[must_use]
#[derive(Debug)]
pub struct LogGuard {
    _writer: WorkerGuard,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not well-formed.
    #[error(
        "the log level {0:?} (LOG_LEVEL, log.level) is neither off, error, warn, info, debug or trace nor a list such as info,entrepot_pg=debug"
    )]
    Filter(String),
    /// There is a log already.
    #[error("the log has been started already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Whether lines in this format are for people.
#[must_use]
pub fn is_pretty(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    }
}

/// What is logged. A word alone must be a level: the library takes any other for a part of the program to log, and the
/// log would be empty.
fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let wrong = || LogError::Filter(text.to_owned());
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if !parts.iter().all(|part| part.contains('=') || (!part.is_empty() && part.parse::<LevelFilter>().is_ok())) {
        return Err(wrong());
    }
    EnvFilter::builder().parse(parts.join(",")).map_err(|_| wrong())
}

/// Starts the process's log.
///
/// # Errors
/// See [`LogError`].
pub fn start_logs(settings: &LogSettings) -> Result<LogGuard, LogError> {
    let filter = filter(&settings.filter)?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE_LINES)
        .lossy(true)
        .thread_name("log-writer")
        .finish(stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    if is_pretty(settings.format) {
        registry.with(lines.with_ansi(stderr().is_terminal()).event_format(PrettyLines)).try_init()?;
    } else {
        registry.with(lines.event_format(JsonLines)).try_init()?;
    }
    Ok(LogGuard { _writer: guard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_an_error() {
        for sound in ["info", "WARN", "off", "info,entrepot_pg=debug", "entrepot=trace", "debug, hyper=off"] {
            assert!(filter(sound).is_ok(), "{sound}");
        }
        for wrong in ["", "loud", "verbose", "info,loud", "entrepot_pg=loud", "entrepot_pg"] {
            let error = filter(wrong).expect_err(wrong).to_string();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("LOG_LEVEL"), "{error}");
        }
    }
}
