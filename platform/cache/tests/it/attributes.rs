//! The attributes on real functions: how often their bodies run, what callers get, what a change
//! rules out. Each test has a cache of its own; nothing here waits for time to pass.

use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrepot_cache::{
    Cache, CacheSettings, Fence, FillError, FromFill, Invalidate, InvalidateError, Queries, QueryError, Ticker,
    cache_invalidate, cacheable,
};
use entrepot_runtime::{Clock, Shutdown, Tasks};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum StoreError {
    #[error("there is no {0}")]
    Unknown(u32),
    #[error("{0} is no number")]
    Number(String),
    #[error("the cache has no answer")]
    Unavailable,
    #[error("nobody was told: {0}")]
    Untold(String),
}

impl FromFill for StoreError {
    fn from_fill(error: QueryError<Self>) -> Self {
        match error {
            QueryError::Fill(FillError::Failed(error)) => Arc::unwrap_or_clone(error),
            QueryError::Fill(_) | QueryError::Form { .. } => Self::Unavailable,
        }
    }
}

impl From<InvalidateError> for StoreError {
    fn from(error: InvalidateError) -> Self {
        Self::Untold(std::error::Error::source(&error).expect("it has a cause").to_string())
    }
}

impl From<std::num::ParseIntError> for StoreError {
    fn from(error: std::num::ParseIntError) -> Self {
        Self::Number(error.to_string())
    }
}

type StoreResult<T> = Result<T, StoreError>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
}

/// How often a body ran.
#[derive(Clone, Debug, Default)]
struct Ran(Arc<AtomicU32>);

impl Ran {
    fn again(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn times(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Setup {
    cache: Cache,
    queries: Queries,
    ticker: Ticker,
    ran: Ran,
    _tasks: Tasks,
}

fn setup() -> Setup {
    let (tasks, ticker) = (Tasks::new(Shutdown::new()), Ticker::manual());
    let fence = Fence::standalone(ticker.clone());
    let cache = Cache::start(CacheSettings::default(), fence, Clock::system(), &tasks).expect("it has no Redis");
    Setup { queries: Queries::new(&cache), cache, ticker, ran: Ran::default(), _tasks: tasks }
}

/// A user by number.
#[cacheable(ttl = "5m", key = "user:{id}", tags("user:{id}", "users"), ignore(ran))]
async fn user(queries: &Queries, id: u32, ran: Ran) -> Result<User, StoreError> {
    ran.again();
    if id > 100 {
        return Err(StoreError::Unknown(id));
    }
    Ok(User { id, name: format!("user {id}") })
}

#[tokio::test]
async fn a_body_runs_once_for_each_argument() {
    let Setup { queries, ran, _tasks, .. } = setup();
    for _ in 0..3 {
        for id in [1, 2] {
            let wanted = User { id, name: format!("user {id}") };
            assert_eq!(user(&queries, id, ran.clone()).await, Ok(wanted));
        }
    }
    assert_eq!(ran.times(), 2);
}

#[tokio::test]
async fn what_is_ignored_makes_no_difference() {
    let Setup { queries, ran, _tasks, .. } = setup();
    let other = Ran::default();
    user(&queries, 1, ran.clone()).await.expect("it is known");
    user(&queries, 1, other.clone()).await.expect("it is known");
    assert_eq!((ran.times(), other.times()), (1, 0));
}

#[tokio::test]
async fn an_error_reaches_the_caller_and_is_not_kept() {
    let Setup { queries, ran, _tasks, .. } = setup();
    for times in 1..=3 {
        assert_eq!(user(&queries, 101, ran.clone()).await, Err(StoreError::Unknown(101)));
        assert_eq!(ran.times(), times);
    }
}

#[cacheable(ttl = "1s500ms", key = "brief", ignore(ran))]
async fn brief(queries: &Queries, ran: Ran) -> StoreResult<u32> {
    Ok(ran.again())
}

#[tokio::test]
async fn an_answer_lives_as_long_as_is_said() {
    let Setup { queries, ran, ticker, _tasks, .. } = setup();
    assert_eq!(brief(&queries, ran.clone()).await, Ok(1));
    ticker.advance(Duration::from_millis(1_300));
    assert_eq!(brief(&queries, ran.clone()).await, Ok(1));
    ticker.advance(Duration::from_millis(200));
    assert_eq!(brief(&queries, ran.clone()).await, Ok(2));
}

#[cacheable(ttl = "5m", key = "panic")]
async fn panics(queries: &Queries) -> StoreResult<u32> {
    panic!("on purpose")
}

#[tokio::test]
async fn a_body_that_panics_is_an_error() {
    let Setup { queries, _tasks, .. } = setup();
    assert_eq!(panics(&queries).await, Err(StoreError::Unavailable));
}

/// A store as they are: cheap to clone, with its cache in it.
#[derive(Clone)]
struct Store {
    queries: Queries,
    cache: Cache,
    ran: Ran,
    greeting: String,
}

impl Store {
    fn new(setup: &Setup) -> Self {
        let (queries, cache, ran) = (setup.queries.clone(), setup.cache.clone(), setup.ran.clone());
        Self { queries, cache, ran, greeting: "Hello".to_owned() }
    }

    fn greet(&self, name: &str) -> String {
        format!("{}, {name}", self.greeting)
    }

    /// The receiver and borrowed arguments in all the places where they can stand.
    #[cacheable(ttl = "5m", key = "greeting:{name:?}:{days:?}", tags("greetings:{name}"))]
    async fn greeting(&self, name: &str, days: &[u32]) -> Result<String, StoreError> {
        use std::fmt::{self, Write};
        struct Length(usize);
        impl Length {
            fn get(&self) -> usize {
                self.0
            }
        }
        self.ran.again();
        let name: &str = name;
        let mut text = [name].map(|name| self.greet(name)).concat();
        let written: fmt::Result = write!(text, " of {} ({})", Length(days.len()).get(), self.greeting);
        written.expect("it is a text");
        tokio::task::yield_now().await;
        Ok(format!("{text} {days:?}, {name}"))
    }

    /// Fallible in the ways that a body is.
    #[cacheable(ttl = "5m", key = "parsed:{text}:{more}")]
    async fn parsed(&self, text: &str, mut more: u32) -> StoreResult<u32> {
        let number: u32 = text.parse()?;
        more += self.ran.again();
        if number > 100 {
            return Err(StoreError::Unknown(number));
        }
        Ok(number + more)
    }

    /// The body changes the argument that it was lent.
    #[cacheable(ttl = "5m", key = "trimmed:{text}")]
    async fn trimmed(&self, mut text: &str) -> StoreResult<String> {
        text = text.trim();
        Ok(text.to_owned())
    }

    #[cache_invalidate(tags("user:{id}"))]
    async fn rename(&self, id: u32, name: String) -> Result<User, StoreError> {
        let named = |name| User { id, name };
        if name.is_empty() {
            return Err(StoreError::Unknown(id));
        }
        Ok(named(name))
    }

    #[cache_invalidate(keys("queries:user:{id}"))]
    async fn replace(&mut self, id: u32) -> Result<(), StoreError> {
        self.greeting = format!("Welcome {id}");
        Ok(())
    }

    #[cache_invalidate(patterns("queries:user:{prefix}?"))]
    async fn replace_some<'a>(&self, prefix: &'a str) -> Result<&'a str, StoreError> {
        tokio::task::yield_now().await;
        Ok(prefix)
    }
}

#[tokio::test]
async fn a_method_works_on_what_it_was_lent() {
    let setup = setup();
    let store = Store::new(&setup);
    for _ in 0..2 {
        let (name, days) = ("Ada".to_owned(), vec![1, 2]);
        assert_eq!(store.greeting(&name, &days).await.as_deref(), Ok("Hello, Ada of 2 (Hello) [1, 2], Ada"));
    }
    assert_eq!(setup.ran.times(), 1);
    assert_eq!(store.greeting("Ada", &[3]).await.as_deref(), Ok("Hello, Ada of 1 (Hello) [3], Ada"));
    assert_eq!(setup.ran.times(), 2);
    setup.cache.fence().touch(&["greetings:Ada".to_owned()]);
    store.greeting("Ada", &[3]).await.expect("it is made again");
    assert_eq!(setup.ran.times(), 3);
}

#[tokio::test]
async fn a_body_returns_as_any_does() {
    let setup = setup();
    let store = Store::new(&setup);
    assert_eq!(store.parsed("5", 10).await, Ok(16));
    assert_eq!(store.parsed("5", 10).await, Ok(16));
    assert_eq!(store.parsed("200", 10).await, Err(StoreError::Unknown(200)));
    assert!(matches!(store.parsed("five", 10).await, Err(StoreError::Number(_))));
    assert_eq!(store.trimmed(" a ").await.as_deref(), Ok("a"));
}

/// Asks for the users 1, 12 and 21; tells which of them had to be made again.
async fn made_again(setup: &Setup) -> Vec<u32> {
    let mut made = Vec::new();
    for id in [1, 12, 21] {
        let ran = Ran::default();
        user(&setup.queries, id, ran.clone()).await.expect("it is known");
        made.extend((ran.times() == 1).then_some(id));
    }
    made
}

#[tokio::test]
async fn a_change_rules_out_what_it_names() {
    let setup = setup();
    let mut store = Store::new(&setup);
    assert_eq!(made_again(&setup).await, [1, 12, 21]);
    assert_eq!(made_again(&setup).await, [0; 0]);

    store.rename(12, "Ada".to_owned()).await.expect("it has a name");
    assert_eq!(made_again(&setup).await, [12], "by tag");
    store.replace(1).await.expect("it does nothing else");
    assert_eq!(store.greeting, "Welcome 1");
    assert_eq!(made_again(&setup).await, [1], "by key");
    assert_eq!(store.replace_some("1").await, Ok("1"));
    assert_eq!(made_again(&setup).await, [12], "by pattern");
    forget_all(&setup.cache, [7, 12]).await.expect("it does nothing else");
    assert_eq!(made_again(&setup).await, [1, 12, 21], "by a tag of all");
}

#[tokio::test]
async fn a_change_that_failed_rules_out_nothing() {
    let setup = setup();
    let store = Store::new(&setup);
    made_again(&setup).await;
    assert_eq!(store.rename(12, String::new()).await, Err(StoreError::Unknown(12)));
    assert_eq!(made_again(&setup).await, [0; 0]);
}

#[cache_invalidate(tags("users", "first:{first}"))]
async fn forget_all(cache: &Cache, [first, _]: [u32; 2]) -> Result<(), StoreError> {
    Ok(())
}

/// Writes down what it is told, or fails.
#[derive(Debug, Default)]
struct Told {
    tags: Mutex<Vec<String>>,
    fails: bool,
}

impl Invalidate for Told {
    async fn invalidate(&self, tags: Vec<String>) -> Result<(), InvalidateError> {
        tokio::task::yield_now().await;
        if self.fails {
            return Err(InvalidateError::new("the feed is away"));
        }
        self.tags.lock().expect("it does not panic").extend(tags);
        Ok(())
    }
}

#[derive(Clone)]
struct State {
    told: Arc<Told>,
    queries: Arc<Queries>,
}

#[cache_invalidate(
    tags("user:{id}", "a {{brace}}"),
    keys("users:{id:03}", "users:all"),
    patterns("users:{name}:*"),
    via = state.told,
)]
async fn changed(state: State, id: u32, name: String) -> StoreResult<impl Debug + Display> {
    assert_eq!(state.told.tags.lock().expect("it does not panic").len(), 0, "it is told afterwards");
    drop(name);
    Ok(id)
}

#[tokio::test]
async fn whoever_is_meant_is_told_everything() {
    let told = Arc::new(Told::default());
    let setup = setup();
    let state = State { told: told.clone(), queries: Arc::new(setup.queries.clone()) };
    assert_eq!(changed(state, 7, "Ada".to_owned()).await.expect("it is told").to_string(), "7");
    assert_eq!(
        *told.tags.lock().expect("it does not panic"),
        ["user:7", "a {brace}", "key:users:007", "key:users:all", "pattern:users:Ada:*"]
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_told_is_an_error() {
    let setup = setup();
    let told = Arc::new(Told { fails: true, ..Told::default() });
    let state = State { told, queries: Arc::new(setup.queries.clone()) };
    let error = changed(state, 7, String::new()).await.map(|_| ()).expect_err("nobody was told");
    assert_eq!(error, StoreError::Untold("the feed is away".to_owned()));
}

/// The cache is in what the body takes.
#[cacheable(ttl = "5m", key = "taken", cache = state.queries, ignore(state))]
async fn taken(state: State) -> StoreResult<usize> {
    let state = Box::new(state);
    Ok(Arc::strong_count(&state.told))
}

#[cacheable(ttl = "5m", key = "owned:{id}", ignore(ran))]
async fn owned(queries: Queries, id: u32, ran: &'static AtomicU32) -> StoreResult<u32>
where
    u32: Copy,
{
    // A cached function may ask another.
    let user = user(&queries, id, Ran::default()).await?;
    Ok(user.id + ran.fetch_add(1, Ordering::SeqCst))
}

/// The names that the expansion uses itself.
#[cacheable(ttl = "5m", key = "named:{key}:{options}:{answer}:{this}:{kept_key}:{outcome}")]
async fn named(
    queries: &Queries,
    key: &str,
    options: u32,
    answer: &u32,
    this: u32,
    kept_key: &str,
    outcome: u32,
) -> StoreResult<String> {
    Ok(format!("{key} {options} {answer} {this} {kept_key} {outcome}"))
}

#[cache_invalidate(tags("{tags}:{outcome}:{value}:{error}"))]
async fn named_too(cache: &Cache, tags: u32, outcome: u32, value: u32, error: u32) -> StoreResult<u32> {
    Ok(tags + outcome + value + error)
}

#[tokio::test]
async fn names_are_the_users() {
    let setup = setup();
    assert_eq!(named(&setup.queries, "a", 1, &2, 3, "b", 4).await.as_deref(), Ok("a 1 2 3 b 4"));
    assert_eq!(named_too(&setup.cache, 1, 2, 3, 4).await, Ok(10));
}

#[tokio::test]
async fn the_cache_is_where_it_is_said_to_be() {
    static RAN: AtomicU32 = AtomicU32::new(0);
    let setup = setup();
    let state = State { told: Arc::default(), queries: Arc::new(setup.queries.clone()) };
    assert_eq!(taken(state.clone()).await, Ok(2));
    assert_eq!(taken(state.clone()).await, Ok(2));
    for _ in 0..2 {
        assert_eq!(owned(setup.queries.clone(), 7, &RAN).await, Ok(7));
    }
    assert_eq!(RAN.load(Ordering::SeqCst), 1);
}

trait Pages<K> {
    async fn page(&self, key: &K, size: usize) -> StoreResult<String>;
}

impl<K: Debug + Clone + Send + Sync + 'static> Pages<K> for Store {
    #[cacheable(ttl = "1d", key = "page:{key:?}:{size:04}")]
    async fn page(&self, key: &K, size: usize) -> StoreResult<String> {
        Ok(format!("{key:?} {size} {}", self.ran.again()))
    }
}

#[cacheable(ttl = "5m", key = "first:{from:?}:{N}:{as}", ignore(Of, ran))]
async fn first<Of, const N: usize>(
    queries: &Queries,
    from: Vec<u32>,
    r#as: &(impl Display + Clone + Send + Sync + 'static),
    ran: Ran,
) -> StoreResult<Vec<Of>>
where
    Of: From<u32> + Serialize + DeserializeOwned + Send,
{
    ran.again();
    let _: String = r#as.to_string();
    Ok(from.into_iter().take(N).map(Of::from).collect())
}

#[tokio::test]
async fn traits_and_generics_are_kept() {
    let setup = setup();
    let store = Store::new(&setup);
    assert_eq!(store.page(&"a", 1).await.as_deref(), Ok("\"a\" 1 1"));
    assert_eq!(store.page(&'a', 1).await.as_deref(), Ok("'a' 1 2"));
    assert_eq!(store.page(&"a", 1).await.as_deref(), Ok("\"a\" 1 1"));

    let ran = Ran::default();
    assert_eq!(first::<u32, 2>(&setup.queries, vec![1, 2, 3], &'a', ran.clone()).await, Ok(vec![1, 2]));
    assert_eq!(first::<u64, 2>(&setup.queries, vec![1, 2, 3], &"a", ran.clone()).await, Ok(vec![1, 2]));
    assert_eq!(first::<u32, 1>(&setup.queries, vec![1, 2, 3], &'a', ran.clone()).await, Ok(vec![1]));
    assert_eq!(ran.times(), 2);
}

#[tokio::test]
async fn many_who_ask_at_once_are_one() {
    let setup = setup();
    let ask = || user(&setup.queries, 7, setup.ran.clone());
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!(answers.0.expect("it is known").id, 7);
    assert!([answers.1, answers.2, answers.3].iter().all(Result::is_ok));
    assert_eq!(setup.ran.times(), 1);
}

/// Servers run their handlers on any thread.
#[test]
fn the_futures_can_be_sent() {
    fn is_send(_: impl Send) {}
    let tasks = Tasks::new(Shutdown::new());
    let fence = Fence::standalone(Ticker::manual());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
    let _entered = runtime.enter();
    let cache = Cache::start(CacheSettings::default(), fence, Clock::system(), &tasks).expect("it has no Redis");
    let queries = Queries::new(&cache);
    let mut store =
        Store { queries: queries.clone(), cache: cache.clone(), ran: Ran::default(), greeting: String::new() };
    let state = State { told: Arc::default(), queries: Arc::new(queries.clone()) };
    is_send(user(&queries, 1, Ran::default()));
    is_send(store.greeting("a", &[1]));
    is_send(store.rename(1, String::new()));
    is_send(store.replace(1));
    is_send(changed(state, 1, String::new()));
}
