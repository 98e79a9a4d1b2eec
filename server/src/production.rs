//! The production layer that the domains stand on: the fence, the feed that drives it, the cache.

use std::time::Duration;

use entrepot_cache::{Cache, CacheSettings, Fence, FenceSettings, Policy, Queries, RedisSettings, Ticker};
use entrepot_catalog::Reading;
use entrepot_feed::{Feed, FeedSettings};
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};

use crate::settings::{Settings, ms};

/// What is made once and handed to everyone.
pub(crate) struct Production {
    pub(crate) feed: Feed,
    pub(crate) cache: Cache,
    /// What the catalog is read with.
    pub(crate) reading: Reading,
}

impl Production {
    /// Builds it. The feed is not followed until it is started.
    pub(crate) fn build(
        settings: &Settings,
        database: &Database,
        clock: &Clock,
        tasks: &Tasks,
    ) -> anyhow::Result<Self> {
        let cache = &settings.cache;
        let fence = Fence::new(FenceSettings {
            max_lag: ms(settings.feed.max_lag_ms),
            slots: cache.tag_slots,
            enforced: cache.fenced,
            ticker: Ticker::system(),
        });
        let redis = (!settings.redis.url.is_empty())
            .then(|| RedisSettings { url: settings.redis.url.clone(), timeout: ms(settings.redis.timeout_ms) });
        let cache = Cache::start(
            CacheSettings {
                enabled: cache.enabled,
                memory_bytes: cache.memory_mib * 1024 * 1024,
                redis,
                prefix: "entrepot".to_owned(),
            },
            fence.clone(),
            clock.clone(),
            tasks,
        )?;
        let reading = Reading {
            cache: cache.clone(),
            queries: Queries::new(&cache),
            ttl: Duration::from_secs(settings.cache.ttl_products_s),
            views_flush: ms(settings.cache.counters_flush_ms),
        };
        Ok(Self { feed: feed(settings, database, fence), cache, reading })
    }

    /// The kinds of answers, and how long each lives.
    pub(crate) fn kinds(settings: &Settings) -> Vec<(&'static str, Policy)> {
        let cache = &settings.cache;
        let kind = |seconds: u64| {
            let policy =
                Policy::live(Duration::from_secs(seconds)).fill_timeout(ms(settings.server.request_timeout_ms));
            match cache.fail_safe_s {
                0 => policy,
                seconds => policy.fail_safe(Duration::from_secs(seconds)),
            }
        };
        vec![
            ("products", kind(cache.ttl_products_s)),
            ("categories", kind(cache.ttl_categories_s)),
            ("search", kind(cache.ttl_search_s)),
        ]
    }
}

/// A feed that is only written to: for commands that change something and end.
pub(crate) fn feed_for_a_command(settings: &Settings, database: &Database) -> Feed {
    feed(settings, database, Fence::new(FenceSettings::default()))
}

fn feed(settings: &Settings, database: &Database, fence: Fence) -> Feed {
    let feed = &settings.feed;
    let settings = FeedSettings {
        poll: ms(feed.poll_ms),
        nudges: feed.nudges,
        retention: Duration::from_secs(u64::from(feed.retention_days) * 24 * 3_600),
        ..FeedSettings::default()
    };
    Feed::new(database.clone(), fence, settings)
}
