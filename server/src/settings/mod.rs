//! The settings in force. `config/default.toml` says what each is and what it defaults to.
//!
//! **Invariants:**
//! - The environment is read here and nowhere else.
//! - Nothing is silently ignored: an unknown key, a bad value, or a variable that begins with
//!   `ENTREPOT_` and names no setting is an error that names it.

mod layers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use layers::Layers;
pub use layers::SettingsError;
pub(crate) use layers::Source;

/// The default settings, as text.
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// Variables that name a setting without following the general rule; the seeds of this project and
/// people's habits use them.
const VARIABLES: &[(&str, &str)] = &[
    ("HOST", "server.host"),
    ("PORT", "server.port"),
    ("ENTREPOT_DATA", "data.folder"),
    ("DATABASE_URL", "database.url"),
    ("DB_POOL_MIN", "database.pool_min"),
    ("DB_POOL_MAX", "database.pool_max"),
    ("DB_IDLE_TIMEOUT", "database.idle_timeout_ms"),
    ("DB_CONNECTION_TIMEOUT", "database.connection_timeout_ms"),
    ("DB_QUERY_TIMEOUT", "database.query_timeout_ms"),
    ("REDIS_URL", "redis.url"),
    ("LOG_LEVEL", "log.level"),
    ("LOG_FORMAT", "log.format"),
    ("CACHE_WARMUP_INTERVAL", "cache.warm_every_min"),
    ("CACHE_TTL_PRODUCTS", "cache.ttl_products_s"),
    ("CACHE_TTL_CATEGORIES", "cache.ttl_categories_s"),
    ("CACHE_TTL_SEARCH", "cache.ttl_search_s"),
    ("SMTP_HOST", "mail.host"),
    ("SMTP_PORT", "mail.port"),
    ("SMTP_SECURITY", "mail.security"),
    ("SMTP_USER", "mail.user"),
    ("SMTP_PASSWORD", "mail.password"),
    ("MAIL_FROM", "mail.from"),
    ("RATE_LIMIT_GENERAL", "rate_limits.general"),
    ("RATE_LIMIT_AUTH", "rate_limits.auth"),
    ("RATE_LIMIT_API", "rate_limits.api"),
    ("RATE_LIMIT_FRONT_END", "rate_limits.front_end"),
];

/// Variables of this program that are no settings.
const NOT_SETTINGS: &[&str] = &["ENTREPOT_CONFIG"];

/// Settings whose values may hold a password.
const SECRETS: &[&str] = &["database.url", "redis.url", "admin.password", "files.s3_secret_key", "mail.password"];

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) tls: TlsSettings,
    pub(crate) cors: CorsSettings,
    pub(crate) data: DataSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) clock: ClockSettings,
    pub(crate) redis: RedisSettings,
    pub(crate) log: LogSettings,
    pub(crate) import: ImportSettings,
    pub(crate) cache: CacheSettings,
    pub(crate) feed: FeedSettings,
    pub(crate) rate_limits: RateLimitSettings,
    pub(crate) admin: AdminSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) guard: GuardSettings,
    pub(crate) live: LiveSettings,
    pub(crate) files: FileSettings,
    pub(crate) exports: ExportSettings,
    pub(crate) reports: ReportSettings,
    pub(crate) jobs: JobsSettings,
    pub(crate) shop: ShopSettings,
    pub(crate) mail: MailSettings,
    pub(crate) webhooks: WebhookSettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockSettings {
    pub(crate) tolerance_ms: u64,
    pub(crate) offset_s: i64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSettings {
    pub(crate) url: String,
    pub(crate) s3_endpoint: String,
    pub(crate) s3_region: String,
    pub(crate) s3_access_key: String,
    pub(crate) s3_secret_key: String,
}

impl std::fmt::Debug for FileSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileSettings").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportSettings {
    pub(crate) keep_h: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportSettings {
    pub(crate) keep_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobsSettings {
    pub(crate) email: usize,
    pub(crate) notifications: usize,
    pub(crate) reports: usize,
    pub(crate) inventory: usize,
    pub(crate) analytics: usize,
    pub(crate) exports: usize,
    pub(crate) images: usize,
    pub(crate) cache: usize,
    pub(crate) email_per_minute: u32,
    pub(crate) lease_ms: u64,
    pub(crate) poll_ms: u64,
    pub(crate) nudges: bool,
    pub(crate) keep_h: u64,
    pub(crate) drain_ms: u64,
}

impl JobsSettings {
    /// The queues, and how many jobs of each run at once.
    pub(crate) fn queues(&self) -> [(&'static str, usize); 8] {
        QUEUES.map(|(queue, _, at_once)| (queue, at_once(self)))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShopSettings {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) support: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: MailSecurity,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) roots: PathBuf,
    pub(crate) from: String,
    pub(crate) reply_to: String,
    pub(crate) timeout_ms: u64,
    pub(crate) connections: u32,
    pub(crate) per_recipient: u32,
    pub(crate) keep: usize,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MailSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailSecurity {
    None,
    StartTls,
    Tls,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    pub(crate) allow_private: bool,
    pub(crate) allow_http: bool,
    pub(crate) timeout_ms: u64,
}

/// How many jobs of a queue run at once.
type AtOnce = fn(&JobsSettings) -> usize;

/// The queues, and the settings that say how many jobs of each run at once.
pub(crate) const QUEUES: [(&str, &str, AtOnce); 8] = [
    ("email", "jobs.email", |jobs| jobs.email),
    ("notifications", "jobs.notifications", |jobs| jobs.notifications),
    ("reports", "jobs.reports", |jobs| jobs.reports),
    ("inventory", "jobs.inventory", |jobs| jobs.inventory),
    ("analytics", "jobs.analytics", |jobs| jobs.analytics),
    ("exports", "jobs.exports", |jobs| jobs.exports),
    ("images", "jobs.images", |jobs| jobs.images),
    ("cache", "jobs.cache", |jobs| jobs.cache),
];

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunsAs {
    Api,
    Worker,
    Live,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveSettings {
    pub(crate) heartbeat_ms: u64,
    pub(crate) queue_kib: usize,
    pub(crate) max_topics: usize,
    pub(crate) message_burst: u32,
    pub(crate) messages_per_s: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    pub(crate) roles: Vec<RunsAs>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) request_timeout_ms: u64,
    pub(crate) header_timeout_ms: u64,
    pub(crate) body_timeout_ms: u64,
    pub(crate) write_timeout_ms: u64,
    pub(crate) body_limit_bytes: usize,
    pub(crate) max_connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) drain_ms: u64,
    pub(crate) worker_threads: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsSettings {
    pub(crate) origins: Vec<String>,
    pub(crate) max_age_s: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataSettings {
    pub(crate) folder: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSettings {
    pub(crate) url: String,
    pub(crate) pool_min: usize,
    pub(crate) pool_max: usize,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) connection_timeout_ms: u64,
    pub(crate) query_timeout_ms: u64,
    pub(crate) pipeline_connections: usize,
    pub(crate) start_timeout_ms: u64,
    pub(crate) private_shared_buffers_mib: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSettings {
    pub(crate) url: String,
    pub(crate) timeout_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
    pub(crate) requests: LogRequests,
    pub(crate) slow_request_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Auto,
    Pretty,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogRequests {
    Auto,
    All,
    Failed,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportSettings {
    pub(crate) currency: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheSettings {
    pub(crate) enabled: bool,
    pub(crate) fenced: bool,
    pub(crate) memory_mib: u64,
    pub(crate) tag_slots: usize,
    pub(crate) ttl_products_s: u64,
    pub(crate) ttl_categories_s: u64,
    pub(crate) ttl_search_s: u64,
    pub(crate) fail_safe_s: u64,
    pub(crate) warm_after_start_s: u64,
    pub(crate) warm_every_min: u64,
    pub(crate) warm_at_once: usize,
    pub(crate) counters_flush_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedSettings {
    pub(crate) poll_ms: u64,
    pub(crate) max_lag_ms: u64,
    pub(crate) nudges: bool,
    pub(crate) retention_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSettings {
    pub(crate) enabled: bool,
    pub(crate) general: u32,
    pub(crate) auth: u32,
    pub(crate) api: u32,
    pub(crate) front_end: u32,
    pub(crate) store: LimitStore,
    pub(crate) max_tracked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LimitStore {
    Auto,
    Memory,
    Redis,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminSettings {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) password_file: PathBuf,
}

impl AdminSettings {
    /// The password of the first admin: the setting itself, or the first line of the file that is named. Empty where
    /// there is neither.
    pub(crate) fn password(&self) -> std::io::Result<String> {
        if self.password_file.as_os_str().is_empty() {
            return Ok(self.password.clone());
        }
        let text = std::fs::read_to_string(&self.password_file)?;
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the first line is empty"));
        }
        Ok(password.to_owned())
    }
}

impl std::fmt::Debug for AdminSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AdminSettings").field("email", &self.email).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) access_token_s: u64,
    pub(crate) session_h: u32,
    pub(crate) password_min_length: usize,
    pub(crate) hash_memory_kib: u32,
    pub(crate) hash_passes: u32,
    pub(crate) hash_at_once: usize,
    pub(crate) verified_email_required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum TokenAlgorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardSettings {
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) suspicion: bool,
    pub(crate) block_at: u32,
    pub(crate) block_min: u64,
    pub(crate) at_once: usize,
    pub(crate) queue_ms: u64,
    pub(crate) memory_limit_mib: u64,
}

/// A setting as it is shown to people.
pub(crate) struct Shown {
    pub(crate) key: String,
    /// As TOML; secrets hidden.
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// The settings, and what there is to tell about them.
pub struct Loaded {
    /// In force.
    pub settings: Settings,
    pub(crate) shown: Vec<Shown>,
}

/// Puts the settings together from the defaults, a file, the environment, and what the command line
/// says (`key = value` pairs, the last to win).
///
/// # Errors
/// See [`SettingsError`].
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    arguments: &[(&str, String)],
) -> Result<Loaded, SettingsError> {
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let named = environment.iter().find(|(name, _)| name == "ENTREPOT_CONFIG").map(|(_, value)| PathBuf::from(value));
    let mut layers = Layers::defaults(DEFAULTS)?;
    if let Some(file) = file.map(Path::to_owned).or(named) {
        layers.add_file(&file)?;
    }
    layers.add_environment(&environment, VARIABLES, NOT_SETTINGS)?;
    for (key, value) in arguments {
        layers.set_text(key, value, Source::Argument)?;
    }
    let settings: Settings = layers.typed()?;
    settings.check(&layers)?;
    Ok(Loaded { settings, shown: layers.shown(SECRETS) })
}

impl Settings {
    /// What a type cannot say.
    fn check(&self, layers: &Layers) -> Result<(), SettingsError> {
        let at_least_one = [
            ("server.request_timeout_ms", self.server.request_timeout_ms),
            ("server.header_timeout_ms", self.server.header_timeout_ms),
            ("server.body_timeout_ms", self.server.body_timeout_ms),
            ("server.write_timeout_ms", self.server.write_timeout_ms),
            ("server.body_limit_bytes", self.server.body_limit_bytes as u64),
            ("server.max_connections", self.server.max_connections as u64),
            ("database.pool_max", self.database.pool_max as u64),
            ("database.idle_timeout_ms", self.database.idle_timeout_ms),
            ("database.connection_timeout_ms", self.database.connection_timeout_ms),
            ("database.query_timeout_ms", self.database.query_timeout_ms),
            ("database.pipeline_connections", self.database.pipeline_connections as u64),
            ("redis.timeout_ms", self.redis.timeout_ms),
            ("cache.memory_mib", self.cache.memory_mib),
            ("cache.ttl_products_s", self.cache.ttl_products_s),
            ("cache.ttl_categories_s", self.cache.ttl_categories_s),
            ("cache.ttl_search_s", self.cache.ttl_search_s),
            ("cache.warm_at_once", self.cache.warm_at_once as u64),
            ("cache.counters_flush_ms", self.cache.counters_flush_ms),
            ("rate_limits.general", u64::from(self.rate_limits.general)),
            ("rate_limits.auth", u64::from(self.rate_limits.auth)),
            ("rate_limits.api", u64::from(self.rate_limits.api)),
            ("rate_limits.max_tracked", self.rate_limits.max_tracked as u64),
            ("auth.access_token_s", self.auth.access_token_s),
            ("auth.session_h", u64::from(self.auth.session_h)),
            ("guard.block_at", u64::from(self.guard.block_at)),
            ("guard.block_min", self.guard.block_min),
            ("guard.at_once", self.guard.at_once as u64),
            ("feed.poll_ms", self.feed.poll_ms),
            ("feed.retention_days", u64::from(self.feed.retention_days)),
            ("reports.keep_days", u64::from(self.reports.keep_days)),
            ("mail.connections", u64::from(self.mail.connections)),
            ("mail.per_recipient", u64::from(self.mail.per_recipient)),
            ("mail.keep", self.mail.keep as u64),
            ("mail.timeout_ms", self.mail.timeout_ms),
            ("webhooks.timeout_ms", self.webhooks.timeout_ms),
            ("database.private_shared_buffers_mib", u64::from(self.database.private_shared_buffers_mib)),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(layers.bad(key, "must be at least 1"));
            }
        }
        let is_given = |file: &Path| !file.as_os_str().is_empty();
        match (is_given(&self.tls.certificate), is_given(&self.tls.key)) {
            (true, false) => return Err(layers.bad("tls.certificate", "needs tls.key beside it")),
            (false, true) => return Err(layers.bad("tls.key", "needs tls.certificate beside it")),
            (true, true) | (false, false) => {}
        }
        if !self.admin.password.is_empty() && is_given(&self.admin.password_file) {
            return Err(layers.bad("admin.password_file", "must not be set beside admin.password"));
        }
        if self.server.roles.is_empty() {
            return Err(layers.bad("server.roles", "must name at least one of api, worker, live"));
        }
        if !(100..=3_600_000).contains(&self.jobs.lease_ms) || !(10..=60_000).contains(&self.jobs.poll_ms) {
            return Err(layers.bad("jobs.lease_ms", "must be from 100 to 3600000, and jobs.poll_ms from 10 to 60000"));
        }
        if let Some((queue, _)) = self.jobs.queues().iter().find(|(_, at_once)| *at_once > 1_000) {
            return Err(layers.bad(&format!("jobs.{queue}"), "must be at most 1000"));
        }
        if self.jobs.keep_h > 8_760 || self.jobs.drain_ms > 600_000 {
            return Err(layers.bad("jobs.keep_h", "must be at most 8760, a year, and jobs.drain_ms at most 600000"));
        }
        if self.reports.keep_days > 3_650 {
            return Err(layers.bad("reports.keep_days", "must be at most 3650"));
        }
        // Twice as long, and a job that waits for it would be over its time.
        if self.mail.timeout_ms > 50_000 || self.webhooks.timeout_ms > 60_000 {
            return Err(layers.bad("mail.timeout_ms", "must be at most 50000, and webhooks.timeout_ms at most 60000"));
        }
        if !self.shop.url.is_empty() && entrepot_notifications::letters::Link::new(&self.shop.url).is_err() {
            return Err(layers.bad("shop.url", "must be an address such as https://shop.example"));
        }
        if self.auth.access_token_s > 3_600 {
            return Err(layers.bad("auth.access_token_s", "must be at most 3600"));
        }
        if self.auth.session_h > 8_760 {
            return Err(layers.bad("auth.session_h", "must be at most 8760, a year"));
        }
        if !(8..=64).contains(&self.auth.password_min_length) {
            return Err(layers.bad("auth.password_min_length", "must be from 8 to 64"));
        }
        if !(8..=4_194_304).contains(&self.auth.hash_memory_kib) || !(1..=100).contains(&self.auth.hash_passes) {
            return Err(layers
                .bad("auth.hash_memory_kib", "must be from 8 to 4194304 (4 GiB), and auth.hash_passes from 1 to 100"));
        }
        if self.rate_limits.store == LimitStore::Redis && self.redis.url.is_empty() {
            return Err(layers.bad("rate_limits.store", "is redis, and redis.url names none"));
        }
        if let Err(proxy) = entrepot_guard::Proxies::new(&self.guard.trusted_proxies) {
            let told = format!("{proxy:?} is no address or network such as 127.0.0.1 or 10.0.0.0/8");
            return Err(layers.bad("guard.trusted_proxies", &told));
        }
        if self.feed.max_lag_ms < 2 * self.feed.poll_ms {
            return Err(layers.bad("feed.max_lag_ms", "must be at least twice feed.poll_ms"));
        }
        if self.cache.memory_mib > 1_048_576 || !(1_024..=1 << 26).contains(&self.cache.tag_slots) {
            return Err(layers.bad(
                "cache.memory_mib",
                "must be at most 1048576 (1 TiB), and cache.tag_slots from 1024 to 67108864",
            ));
        }
        if self.feed.retention_days > 3_650 {
            return Err(layers.bad("feed.retention_days", "must be at most 3650"));
        }
        if self.database.pool_min > self.database.pool_max {
            return Err(layers.bad("database.pool_min", "must not be above database.pool_max"));
        }
        if self.database.pool_max > 1_000 || self.database.pipeline_connections > 64 {
            return Err(
                layers.bad("database.pool_max", "must be at most 1000, and database.pipeline_connections at most 64")
            );
        }
        if self.import.currency.parse::<entrepot_contracts::Currency>().is_err() {
            return Err(layers.bad("import.currency", "must be a currency code of ISO 4217 such as USD"));
        }
        if !self.database.url.is_empty() && self.database.url.parse::<entrepot_pg::tokio_postgres::Config>().is_err() {
            return Err(layers.bad("database.url", "is not a PostgreSQL address such as postgresql://user@host/name"));
        }
        if let Err(origin) = self.cors_policy() {
            return Err(
                layers.bad("cors.origins", &format!("{origin:?} is not an origin such as https://shop.example"))
            );
        }
        Ok(())
    }

    /// Whether this process is one of those that do this.
    pub(crate) fn runs_as(&self, role: RunsAs) -> bool {
        self.server.roles.contains(&role)
    }

    /// The files of the certificate and of its key, where there is to be TLS.
    pub(crate) fn tls_files(&self) -> Option<(&Path, &Path)> {
        let TlsSettings { certificate, key } = &self.tls;
        // Both or none, as checked.
        (!certificate.as_os_str().is_empty()).then_some((certificate, key))
    }

    pub(crate) fn cors_policy(&self) -> Result<entrepot_web::CorsPolicy, String> {
        entrepot_web::CorsPolicy::new(&self.cors.origins, self.cors.max_age_s)
    }

    /// Where people reach the shop.
    pub(crate) fn shop_url(&self) -> String {
        if !self.shop.url.is_empty() {
            return self.shop.url.clone();
        }
        let scheme = if self.tls_files().is_some() { "https" } else { "http" };
        let host = match self.server.host.as_str() {
            "0.0.0.0" | "::" => "localhost".to_owned(),
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        format!("{scheme}://{host}:{}", self.server.port)
    }

    /// Whether the server would be reachable from other machines.
    pub(crate) fn is_open_to_network(&self) -> bool {
        !matches!(self.server.host.as_str(), "localhost")
            && self.server.host.parse::<std::net::IpAddr>().map_or(true, |address| !address.is_loopback())
    }
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_environment(pairs: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
        load(None, pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), &[])
    }

    fn error(pairs: &[(&str, &str)]) -> String {
        with_environment(pairs).map(|_| ()).expect_err("a mistake").to_string()
    }

    #[test]
    fn the_defaults_alone_are_sound() {
        let loaded = with_environment(&[("PATH", "/bin")]).expect("the defaults");
        assert_eq!(loaded.settings.server.port, 5000);
        assert!(!loaded.settings.is_open_to_network());
        assert!(loaded.shown.iter().all(|shown| shown.source == Source::Default));
    }

    #[test]
    fn the_environment_wins_by_both_kinds_of_names() {
        let loaded = with_environment(&[
            ("PORT", "8080"),
            ("ENTREPOT_SERVER_HOST", "0.0.0.0"),
            ("DB_POOL_MAX", "50"),
            ("ENTREPOT_CORS_ORIGINS", "https://a.example,https://b.example"),
            ("RATE_LIMIT_API", "60"),
            ("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
            ("ENTREPOT_ADMIN_EMAIL", "root@shop.example"),
            ("ENTREPOT_ADMIN_PASSWORD", "hunter2"),
        ])
        .expect("sound");
        assert_eq!((loaded.settings.server.port, loaded.settings.database.pool_max), (8080, 50));
        assert_eq!(loaded.settings.cors.origins.len(), 2);
        assert!(loaded.settings.is_open_to_network());
        assert_eq!((loaded.settings.rate_limits.api, loaded.settings.guard.trusted_proxies.len()), (60, 2));
        assert_eq!(loaded.settings.admin.password, "hunter2");
        assert!(!format!("{:?}", loaded.settings).contains("hunter2"));
        let shown = loaded.shown.iter().find(|shown| shown.key == "admin.password").expect("listed");
        assert_eq!(shown.value, "\"***\"");
    }

    #[test]
    fn mistakes_are_named() {
        for (pairs, wanted) in [
            (&[("PORT", "eighty")][..], "PORT: server.port must be a whole number, not \"eighty\""),
            (&[("PORT", "70000")], "server.port"),
            (&[("ENTREPOT_SERVER_PROT", "80")], "ENTREPOT_SERVER_PROT names no setting"),
            (&[("DB_POOL_MIN", "30")], "DB_POOL_MIN: database.pool_min must not be above database.pool_max"),
            (&[("DB_QUERY_TIMEOUT", "0")], "DB_QUERY_TIMEOUT: database.query_timeout_ms must be at least 1"),
            (&[("LOG_FORMAT", "xml")], "log.format"),
            (&[("ENTREPOT_IMPORT_CURRENCY", "XYZ")], "import.currency"),
            (&[("DATABASE_URL", "mysql://x")], "database.url"),
            (&[("RATE_LIMIT_AUTH", "0")], "RATE_LIMIT_AUTH: rate_limits.auth must be at least 1"),
            (&[("ENTREPOT_AUTH_ALGORITHM", "none")], "auth.algorithm"),
            (&[("ENTREPOT_AUTH_PASSWORD_MIN_LENGTH", "4")], "auth.password_min_length must be from 8 to 64"),
            (&[("ENTREPOT_GUARD_TRUSTED_PROXIES", "nginx")], "\"nginx\" is no address or network"),
            (&[("ENTREPOT_RATE_LIMITS_STORE", "redis")], "rate_limits.store is redis, and redis.url names none"),
            (&[("ENTREPOT_SERVER_BODY_TIMEOUT_MS", "0")], "server.body_timeout_ms must be at least 1"),
            (&[("ENTREPOT_TLS_CERTIFICATE", "shop.pem")], "ENTREPOT_TLS_CERTIFICATE: tls.certificate needs tls.key"),
            (&[("ENTREPOT_TLS_KEY", "shop.key")], "ENTREPOT_TLS_KEY: tls.key needs tls.certificate"),
        ] {
            let told = error(pairs);
            assert!(told.contains(wanted), "{pairs:?}: {told}");
        }
    }

    #[test]
    fn tls_takes_both_files() {
        let pairs = [("ENTREPOT_TLS_CERTIFICATE", "shop.pem"), ("ENTREPOT_TLS_KEY", "shop.key")];
        let loaded = with_environment(&pairs).expect("sound");
        assert_eq!(loaded.settings.tls_files(), Some((Path::new("shop.pem"), Path::new("shop.key"))));
        assert_eq!(with_environment(&[]).expect("sound").settings.tls_files(), None);
    }

    #[test]
    fn a_file_overrides_and_its_unknown_keys_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop.toml");
        let check = |text: &str| {
            std::fs::write(&path, text).expect("written");
            load(Some(&path), [], &[])
        };
        let loaded = check("[server]\nport = 9000\n").expect("sound");
        assert_eq!(loaded.settings.server.port, 9000);
        let shown = loaded.shown.iter().find(|shown| shown.key == "server.port").expect("listed");
        assert_eq!(shown.source, Source::File(path.clone()));
        for (text, wanted) in [
            ("[server]\nprot = 1\n", "server.prot is no setting"),
            ("[sever]\nport = 1\n", "sever is no section"),
            ("[server]\nport = \"x\"\n", "server.port must be a whole number"),
            ("[server\n", "line 1"),
        ] {
            let told = check(text).map(|_| ()).expect_err("a mistake").to_string();
            assert!(told.contains(wanted), "{text}: {told}");
        }
    }

    #[test]
    fn passwords_are_hidden() {
        let loaded = with_environment(&[("DATABASE_URL", "postgresql://shop:hunter2@db/shop")]).expect("sound");
        let shown = loaded.shown.iter().find(|shown| shown.key == "database.url").expect("listed");
        assert_eq!(shown.value, "\"postgresql://shop:***@db/shop\"");
    }
}
