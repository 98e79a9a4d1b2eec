//! The production layer that the domains stand on: the fence, the feed that drives it, the cache, the
//! guard, and the accounts that everything is done by.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use entrepot_accounts::{AccountSettings, Accounts, Algorithm, Dependencies, HashSettings};
use entrepot_analytics::Analytics;
use entrepot_cache::{Cache, CacheSettings, Fence, FenceSettings, Policy, Queries, RedisSettings, Ticker};
use entrepot_catalog::{Pictures, Reading};
use entrepot_exports::{ExportSettings, Exports};
use entrepot_feed::{Feed, FeedSettings};
use entrepot_guard::limits::RedisLimits;
use entrepot_guard::{Guard, GuardSettings, Limiter, Pressure, PressureSettings, Proxies, Quota};
use entrepot_jobs::{JobSettings, Jobs};
use entrepot_mail::{Mailer, Security, SmtpSettings};
use entrepot_notifications::letters::{Link, ReportReady};
use entrepot_notifications::{News, Notifications, Post, Shop};
use entrepot_pg::{Database, Error, Transaction};
use entrepot_realtime::{Live, LiveSettings};
use entrepot_reports::{Failed, Herald, Ready, ReportSettings, Reports};
use entrepot_runtime::{Breakers, Clock, Tasks};
use entrepot_web::ListenerStats;
use entrepot_webhooks::{Sender, SenderSettings, SystemResolver, TargetRules};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use object_store::ObjectStore;

use crate::queues::OnTheFeed;
use crate::settings::{LimitStore, MailSecurity, Settings, TokenAlgorithm, ms};

/// Credentials that are not good, from one address in 15 minutes: a client that has not noticed that its
/// token has expired sends some.
const BAD_CREDENTIALS: u32 = 100;
/// Of the memory that there is, so much may be in use where nobody says how much.
const MEMORY_SHARE: u64 = 75;

/// What is made once and handed to everyone.
pub(crate) struct Production {
    pub(crate) feed: Feed,
    pub(crate) cache: Cache,
    /// What the catalog is read with.
    pub(crate) reading: Reading,
    pub(crate) guard: Guard,
    pub(crate) accounts: Accounts,
    pub(crate) breakers: Breakers,
    pub(crate) listener: ListenerStats,
    pub(crate) live: Live,
    pub(crate) exports: Exports,
    pub(crate) jobs: Jobs,
    pub(crate) notifications: Notifications,
    pub(crate) reports: Reports,
    pub(crate) analytics: Analytics,
    pub(crate) pictures: Pictures,
}

impl Production {
    /// Builds it; `files` is where files lie. The feed is not followed until it is started.
    pub(crate) fn build(
        settings: &Settings,
        database: &Database,
        clock: &Clock,
        tasks: &Tasks,
        files: Arc<dyn ObjectStore>,
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
        let feed = feed(settings, database, fence);
        let guard = guard(settings, clock, tasks)?;
        let dependencies = Dependencies {
            database: database.clone(),
            clock: clock.clone(),
            feed: feed.clone(),
            cache: cache.clone(),
            guard: guard.clone(),
        };
        let jobs = jobs(settings, database, &feed);
        let shop = shop(settings);
        shop.check().context("letters cannot be written: see [shop] in the settings")?;
        let post = Post::new(jobs.clone(), shop, clock.clone());
        let accounts = accounts(settings, dependencies, post.clone());
        let breakers = Breakers::default();
        if let Some(breaker) = cache.breaker() {
            breakers.register(breaker);
        }
        let live = live(settings, &feed, clock, &accounts);
        let analytics = Analytics::new(entrepot_analytics::Dependencies {
            database: database.clone(),
            clock: clock.clone(),
            feed: feed.clone(),
            jobs: jobs.clone(),
        });
        let mailer = mailer(settings, clock, &breakers)?;
        let targets =
            TargetRules { allow_http: settings.webhooks.allow_http, allow_private: settings.webhooks.allow_private };
        let notifications = Notifications::new(entrepot_notifications::Dependencies {
            database: database.clone(),
            clock: clock.clone(),
            feed: feed.clone(),
            jobs: jobs.clone(),
            keeper: accounts.doorkeeper(),
            post,
            mailer,
            sender: sender(settings, clock, targets)?,
            targets,
        });
        let pictures = Pictures { files: files.clone(), jobs: jobs.clone() };
        let reports = Reports::new(
            entrepot_reports::Dependencies {
                database: database.clone(),
                clock: clock.clone(),
                feed: feed.clone(),
                keeper: accounts.doorkeeper(),
                files: files.clone(),
                jobs: jobs.clone(),
                herald: Arc::new(InTheInbox { notifications: notifications.clone(), shop_url: settings.shop_url() }),
            },
            vec![entrepot_sales::reported(database), entrepot_catalog::reported(database)],
            ReportSettings {
                keep: Duration::from_secs(u64::from(settings.reports.keep_days) * 86_400),
                organisation: settings.shop.name.clone(),
            },
        );
        let exports = exports(settings, database, clock, &feed, &accounts, files, &jobs);
        let listener = ListenerStats::default();
        Ok(Self {
            feed,
            cache,
            reading,
            guard,
            accounts,
            breakers,
            listener,
            live,
            exports,
            jobs,
            notifications,
            reports,
            analytics,
            pictures,
        })
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

fn live(settings: &Settings, feed: &Feed, clock: &Clock, accounts: &Accounts) -> Live {
    let live = &settings.live;
    let settings = LiveSettings {
        heartbeat: ms(live.heartbeat_ms),
        queue_bytes: live.queue_kib * 1024,
        most_topics: live.max_topics,
        burst: live.message_burst,
        messages_per_s: live.messages_per_s,
        ..LiveSettings::default()
    };
    Live::new(feed.clone(), clock.clone(), accounts.doorkeeper(), settings)
}

fn jobs(settings: &Settings, database: &Database, feed: &Feed) -> Jobs {
    let jobs = &settings.jobs;
    let job_settings = JobSettings {
        lease: ms(jobs.lease_ms),
        poll: ms(jobs.poll_ms),
        nudges: jobs.nudges,
        keep: Duration::from_secs(jobs.keep_h * 3_600),
        drain: ms(jobs.drain_ms),
    };
    Jobs::told_to(database.clone(), job_settings, Arc::new(OnTheFeed(feed.clone())))
}

fn exports(
    settings: &Settings,
    database: &Database,
    clock: &Clock,
    feed: &Feed,
    accounts: &Accounts,
    files: Arc<dyn ObjectStore>,
    jobs: &Jobs,
) -> Exports {
    let dependencies = entrepot_exports::Dependencies {
        database: database.clone(),
        clock: clock.clone(),
        feed: feed.clone(),
        keeper: accounts.doorkeeper(),
        files,
        jobs: jobs.clone(),
    };
    let export_settings = ExportSettings { keep: Duration::from_secs(settings.exports.keep_h * 3_600) };
    Exports::new(
        dependencies,
        vec![entrepot_sales::exported(database), entrepot_catalog::exported(database)],
        export_settings,
    )
}

fn guard(settings: &Settings, clock: &Clock, tasks: &Tasks) -> anyhow::Result<Guard> {
    let (limits, guard) = (&settings.rate_limits, &settings.guard);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let quota = |name, limit, window| Quota { name, limit, window };
    let guard_settings = GuardSettings {
        limits: limits.enabled,
        general: quota("general", limits.general, minutes(15)),
        api: quota("api", limits.api, minutes(1)),
        front_end: quota("front-end", limits.front_end, minutes(1)),
        sign_in: quota("auth", limits.auth, minutes(15)),
        credentials: quota("credentials", BAD_CREDENTIALS, minutes(15)),
        suspicion: guard.suspicion,
        points: quota("suspicion", guard.block_at, minutes(10)),
        block_for: minutes(guard.block_min),
    };
    let is_shared = limits.store != LimitStore::Memory && !settings.redis.url.is_empty();
    let limiter = if is_shared {
        let redis = RedisLimits {
            timeout: ms(settings.redis.timeout_ms),
            ..RedisLimits::at(settings.redis.url.clone(), "entrepot:")
        };
        Limiter::shared(clock.clone(), limits.max_tracked, redis, tasks)?
    } else {
        Limiter::in_memory(clock.clone(), limits.max_tracked)
    };
    let memory_bytes = match guard.memory_limit_mib {
        0 => entrepot_telemetry::memory().total / 100 * MEMORY_SHARE,
        mib => mib * 1024 * 1024,
    };
    let pressure =
        Pressure::new(PressureSettings { at_once: guard.at_once, patience: ms(guard.queue_ms), memory_bytes });
    let proxies = Proxies::new(&guard.trusted_proxies);
    let proxies = proxies.map_err(|proxy| anyhow::anyhow!("{proxy:?} is no address or network"))?;
    Ok(Guard::new(guard_settings, proxies, limiter, pressure, clock.clone()))
}

/// Tells whoever ordered a report that it is ready.
struct InTheInbox {
    notifications: Notifications,
    shop_url: String,
}

impl Herald for InTheInbox {
    fn tell<'a>(&'a self, transaction: &'a Transaction, report: &'a Ready) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let Ok(link) = Link::new(&format!("{}{}", self.shop_url.trim_end_matches('/'), report.path)) else {
                tracing::error!("the shop's address cannot be linked to (shop.url): a report was not told of");
                return Ok(());
            };
            let letter = ReportReady {
                title: report.title.as_str().into(),
                period: report.period.as_str().into(),
                link,
                expires_at: report.expires_at,
            };
            let (owner, mail_to) = (report.owner, report.mail_to.as_deref());
            self.notifications.report_ready(transaction, owner, letter, &report.path, mail_to).await
        })
    }

    fn tell_failed<'a>(&'a self, transaction: &'a Transaction, report: &'a Failed) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let news = News {
                kind: "report-failed",
                title: format!("The report of {} could not be made", report.kind),
                body: report.why.clone(),
                link: Some(format!("/api/v2/reports/{}", report.id)),
            };
            self.notifications.notify(transaction, report.owner, &news).await.map(|_id| ())
        })
    }
}

fn shop(settings: &Settings) -> Shop {
    let url = settings.shop_url();
    let support = Some(settings.shop.support.clone()).filter(|support| !support.is_empty());
    Shop { name: settings.shop.name.clone(), support: support.unwrap_or_else(|| url.clone()), url }
}

fn mailer(settings: &Settings, clock: &Clock, breakers: &Breakers) -> anyhow::Result<Mailer> {
    let mail = &settings.mail;
    let extra_roots_pem = match mail.roots.as_os_str().is_empty() {
        true => None,
        false => Some(std::fs::read_to_string(&mail.roots).context("mail.roots cannot be read")?),
    };
    let smtp = (!mail.host.is_empty()).then(|| SmtpSettings {
        host: mail.host.clone(),
        port: mail.port,
        security: match mail.security {
            MailSecurity::None => Security::None,
            MailSecurity::StartTls => Security::StartTls,
            MailSecurity::Tls => Security::Tls,
        },
        user: mail.user.clone(),
        password: mail.password.clone(),
        timeout: ms(mail.timeout_ms),
        connections: mail.connections,
        extra_roots_pem,
    });
    let mail_settings = entrepot_mail::MailSettings {
        smtp,
        from: mail.from.clone(),
        reply_to: Some(mail.reply_to.clone()).filter(|address| !address.is_empty()),
        folder: settings.data.folder.join("mail"),
        keep: mail.keep,
        per_recipient: (mail.per_recipient, Duration::from_secs(3_600)),
    };
    Ok(Mailer::new(&mail_settings, clock.clone(), breakers)?)
}

fn sender(settings: &Settings, clock: &Clock, targets: TargetRules) -> anyhow::Result<Sender> {
    let sender_settings =
        SenderSettings { timeout: ms(settings.webhooks.timeout_ms), targets, ..SenderSettings::default() };
    Ok(Sender::new(sender_settings, clock.clone(), Arc::new(SystemResolver::default()))?)
}

fn accounts(settings: &Settings, dependencies: Dependencies, post: Post) -> Accounts {
    let auth = &settings.auth;
    let account_settings = AccountSettings {
        algorithm: match auth.algorithm {
            TokenAlgorithm::Hs256 => Algorithm::Hs256,
            TokenAlgorithm::EdDsa => Algorithm::EdDsa,
        },
        access_token: Duration::from_secs(auth.access_token_s),
        session: SignedDuration::from_hours(i64::from(auth.session_h)),
        hashing: HashSettings {
            memory_kib: auth.hash_memory_kib,
            passes: auth.hash_passes,
            at_once: auth.hash_at_once,
        },
        password_min_length: auth.password_min_length,
        verified_email_required: auth.verified_email_required,
    };
    Accounts::new(dependencies, account_settings, Arc::new(post))
}

/// Accounts that only a command uses: nothing of them runs in the background.
pub(crate) fn accounts_for_a_command(
    settings: &Settings,
    database: &Database,
    clock: &Clock,
    tasks: &Tasks,
) -> anyhow::Result<Accounts> {
    let mut settings = settings.clone();
    // Nobody is counted here, and there is no need to connect to anything but the database.
    settings.redis.url.clear();
    settings.rate_limits.store = LimitStore::Memory;
    let files = Arc::new(object_store::memory::InMemory::new());
    Ok(Production::build(&settings, database, clock, tasks, files)?.accounts)
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
