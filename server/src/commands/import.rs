//! `entrepot import`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use entrepot_catalog::Dependencies;
use entrepot_catalog::import::{ImportReport, import_products as load, open};
use entrepot_runtime::Clock;

use super::{as_command, quiet_logs};
use crate::database::Home;
use crate::production::feed_for_a_command;
use crate::settings::Settings;
use crate::terminal::{progress, say, thousands};

pub(crate) async fn import_products(
    settings: &Settings,
    file: &Path,
    report_to: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    // Before anything is started: a name that is misspelt is the likeliest mistake.
    std::fs::metadata(file).with_context(|| format!("cannot open {}", file.display()))?;
    let home = Home::shared(settings, "import").await?;
    let outcome = import(&home, settings, file, report_to).await;
    home.close().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn import(home: &Home, settings: &Settings, file: &Path, report_to: Option<PathBuf>) -> anyhow::Result<()> {
    home.migrate(settings).await?;
    let clock = Clock::system();
    let database = home.database(settings)?;
    let feed = feed_for_a_command(settings, &database);
    let to = Dependencies { database, clock: clock.clone(), feed };
    let currency = settings.import.currency.parse().context("import.currency")?;
    let start = Instant::now();
    let bar = progress(0, "{msg} {bar:40} {bytes}/{total_bytes}");
    bar.set_message("reading");
    let (input, bytes) = {
        let bar = bar.clone();
        open(file, move |read| {
            bar.inc(read);
            if bar.length().is_some_and(|length| length > 0 && bar.position() >= length) {
                bar.set_message("writing");
            }
        })?
    };
    bar.set_length(bytes);
    let report = as_command(load(&to, input, currency)).await;
    bar.finish_and_clear();
    let report = report.with_context(|| format!("{}: nothing was imported", file.display()))?;
    tell_report(&report, file, start);
    if !report.notes.is_empty() {
        let path = report_to.unwrap_or_else(|| {
            let stamp = clock.now().strftime("%Y%m%dT%H%M%SZ");
            settings.data.folder.join("reports").join(format!("import-products-{stamp}.csv"))
        });
        write_report(&report, &path).with_context(|| format!("cannot write {}", path.display()))?;
        say(format_args!("  every such line is named in {}", path.display()));
    }
    Ok(())
}

fn tell_report(report: &ImportReport, file: &Path, start: Instant) {
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

/// Writes the notes as CSV: line, product_id, what was done, why.
fn write_report(report: &ImportReport, path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "line,product_id,outcome,reason")?;
    for note in &report.notes {
        let reason = note.what.replace('"', "\"\"");
        writeln!(out, "{},{},{},\"{reason}\"", note.line, note.sku, note.kind)?;
    }
    out.flush()?;
    Ok(())
}
