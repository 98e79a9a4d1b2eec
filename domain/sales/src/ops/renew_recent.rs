//! Moves the partial index on recent months forward, once a year: see `store/recent.rs`.

use std::time::Duration;

use entrepot_pg::Error;
use entrepot_runtime::Tasks;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Dependencies, store};

const EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Months that the index keeps when it is made.
const KEPT: i32 = 24;
/// Months that it may have grown by before it is made anew.
const GROWN: i32 = 12;

/// Looks once a day whether it is time.
pub(crate) fn start(to: &Dependencies, tasks: &Tasks) {
    let to = to.clone();
    tasks.supervise("sales-upkeep", move || {
        let to = to.clone();
        async move {
            let mut beat = tokio::time::interval(EVERY);
            // The first beat is at once, when the schema may just have been made.
            loop {
                beat.tick().await;
                if let Err(error) = renew_by_time(&to).await {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "the index on recent months could not be renewed; it is tried again tomorrow");
                }
            }
        }
    });
}

async fn renew_by_time(to: &Dependencies) -> Result<bool, Error> {
    renew(to, to.database.upkeep_time(&to.clock).await?).await
}

/// Makes the index anew if its bound lies too far back.
pub(crate) async fn renew(to: &Dependencies, now: Timestamp) -> Result<bool, Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let this_month = i32::from(today.year()) * 12 + i32::from(today.month()) - 1;
    // A connection of its own: building an index may take longer than a statement of a request may, and
    // whatever becomes of this task, nobody inherits the lock.
    let connection = to.database.dedicated("entrepot-sales-upkeep", "-c statement_timeout=0").await?;
    let client = connection.client();
    let is_due = store::recent_bound(client).await?.is_none_or(|bound| this_month - bound > KEPT + GROWN);
    if !is_due || !store::try_upkeep(client).await? {
        return Ok(false);
    }
    store::renew_recent(client, this_month - KEPT).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use entrepot_cache::{Fence, FenceSettings};
    use entrepot_feed::{Feed, FeedSettings};
    use entrepot_migrations::MIGRATIONS;
    use entrepot_runtime::Clock;
    use entrepot_testkit::test_database;

    use super::*;

    #[tokio::test]
    async fn the_bound_moves_forward_once_a_year_and_the_old_index_goes() {
        let database = test_database(MIGRATIONS).await;
        let feed = Feed::new(database.database.clone(), Fence::new(FenceSettings::default()), FeedSettings::default());
        let to = Dependencies { database: database.database.clone(), clock: Clock::system(), feed };
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert!(!renew(&to, at("2026-12-31T00:00:00Z")).await.expect("looked"), "it is not due yet");
        assert!(renew(&to, at("2027-02-01T00:00:00Z")).await.expect("renewed"));
        assert!(!renew(&to, at("2027-03-01T00:00:00Z")).await.expect("looked"));
        let client = database.client().await;
        let bound = store::recent_bound(&client).await.expect("read");
        assert_eq!(bound, Some(2025 * 12 + 1));
        let sql = "SELECT count(*) FROM pg_class WHERE relname LIKE 'month\\_recent\\_%'";
        assert_eq!(
            client.query_one(sql, &[]).await.expect("counted").get::<_, i64>(0),
            1,
            "the old one is still there"
        );
    }
}
