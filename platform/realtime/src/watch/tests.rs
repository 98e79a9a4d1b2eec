//! What becomes of followers whose right to a topic is asked again.

use entrepot_feed::{Event, Feed, FeedSettings, Seen};
use entrepot_pg::tokio_postgres::Config;
use entrepot_pg::{Database, DatabaseSettings};
use entrepot_runtime::Clock;
use entrepot_web::{Credential, Doorkeeper, Scope, TopicRule, Via};
use futures_util::future::BoxFuture;
use futures_util::task::noop_waker;
use uuid::Uuid;

use super::*;
use crate::outbox::{Identity, Next};
use crate::{Live, LiveSettings, Open};

/// Grants everything; what may be followed, the rules of the test ask.
struct Keeper;

impl Doorkeeper for Keeper {
    fn recognise_now(&self, _credential: Credential<'_>) -> Option<Arc<Caller>> {
        None
    }

    fn recognise<'a>(&'a self, _credential: Credential<'a>) -> BoxFuture<'a, Result<Arc<Caller>, Problem>> {
        Box::pin(std::future::ready(Ok(caller())))
    }

    fn stands<'a>(&'a self, _caller: &'a Caller) -> BoxFuture<'a, Result<bool, Problem>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    fn on_behalf(&self, _person: Uuid) -> BoxFuture<'_, Result<Option<Arc<Caller>>, Problem>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn proves_own_page(&self, _cookie: &str, _token: &str) -> bool {
        false
    }

    fn granted(&self, _caller: &Caller, _action: &str) -> Option<Scope> {
        Some(Scope::All)
    }
}

fn caller() -> Arc<Caller> {
    Arc::new(Caller::new(Uuid::nil(), "customer", Via::Session(Uuid::nil())))
}

/// Live updates on a database that is never asked, with topics of which the right is held, gone, not known, and asked
/// for without an answer.
fn live() -> Arc<Shared> {
    let nowhere = DatabaseSettings {
        address: Config::new(),
        pool_min: 0,
        pool_max: 1,
        idle_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        query_timeout: Duration::from_secs(1),
        pipeline_connections: 1,
    };
    let database = Database::new(nowhere).expect("settings");
    let feed = Feed::new(database, Default::default(), FeedSettings::default());
    let shared = Live::new(feed, Clock::system(), Arc::new(Keeper), LiveSettings::default()).shared;
    let rule = |prefix, answer: Option<bool>| {
        TopicRule::asking(prefix, "any", Arc::new(move |_, _| Box::pin(std::future::ready(answer))))
    };
    let silent = TopicRule::asking("silent-", "any", Arc::new(|_, _| Box::pin(std::future::pending())));
    let rules = vec![rule("held-", Some(true)), rule("gone-", Some(false)), rule("unknown-", None), silent];
    assert!(shared.rules.set(rules).is_ok(), "they are set once");
    // Joining waits until it is known where the feed is.
    shared.hub.take_in(&shared, &Seen::Begun { identity: "abc".into(), from: 5 });
    shared.hub.take_in(&shared, &Seen::Look(Arc::new(Look { events: Vec::new(), watermark: Some(5) })));
    shared
}

async fn follow(shared: &Arc<Shared>, topic: &str) -> Open {
    let open = shared.open(Form::Socket, None);
    let outbox = &open.outbox;
    *outbox.identity.write().expect("a lock") = Some(Identity { caller: caller(), proof: Proof::Bearer("one".into()) });
    outbox.topics.lock().expect("a lock").push(topic.into());
    shared.hub.join(shared, outbox, topic, None).await.expect("nothing has to be read");
    open
}

/// What waits for a connection: its texts and, if it is to end, the code.
fn waiting(open: &Open) -> (String, Option<u16>) {
    let mut texts = String::new();
    loop {
        match open.outbox.next(&noop_waker()) {
            Next::Send(bytes) => texts.push_str(&String::from_utf8_lossy(&bytes)),
            Next::End(ending) => return (texts, Some(ending.code)),
            Next::Wait => return (texts, None),
        }
    }
}

fn doubting(topics: &[&str]) -> Look {
    let event = Event {
        id: 7,
        topic: "any".into(),
        name: "hidden".into(),
        tags: topics.iter().map(|topic| format!("{FOLLOWERS}{topic}")).collect(),
        audience: None,
        data: serde_json::Value::Null,
        request_id: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        cause: None,
    };
    Look { events: vec![Arc::new(event)], watermark: Some(7) }
}

#[tokio::test]
async fn followers_of_a_topic_whose_right_is_doubted_go_on_are_told_or_are_cut_off() {
    let shared = live();
    let topics = ["held-1", "gone-1", "unknown-1", "silent-1", "silent-2"];
    let mut all = Vec::new();
    for topic in topics {
        all.push(follow(&shared, topic).await);
    }
    let other = follow(&shared, "gone-2").await;
    recheck_followers(&shared, &doubting(&topics)).await;
    let [held, gone, rest @ ..] = &all[..] else { panic!("one for each") };
    let (texts, ending) = waiting(held);
    assert!(!texts.contains("live.forbidden") && ending.is_none(), "{texts}");
    let (texts, ending) = waiting(gone);
    assert!(texts.contains("live.forbidden") && ending.is_none(), "{texts}");
    for one in rest {
        assert_eq!(waiting(one).1, Some(UNKNOWN.code));
    }
    assert!(!waiting(&other).0.contains("live.forbidden"), "nobody doubted that");
    assert_eq!(shared.hub.presence("gone-1"), 0);
}

#[tokio::test]
async fn where_looks_were_missed_rights_to_topics_are_asked_again_too() {
    let shared = live();
    let (held, gone) = (follow(&shared, "held-1").await, follow(&shared, "gone-1").await);
    recheck_doubted(&shared, true).await;
    assert!(!waiting(&gone).0.contains("live.forbidden"), "nobody doubted anything");
    shared.doubt_all();
    recheck_doubted(&shared, true).await;
    assert!(waiting(&gone).0.contains("live.forbidden"));
    assert!(!waiting(&held).0.contains("live.forbidden"));
}
