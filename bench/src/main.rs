//! `script/bench`: what the program does beside a limit or a peer, in one run on one machine.
//!
//! **How.** The thing and its yardstick alternate, five pairs after a warm-up; the median of the
//! pairs' ratios is quoted, with the lowest and the highest. Release builds, the real products.
//! Answers are checked: a status that is not 200 or a broken connection fails the run. Absolute
//! figures mean something only beside the size of the machine, which is printed with them.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load generator starts tasks, sleeps until requests are due and reads the clock"
)]

mod bare;
mod client;
mod programs;
mod scenarios;
mod table;

use clap::{Parser, Subcommand};

/// Measures the program beside its yardsticks.
#[derive(Parser)]
struct Arguments {
    /// Only the scenarios whose name has this in it.
    #[arg(global = true)]
    only: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The yardstick itself: a hyper server that sends one file's bytes as JSON, whatever is asked.
    #[command(hide = true)]
    Bare { port: u16, file: std::path::PathBuf },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Bare { port, file }) = arguments.command {
        return bare::serve(port, &file);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rows = runtime.block_on(scenarios::run(arguments.only.as_deref().unwrap_or_default()))?;
    table::print(&rows);
    if arguments.only.is_none() {
        std::fs::write("bench/results.json", serde_json::to_string_pretty(&rows)? + "\n")?;
        println!("\nalso written to bench/results.json");
    }
    let missed = rows.iter().filter(|row| row.reached == Some(false)).count();
    anyhow::ensure!(missed == 0, "{missed} of the figures were not reached");
    Ok(())
}
