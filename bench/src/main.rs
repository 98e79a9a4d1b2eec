//! `script/bench`: what the program does beside a limit or a peer, in one run on one machine.
//!
//! **How.** The thing and its yardstick alternate, five pairs after a warm-up; the median of the
//! pairs' ratios is quoted, with the lowest and the highest. Release builds, the real products.
//! Answers are checked: a status that is not 200, a broken connection, a body that is not the one
//! that was wanted or a stale value fails the run. Absolute figures mean something only beside the
//! size of the machine, which is printed with them.
//!
//! | room | what is measured there |
//! | --- | --- |
//! | `scenarios` | what all share: which scenarios run, the stage, pairs |
//! | `scenarios/database` | what asks PostgreSQL each time (the cache is off), import, start, memory |
//! | `scenarios/cache_http` | cached answers beside bare hyper; how soon a change is seen; cold keys |
//! | `scenarios/cache_process` | the cache without HTTP: a look-up, hit rates, a Redis that fails |
//! | `scenarios/protection` | limits, sign-ins, slow clients |
//! | `scenarios/live`, `scenarios/sales`, `scenarios/jobs` | live updates; sales and exports; the queue |
//! | `scenarios/counts`, `callgrind` | what does not vary: instructions, allocations, lines of memory (`bench/counts.json`) |
//! | `bare` | the yardstick for HTTP |
//! | `programs`, `client` | what is started, and how it is asked |
//! | `table` | rows, and how they are printed |
#![expect(clippy::print_stdout, reason = "a program that prints a table")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load generator starts tasks, sleeps until requests are due and reads the clock"
)]

mod bare;
mod callgrind;
mod client;
mod programs;
mod scenarios;
mod table;

use clap::{Parser, Subcommand};

// The server's allocator: for the yardstick, and for the parts of the server that run in here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the program beside its yardsticks.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Only the scenarios whose name has this in it.
    only: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The yardstick itself: a hyper server that sends one file's bytes, whatever is asked. It prints its address.
    #[command(hide = true)]
    Bare {
        file: std::path::PathBuf,
        /// A file with the header fields to send, `name: value` on each line; content-type alone without it.
        #[arg(long)]
        fields: Option<std::path::PathBuf>,
    },
    /// Counts what the hottest operations execute, by valgrind, and compares that with bench/counts.json.
    Counts {
        /// Only the operations whose name has this in it.
        only: Option<String>,
        /// Writes the file instead of comparing with it.
        #[arg(long)]
        write: bool,
        /// Also counts the lines of 64 bytes that one hit touches; they vary by some percent.
        #[arg(long)]
        lines: bool,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Bare { file, fields }) = arguments.command {
        return bare::serve(&file, fields.as_deref());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(Command::Counts { only, write, lines }) = arguments.command {
        return runtime.block_on(scenarios::counts::run(only.as_deref().unwrap_or_default(), write, lines));
    }
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
