//! A process under test: a fence that is driven by hand, a clock that stands still until it is moved, a
//! cache behind them, and a namespace of texts in it.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

use std::time::Duration;

use entrepot_cache::{
    Cache, CacheSettings, Fence, FenceSettings, FillError, Filled, Got, Namespace, NamespaceFigures, Origin, Policy,
    Progress, RedisFigures, RedisSettings, Ticker, Touch,
};
use entrepot_runtime::{Clock, Shutdown, Tasks};

/// The longest that anything is waited for: so far above what it takes that only a loss reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const FILLED: Origin = Origin::Source { kept: true };
pub(crate) const NOT_KEPT: Origin = Origin::Source { kept: false };

/// What a source fails with.
pub(crate) type Failure = &'static str;
pub(crate) type Answer = Result<Got<String>, FillError<Failure>>;

/// How a process is made.
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) fence: FenceSettings,
    pub(crate) cache: CacheSettings,
    /// How long Redis may take.
    pub(crate) redis: Option<(String, Duration)>,
    pub(crate) identity: &'static str,
    /// From which id on its knowledge is complete.
    pub(crate) floor: u64,
    /// Up to which id it has read the feed.
    pub(crate) watermark: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: policy(),
            fence: FenceSettings::default(),
            cache: CacheSettings::default(),
            redis: None,
            identity: "a-history",
            floor: 0,
            watermark: 0,
        }
    }
}

/// Values that live for 100 s, exactly.
pub(crate) fn policy() -> Policy {
    Policy::live(Duration::from_secs(100)).without_jitter().soft(None)
}

pub(crate) struct Process {
    pub(crate) fence: Fence,
    pub(crate) ticker: Ticker,
    pub(crate) cache: Cache,
    pub(crate) values: Namespace<String>,
    _tasks: Tasks,
}

impl Process {
    /// One with memory alone, which has read its feed to the end.
    pub(crate) fn new() -> Self {
        Self::of(Setup::default())
    }

    pub(crate) fn with_policy(policy: Policy) -> Self {
        Self::of(Setup { policy, ..Setup::default() })
    }

    /// One beside a Redis, which has read the feed up to this id.
    pub(crate) fn beside(redis: &str, watermark: u64) -> Self {
        Self::of(Setup { redis: Some((redis.to_owned(), Duration::from_secs(5))), watermark, ..Setup::default() })
    }

    pub(crate) fn of(setup: Setup) -> Self {
        let process = Self::that_has_read_nothing(&setup);
        process.fence.restart(setup.identity, setup.floor);
        process.reads_to(setup.watermark);
        process
    }

    pub(crate) fn that_has_read_nothing(setup: &Setup) -> Self {
        let ticker = Ticker::manual();
        let fence = Fence::new(FenceSettings { ticker: ticker.clone(), ..setup.fence.clone() });
        let tasks = Tasks::new(Shutdown::new());
        let redis = setup.redis.clone().map(|(url, timeout)| RedisSettings { url, timeout });
        let settings = CacheSettings { redis, ..setup.cache.clone() };
        let cache = Cache::start(settings, fence.clone(), Clock::system(), &tasks).expect("a well-formed address");
        let values = cache.namespace("values", setup.policy.clone());
        Self { fence, ticker, cache, values, _tasks: tasks }
    }

    /// Reads the feed to its end, which is at this id, and finds nothing new.
    pub(crate) fn reads_to(&self, watermark: u64) {
        self.fence.apply(&[], self.progress(watermark));
    }

    /// Reads the feed to its end, and there finds this event, below which nothing is missing.
    pub(crate) fn learns(&self, id: u64, tags: &[&str]) {
        self.learns_with(id, tags, self.progress(id));
    }

    pub(crate) fn learns_with(&self, id: u64, tags: &[&str], progress: Progress) {
        self.fence.apply(&[Touch { id, tags: &texts(tags) }], progress);
    }

    /// A reading that began now, came to its end, and left nothing open.
    pub(crate) fn progress(&self, id: u64) -> Progress {
        Progress { watermark: Some(id), highest: id, holes: Vec::new(), complete_since_ms: Some(self.fence.now_ms()) }
    }

    /// A commit of its own.
    pub(crate) fn commits(&self, id: u64, tags: &[&str]) {
        self.fence.mark(id, &texts(tags));
    }

    pub(crate) fn touch(&self, tags: &[&str]) {
        self.fence.touch(&texts(tags));
    }

    /// Asks for a value whose source would say this, made from these tags.
    pub(crate) async fn ask(&self, key: &str, value: &str, tags: &[&str]) -> Got<String> {
        let filled = Filled::found(value.to_owned()).tags(texts(tags));
        self.values.get_or_fill(key, || async { Ok::<_, Failure>(filled) }).await.expect("the source does not fail")
    }

    /// Asks for a value whose source fails.
    pub(crate) async fn ask_in_vain(&self, key: &str) -> Answer {
        self.values.get_or_fill(key, || async { Err("the source is away") }).await
    }

    /// Has a value filled, and insists that it is kept.
    pub(crate) async fn fills(&self, key: &str, value: &str, tags: &[&str]) {
        let got = self.ask(key, value, tags).await;
        assert_eq!((text(&got), got.origin), (Some(value), FILLED), "{key} is filled and kept");
    }

    /// What memory has.
    pub(crate) fn lookup(&self, key: &str) -> Option<String> {
        self.values.lookup(key)?.got.value.map(|value| (*value).clone())
    }

    /// What either level has, and which.
    pub(crate) async fn get(&self, key: &str) -> Option<(String, Origin)> {
        let got = self.values.get(key).await?;
        Some(((*got.value?).clone(), got.origin))
    }

    pub(crate) async fn figures(&self) -> NamespaceFigures {
        let mut namespaces = self.cache.figures().await.namespaces;
        let at = namespaces.iter().position(|one| one.namespace == "values").expect("it is there");
        namespaces.swap_remove(at)
    }

    pub(crate) async fn redis(&self) -> RedisFigures {
        self.cache.figures().await.redis.expect("there is one")
    }
}

pub(crate) fn text(got: &Got<String>) -> Option<&str> {
    got.value.as_ref().map(|value| value.as_str())
}

pub(crate) fn texts(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while !is_so().await {
            beat.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "not within {PATIENCE:?}: {what}");
}
