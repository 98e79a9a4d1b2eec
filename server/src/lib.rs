//! The program around the domains: command line, settings, the one list of modules, the router.
//!
//! It is a library too, so that its own tests and the benchmarks can look inside; nobody else
//! imports it.

mod admin;
mod app;
mod cli;
mod commands;
mod console;
mod database;
mod explorer;
mod files;
mod health;
mod limits;
mod modules;
mod production;
mod queues;
mod settings;
mod terminal;
mod verify;
mod warming;
mod webhooks_described;
mod workshop;

pub use app::{App, openapi_document};
pub use cli::run;
pub use modules::modules;
pub use settings::{Settings, SettingsError, load as load_settings};
