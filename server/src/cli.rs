//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use entrepot_runtime::Clock;

use crate::commands;
use crate::settings::{self, Loaded};
use crate::terminal::tell;
use crate::verify::{Fault, Guard, JobsPlan, LivePlan, Plan};

/// The back end of a commerce operation, on PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "entrepot", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Every setting is in config/default.toml and can be given in a file or in the environment; \
                        `entrepot config` prints those in force.")]
pub(crate) struct Cli {
    /// A file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for the private database and other files [default: ./.entrepot].
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server. Brings the database's schema up to date first, and starts a private PostgreSQL unless DATABASE_URL names one.
    Serve {
        /// The address to listen on.
        #[arg(long)]
        host: Option<String>,
        /// The port to listen on; 0 for any that is free.
        #[arg(long)]
        port: Option<u16>,
        /// What it does, with commas between: api, worker, live [default: all].
        #[arg(long, value_name = "ROLES")]
        roles: Option<String>,
    },
    /// Do jobs, and listen on no port. Any number of workers may run, on any machine that reaches the database.
    Worker {
        /// The queues to work on, with commas between [default: all that the settings give a number].
        #[arg(long, value_name = "QUEUES")]
        queues: Option<String>,
    },
    /// Bring the database's schema up to date.
    Migrate {
        /// Only tell what would be applied.
        #[arg(long)]
        dry_run: bool,
    },
    /// Fill the catalog with made-up products.
    Seed {
        /// Which catalog to make.
        #[arg(long, value_enum)]
        profile: Profile,
        /// Throw away the catalog that is there.
        #[arg(long)]
        reset: bool,
    },
    /// Load data from a file.
    #[command(subcommand)]
    Import(Import),
    /// Check a guarantee on this very machine, with faults. Starts instances of its own.
    #[command(subcommand)]
    Verify(Verify),
    /// Make an admin, or give an account a new password and that role; prints the password. Works while the server runs.
    Admin {
        /// The e-mail address to sign in by. Without it, on a terminal: admin@localhost, after a question where somebody is an admin already.
        email: Option<String>,
    },
    /// Print who may do what: roles, actions and how far they reach.
    Permissions,
    /// Print the OpenAPI document.
    Openapi,
    /// Print the settings in force, and where each came from.
    Config,
    /// Open a PostgreSQL shell on the database; starts the private one if it does not run.
    Psql {
        /// Arguments for psql, behind `--`, such as `-c 'select 1'`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Import {
    /// Load products from a CSV file, gzipped or not, of the form that data/complete-journey/README.md describes. All or nothing; running it again changes nothing.
    Products {
        /// The file.
        file: PathBuf,
        /// The currency of its prices (ISO 4217).
        #[arg(long)]
        currency: Option<String>,
        /// Where to write what was adjusted or refused, line by line [default: reports/ in the data folder].
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Load the transactions of a chain from a CSV file of that form, summed into days of stores; stores are made as they appear. All or nothing; running it again changes nothing.
    Transactions {
        /// The file.
        file: PathBuf,
        /// Where to write what was adjusted or refused, line by line [default: reports/ in the data folder].
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Verify {
    /// Check that no cached answer is ever stale and nobody is let in whose right was taken away: several instances, random reads and writes, Redis killed, emptied, hanging and restored, instances stopped and killed, and where PostgreSQL is the private one it killed and read-only, and clocks that are off; sometimes two of these at once. Fails when a single answer was wrong, or an instance did not recover.
    Cache {
        /// What the random choices follow from; told at the end of a run, to have the same choices again.
        #[arg(long)]
        seed: Option<u64>,
        /// Reads to check.
        #[arg(long, default_value_t = 100_000)]
        checks: u64,
        /// Instances to run.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=8))]
        instances: u8,
        /// Switch the fence off: stale reads must then be found, or the check would prove nothing.
        #[arg(long)]
        without_fence: bool,
        /// Only these faults, with commas between [default: all].
        #[arg(long, hide = true, value_enum, value_delimiter = ',')]
        faults: Vec<Fault>,
        /// Have the checker throw away what is young, as an instance would that counted by a wrong clock: it must then be found to be gone.
        #[arg(long, hide = true)]
        spoil: bool,
    },
    /// Check that followers miss no event, see none twice, all in order, and nothing that is not theirs: clients by WebSocket and server-sent events, some tied to stores, on several instances that are killed, stopped and given a wrong clock while others write; PostgreSQL is killed and made read-only where it is the private one. Fails when a single event was missed.
    Live {
        /// What the random choices follow from; told at the end of a run.
        #[arg(long)]
        seed: Option<u64>,
        /// Clients, each following 6 topics.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=4_000))]
        clients: u16,
        /// Topics that are written to.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        topics: u16,
        /// Instances to run.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
        instances: u8,
        /// How long to write and to kill, in seconds.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=3_600))]
        seconds: u16,
        /// Have clients that come back begin anew: events must then be missed, or the check would prove nothing. The same as --without resume.
        #[arg(long, conflicts_with = "without")]
        without_resume: bool,
        /// Switch one guarantee off: violations must then be found, or the check would prove nothing.
        #[arg(long, value_name = "GUARANTEE")]
        without: Option<Guard>,
        /// Have the checker throw away what is young, as an instance would that counted by a wrong clock: it must then be found to be gone.
        #[arg(long, hide = true)]
        spoil: bool,
    },
    /// Check that every job that was committed reaches an end, with its effect in the database once: workers are killed, frozen and set to a wrong clock while others enqueue, PostgreSQL is killed where it is the private one, and set to read only. Exports, e-mail, webhooks and pictures of the program itself, too. Fails when a single job was lost, or done twice.
    Jobs {
        /// What the random choices follow from; told at the end of a run.
        #[arg(long)]
        seed: Option<u64>,
        /// Workers to run.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
        workers: u8,
        /// How long to enqueue and to kill, in seconds, and at least until each fault has happened; 0 leaves that out.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=3_600))]
        seconds: u16,
        /// Jobs of the tenant beside whom others with one job must have their turn; 0 leaves that out.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        crowd: u32,
        /// Orders of each kind of the program's own: e-mail, webhooks, pictures, and a quarter as many exports; 0 leaves them out.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=200))]
        orders: u8,
        /// Have the single jobs be of the tenant with the many, so that nobody takes turns: they must then be found to wait for all others, or the check would prove nothing.
        #[arg(long)]
        without_fairness: bool,
        /// Have effects commit without the job's end: effects must then be found twice, or the check would prove nothing.
        #[arg(long)]
        without_fence: bool,
        /// Have workers keep to no rate: jobs must then be found to begin too soon, or the check would prove nothing.
        #[arg(long)]
        without_rate: bool,
        /// Have the checker throw away what is young, as an instance would that counted by a wrong clock: it must then be found to be gone.
        #[arg(long, hide = true)]
        spoil: bool,
    },
    /// A worker of `verify jobs`, which starts it.
    #[command(hide = true)]
    Worker {
        /// Where effects outside of the database go.
        outside: PathBuf,
        #[arg(long)]
        without_fence: bool,
        #[arg(long)]
        without_rate: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    /// A small, pretty shop: 24 products.
    Sample,
    /// 5,000 products.
    Performance,
    /// 100,000 products.
    Full,
}

/// How memory that nobody uses is given back to the system: the program's allocator knows.
pub(crate) static GIVE_BACK_MEMORY: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

/// Runs the program. `give_back_memory` is called when a server has started, as a start leaves much
/// behind that is not needed again.
#[must_use]
pub fn run(give_back_memory: fn()) -> ExitCode {
    GIVE_BACK_MEMORY.get_or_init(|| give_back_memory);
    match execute(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            tell(format_args!("entrepot: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut arguments = Vec::new();
    if let Some(folder) = &cli.data {
        arguments.push(("data.folder", folder.display().to_string()));
    }
    if let Command::Serve { host, port, roles } = &cli.command {
        arguments.extend(host.clone().map(|host| ("server.host", host)));
        arguments.extend(roles.clone().map(|roles| ("server.roles", roles)));
        arguments.extend(port.map(|port| ("server.port", port.to_string())));
    }
    if let Command::Worker { queues } = &cli.command {
        arguments.push(("server.roles", "worker".to_owned()));
        arguments.extend(queues.as_deref().map(only_queues).transpose()?.unwrap_or_default());
    }
    if let Command::Import(Import::Products { currency: Some(currency), .. }) = &cli.command {
        arguments.push(("import.currency", currency.clone()));
    }
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let loaded = settings::load(cli.config.as_deref(), environment, &arguments)?;
    match cli.command {
        Command::Config => {
            commands::config(&loaded);
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { .. } => on_runtime(&loaded, commands::serve(&loaded)),
        Command::Worker { .. } => on_runtime(&loaded, commands::worker(&loaded.settings)),
        Command::Migrate { dry_run } => on_runtime(&loaded, commands::migrate(&loaded.settings, dry_run)),
        Command::Seed { profile, reset } => {
            let profile = match profile {
                Profile::Sample => entrepot_catalog::seed::SeedProfile::Sample,
                Profile::Performance => entrepot_catalog::seed::SeedProfile::Performance,
                Profile::Full => entrepot_catalog::seed::SeedProfile::Full,
            };
            on_runtime(&loaded, commands::seed(&loaded.settings, profile, reset))
        }
        Command::Import(Import::Products { file, report, .. }) => {
            on_runtime(&loaded, commands::import_products(&loaded.settings, &file, report))
        }
        Command::Import(Import::Transactions { file, report }) => {
            on_runtime(&loaded, commands::import_transactions(&loaded.settings, &file, report))
        }
        Command::Verify(Verify::Cache { seed, checks, instances, without_fence, faults, spoil }) => {
            let plan = Plan {
                seed: seed.unwrap_or_else(|| Clock::system().new_id().as_u64_pair().1 % 1_000_000),
                checks,
                instances: usize::from(instances),
                without_fence,
                faults,
                spoil,
            };
            on_runtime(&loaded, commands::verify(&loaded.settings, plan))
        }
        Command::Verify(Verify::Live { seed, clients, topics, instances, seconds, without_resume, without, spoil }) => {
            let plan = LivePlan {
                seed: seed.unwrap_or_else(|| Clock::system().new_id().as_u64_pair().1 % 1_000_000),
                clients: usize::from(clients),
                topics: usize::from(topics),
                instances: usize::from(instances),
                seconds: u64::from(seconds),
                without: without.or_else(|| without_resume.then_some(Guard::Resume)),
                spoil,
            };
            on_runtime(&loaded, commands::verify_live_updates(&loaded.settings, plan))
        }
        Command::Verify(Verify::Jobs {
            seed,
            workers,
            seconds,
            crowd,
            orders,
            without_fairness,
            without_fence,
            without_rate,
            spoil,
        }) => {
            let plan = JobsPlan {
                seed: seed.unwrap_or_else(|| Clock::system().new_id().as_u64_pair().1 % 1_000_000),
                workers: usize::from(workers),
                seconds: u64::from(seconds),
                crowd: i64::from(crowd),
                orders: usize::from(orders),
                without_fairness,
                without_fence,
                without_rate,
                spoil,
            };
            on_runtime(&loaded, commands::verify_queue(&loaded.settings, plan))
        }
        Command::Verify(Verify::Worker { outside, without_fence, without_rate }) => {
            on_runtime(&loaded, commands::verify_worker(&loaded.settings, &outside, without_fence, without_rate))
        }
        Command::Admin { email } => on_runtime(&loaded, commands::admin(&loaded.settings, email)),
        Command::Permissions => {
            commands::permissions();
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => on_runtime(&loaded, commands::openapi()),
        Command::Psql { arguments } => on_runtime(&loaded, commands::psql(&loaded.settings, &arguments)),
    }
}

/// Settings that leave all queues but these to others.
fn only_queues(named: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let named: Vec<&str> = named.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known: Vec<&str> = settings::QUEUES.iter().map(|(queue, ..)| *queue).collect();
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        anyhow::bail!("--queues: there is no queue {unknown:?}; there are {}", known.join(", "));
    }
    anyhow::ensure!(!named.is_empty(), "--queues names none; there are {}", known.join(", "));
    let others = settings::QUEUES.iter().filter(|(queue, ..)| !named.contains(queue));
    Ok(others.map(|(_, key, _)| (*key, "0".to_owned())).collect())
}

fn on_runtime(loaded: &Loaded, work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if loaded.settings.server.worker_threads > 0 {
        builder.worker_threads(loaded.settings.server.worker_threads);
    }
    builder.enable_all().build()?.block_on(work)
}
