//! `entrepot import`.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use entrepot_catalog::import::{ImportReport, import_products as load_products, open};
use entrepot_feed::Feed;
use entrepot_pg::Database;
use entrepot_runtime::Clock;
use entrepot_sales::import::{TransactionReport, import_transactions as load_transactions};

use super::{as_command, quiet_logs};
use crate::database::Home;
use crate::production::feed_for_a_command;
use crate::settings::Settings;
use crate::terminal::{progress, say, spin, thousands, thousands_of};

pub(crate) async fn import_products(
    settings: &Settings,
    file: &Path,
    report_to: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let currency = settings.import.currency.parse().context("import.currency")?;
    import(settings, file, async |tools, input| {
        let Tools { database, clock, feed, start } = tools;
        let to = entrepot_catalog::Dependencies { database, clock: clock.clone(), feed };
        let report = as_command(load_products(&to, input, currency)).await;
        let report = report.with_context(|| format!("{}: nothing was imported", file.display()))?;
        tell_products(&report, file, start);
        let lines =
            report.notes.iter().map(|note| (note.line, note.sku.clone(), note.kind.to_string(), note.what.clone()));
        write_report(lines, "products", report_to, settings, &clock)
    })
    .await
}

pub(crate) async fn import_transactions(
    settings: &Settings,
    file: &Path,
    report_to: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    import(settings, file, async |tools, input| {
        let Tools { database, clock, feed, start } = tools;
        let to = entrepot_sales::Dependencies { database, clock: clock.clone(), feed };
        let report = as_command(load_transactions(&to, input)).await;
        let report = report.with_context(|| format!("{}: nothing was imported", file.display()))?;
        tell_transactions(&report, file, start);
        let lines =
            report.notes.iter().map(|note| (note.line, String::new(), note.kind.to_string(), note.what.clone()));
        write_report(lines, "transactions", report_to, settings, &clock)
    })
    .await
}

/// What an import works with.
struct Tools {
    database: Database,
    clock: Clock,
    feed: Feed,
    start: Instant,
}

/// Opens the file and the database, and has `load` read the one into the other.
async fn import(
    settings: &Settings,
    file: &Path,
    load: impl AsyncFnOnce(Tools, Box<dyn Read + Send>) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    // Before anything is started: a name that is misspelt is the likeliest mistake.
    let size = std::fs::metadata(file).with_context(|| format!("cannot open {}", file.display()))?.len();
    let home = Home::shared(settings, "import").await?;
    let outcome = async {
        home.migrate(settings).await?;
        let database = home.database(settings)?;
        let (clock, _reference) = home.clock(settings, &database).await?;
        let feed = feed_for_a_command(settings, &database);
        let start = Instant::now();
        let bar = progress(size, "reading {bar:40} {bytes}/{total_bytes}");
        let (input, _bytes) = {
            let bar = bar.clone();
            open(file, move |read| {
                bar.inc(read);
                if bar.position() >= size {
                    // How long the database takes nobody knows; that it works is seen.
                    spin(&bar, "writing {spinner} {elapsed}");
                }
            })?
        };
        let loaded = load(Tools { database, clock, feed, start }, input).await;
        bar.finish_and_clear();
        loaded
    }
    .await;
    home.close().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

fn tell_products(report: &ImportReport, file: &Path, start: Instant) {
    say(format_args!(
        "{}: {} rows in {:.1} s: {} products new, {} changed, {} as they were, {} refused; {} categories new",
        file.display(),
        thousands(report.rows),
        start.elapsed().as_secs_f64(),
        thousands(report.created),
        thousands(report.updated),
        thousands(report.unchanged),
        thousands(report.refused),
        thousands(report.categories_created),
    ));
    let mut kinds: BTreeMap<_, u64> = BTreeMap::new();
    for note in &report.notes {
        *kinds.entry(note.kind).or_default() += 1;
    }
    for (kind, count) in kinds {
        say(format_args!("  {:>7} {kind}", thousands(count)));
    }
}

fn tell_transactions(report: &TransactionReport, file: &Path, start: Instant) {
    say(format_args!(
        "{}: {} lines of {} baskets in {:.1} s, sales of {}: {} days of {} stores ({} new); {} months new, {} changed, {} as they were",
        file.display(),
        thousands(report.lines),
        thousands(report.baskets),
        start.elapsed().as_secs_f64(),
        thousands_of(&report.sales.normalize().to_string()),
        thousands(report.days),
        thousands(report.stores),
        thousands(report.stores_created),
        thousands(report.created),
        thousands(report.updated),
        thousands(report.unchanged),
    ));
    for (kind, count) in &report.counts {
        say(format_args!("  {:>7} {kind}", thousands(*count)));
    }
}

/// Writes what was adjusted or refused as CSV, where there is anything: line, product_id, what was done, why.
fn write_report(
    notes: impl Iterator<Item = (u64, String, String, String)>,
    kind: &str,
    to: Option<PathBuf>,
    settings: &Settings,
    clock: &Clock,
) -> anyhow::Result<()> {
    let mut notes = notes.peekable();
    if notes.peek().is_none() {
        return Ok(());
    }
    let path = to.unwrap_or_else(|| {
        let stamp = clock.now().strftime("%Y%m%dT%H%M%SZ");
        settings.data.folder.join("reports").join(format!("import-{kind}-{stamp}.csv"))
    });
    write_notes(notes, &path).with_context(|| format!("cannot write {}", path.display()))?;
    say(format_args!("  every such line is named in {}", path.display()));
    Ok(())
}

fn write_notes(notes: impl Iterator<Item = (u64, String, String, String)>, path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "line,product_id,outcome,reason")?;
    let quoted = |text: &str| text.replace('"', "\"\"");
    for (line, sku, outcome, reason) in notes {
        writeln!(out, "{line},{sku},\"{}\",\"{}\"", quoted(&outcome), quoted(&reason))?;
    }
    out.flush()?;
    Ok(())
}
