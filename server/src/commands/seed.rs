//! `entrepot seed`.

use std::process::ExitCode;
use std::time::Instant;

use entrepot_catalog::Dependencies;
use entrepot_catalog::seed::SeedProfile;

use super::{as_command, quiet_logs};
use crate::database::Home;
use crate::production::feed_for_a_command;
use crate::settings::Settings;
use crate::terminal::{progress, say, thousands};

pub(crate) async fn seed(settings: &Settings, profile: SeedProfile, reset: bool) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::shared(settings, "seed").await?;
    let outcome = fill(&home, settings, profile, reset).await;
    home.close().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn fill(home: &Home, settings: &Settings, profile: SeedProfile, reset: bool) -> anyhow::Result<()> {
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let feed = feed_for_a_command(settings, &database);
    let (clock, _reference) = home.clock(settings, &database).await?;
    let to = Dependencies { database, clock, feed };
    let start = Instant::now();
    let bar = progress(0, "seeding {bar:40} {pos}/{len} products, {eta} to go");
    let tick = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let seeded = as_command(entrepot_catalog::seed::seed(&to, profile, reset, &tick)).await;
    bar.finish_and_clear();
    let seeded = seeded?;
    say(format_args!(
        "{} products in {} categories, in {:.1} s",
        thousands(seeded.products as u64),
        thousands(seeded.categories as u64),
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}
