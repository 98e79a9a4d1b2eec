//! What the fence lets pass: against changes of one's own, of others, out of order, and of unknown age.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entrepot_cache::{Cache, EVERYTHING, FenceSettings, Filled, Origin, Progress};

use crate::process::{FILLED, Failure, NOT_KEPT, PATIENCE, Process, Setup, eventually, text, texts};

#[tokio::test]
async fn a_change_rules_out_what_was_made_from_it_and_nothing_else() {
    let here = Process::new();
    here.fills("a", "1", &["tea", "drinks"]).await;
    here.fills("b", "1", &["coffee", "drinks"]).await;
    here.fills("c", "1", &[]).await;
    here.learns(1, &["tea"]);
    assert_eq!((here.lookup("a"), here.lookup("b").is_some(), here.lookup("c").is_some()), (None, true, true));
    assert_eq!(here.ask("a", "2", &["tea"]).await.origin, FILLED);
    assert_eq!(here.lookup("a").as_deref(), Some("2"));
    here.learns(2, &["drinks", "nothing"]);
    assert_eq!((here.lookup("a").is_some(), here.lookup("b")), (true, None));
    here.touch(&["tea"]);
    assert_eq!(here.lookup("a"), None, "on the word of this process alone");
}

#[tokio::test]
async fn a_fill_that_raced_with_a_change_is_handed_over_and_not_kept() {
    for how in ["marked", "applied", "touched", "pattern", "everything", "key", "restart"] {
        let here = Arc::new(Process::new());
        let meanwhile = here.clone();
        let got = here
            .values
            .get_or_fill("a", move || async move {
                let read = "old".to_owned();
                match how {
                    "marked" => meanwhile.commits(1, &["tea"]),
                    "applied" => meanwhile.learns(1, &["tea"]),
                    "touched" => meanwhile.touch(&["tea"]),
                    "pattern" => meanwhile.learns(1, &["pattern:values:a*"]),
                    "everything" => meanwhile.learns(1, &[EVERYTHING]),
                    "key" => meanwhile.learns(1, &["key:values:a"]),
                    _ => {
                        meanwhile.fence.restart("another-history", 0);
                        meanwhile.reads_to(1);
                    }
                }
                Ok::<_, Failure>(Filled::found(read).tags(["tea"]))
            })
            .await
            .expect("filled");
        assert_eq!((text(&got), got.origin), (Some("old"), NOT_KEPT), "{how}");
        assert!(got.remaining.is_zero(), "{how}");
        assert_eq!(here.lookup("a"), None, "{how}");
        assert_eq!(here.figures().await.raced, 1, "{how}");
    }
}

#[tokio::test]
async fn a_value_is_kept_only_if_nothing_happened_since_its_stamp() {
    let here = Process::new();
    let filled = || Filled::found("1".to_owned()).tags(["tea"]);
    let before = here.values.stamp();
    here.commits(1, &["tea"]);
    assert!(!here.values.set("a", filled(), before));
    assert_eq!(here.lookup("a"), None);
    let after = here.values.stamp();
    assert!(here.values.set("a", filled(), after));
    here.commits(2, &["coffee"]);
    assert!(!here.values.set("b", filled(), before));
    assert!(here.values.set("b", filled(), after), "what happened since did not touch it");
    assert_eq!(here.values.mset([("c", filled()), ("d", filled().tags(["coffee"]))], after), [true, false]);
}

#[tokio::test]
async fn a_commit_that_was_marked_rules_nothing_out_a_second_time() {
    let here = Process::new();
    here.fills("a", "old", &["tea"]).await;
    here.commits(5, &["tea"]);
    assert_eq!(here.lookup("a"), None);
    here.fills("a", "new", &["tea"]).await;
    here.learns(5, &["tea"]);
    assert_eq!(here.lookup("a").as_deref(), Some("new"), "it was read after that commit");
    assert_eq!(here.fence.figures().touches, 1);
    // The feed's word came first: then the mark says nothing new.
    here.learns(6, &["tea"]);
    here.fills("a", "newer", &["tea"]).await;
    here.commits(6, &["tea"]);
    assert_eq!(here.lookup("a").as_deref(), Some("newer"));
    // And of others' commits only the feed tells.
    here.learns(7, &["tea"]);
    assert_eq!(here.lookup("a"), None);
}

#[tokio::test]
async fn a_lower_id_that_comes_late_rules_out_what_was_filled_before_it() {
    let here = Process::new();
    let hole = |id| Progress { watermark: Some(7), highest: id, holes: vec![(8, 8)], ..here.progress(id) };
    here.reads_to(7);
    here.learns_with(9, &["tea"], hole(9));
    here.fills("a", "with 9 and without 8", &["tea"]).await;
    here.learns_with(8, &["tea"], here.progress(9));
    assert_eq!(here.lookup("a"), None, "ids do not tell what the fill saw");
}

#[tokio::test]
async fn a_restart_rules_out_everything_that_was_stamped_before() {
    let here = Process::new();
    here.reads_to(5);
    let stamp = here.values.stamp();
    here.fills("a", "1", &["tea"]).await;
    here.fence.restart("a-history", 5);
    assert_eq!(here.lookup("a"), None, "nothing is trusted until the feed was read again");
    assert!(!here.fence.is_settled());
    here.reads_to(5);
    assert_eq!(here.lookup("a"), None);
    assert!(!here.values.set("a", Filled::found("late".to_owned()), stamp));
    here.fills("a", "2", &["tea"]).await;
    assert_eq!(here.lookup("a").as_deref(), Some("2"));
}

#[tokio::test]
async fn a_pattern_touches_the_keys_that_it_matches() {
    let here = Process::new();
    for key in ["123:title", "123:reviews", "1234:title", "124:title"] {
        here.fills(key, "1", &[]).await;
    }
    let others = here.cache.namespace::<String>("others", crate::process::policy());
    assert!(others.set("123:title", Filled::found("1".to_owned()), others.stamp()));
    here.learns(1, &[&Cache::pattern_tag("values:123:*")]);
    let left = |key: &str| here.lookup(key).is_some();
    assert_eq!(["123:title", "123:reviews", "1234:title", "124:title"].map(left), [false, false, true, true]);
    assert!(others.lookup("123:title").is_some(), "another namespace");
    here.fills("123:title", "2", &[]).await;
    assert!(left("123:title"), "a pattern touches what there is, not what comes");
    here.learns(2, &[&Cache::pattern_tag("*:12?:title")]);
    assert_eq!(["123:title", "1234:title", "124:title"].map(left), [false, true, false]);
    assert!(others.lookup("123:title").is_none());
}

#[tokio::test]
async fn a_pattern_is_not_forgotten_however_many_follow() {
    let here = Process::new();
    here.fills("old", "1", &[]).await;
    here.fills("looked at", "1", &[]).await;
    here.learns(1, &["pattern:values:old"]);
    for number in 2..=140 {
        assert_eq!(here.lookup("old"), None, "after {number} patterns");
        if number < 100 {
            assert!(here.lookup("looked at").is_some(), "it is compared with each of them and survives");
        }
        here.learns(number, &[&format!("pattern:values:nobody-{number}")]);
        // Without a look in between, and so without a note of how far it was compared.
        if number == 100 {
            here.fills("young", "1", &[]).await;
        }
    }
    assert!(here.lookup("young").is_some(), "those that it is older than are all remembered");
    here.learns(141, &["pattern:values:young"]);
    for number in 142..=400 {
        here.learns(number, &[&format!("pattern:values:nobody-{number}")]);
    }
    assert_eq!((here.lookup("young"), here.lookup("old")), (None, None));
}

#[tokio::test]
async fn everything_is_everything() {
    let here = Process::new();
    here.fills("a", "1", &["tea"]).await;
    here.fills("b", "1", &[]).await;
    here.learns(1, &[EVERYTHING]);
    assert_eq!((here.lookup("a"), here.lookup("b")), (None, None));
    here.fills("a", "2", &["tea"]).await;
    assert!(here.lookup("a").is_some());
    assert_eq!(here.fence.figures().tags[EVERYTHING], 1);
}

#[tokio::test]
async fn a_key_is_the_tag_of_one_value() {
    let here = Process::new();
    here.fills("a", "1", &["tea"]).await;
    here.fills("b", "1", &["tea"]).await;
    here.learns(1, &[&Cache::key_tag("values", "a"), &Cache::key_tag("others", "b")]);
    assert_eq!((here.lookup("a"), here.lookup("b").is_some()), (None, true));
    assert_eq!(here.fence.figures().tags["key"], 2);
}

#[tokio::test]
async fn nothing_is_served_while_the_feed_is_behind() {
    let here = Process::new();
    here.fills("a", "1", &["tea"]).await;
    here.ticker.advance(Duration::from_millis(2_000));
    assert!(here.lookup("a").is_some(), "the bound itself is within it");
    here.ticker.advance(Duration::from_millis(1));
    assert_eq!(here.lookup("a"), None);
    assert!(!here.fence.figures().trusted);
    let got = here.ask("a", "2", &["tea"]).await;
    assert_eq!((text(&got), got.origin), (Some("2"), NOT_KEPT), "it reads through");
    assert_eq!(here.get("a").await, None);

    // Readings that left something unread, or that began before, say nothing about now.
    let began_ms = here.fence.now_ms();
    here.ticker.advance(Duration::from_secs(3));
    for incomplete in [None, Some(began_ms)] {
        let progress = Progress { complete_since_ms: incomplete, ..here.progress(1) };
        here.learns_with(1, &["coffee"], progress);
        assert_eq!(here.lookup("a"), None, "{incomplete:?}");
    }
    assert_eq!(here.figures().await.passed, 1);
    here.reads_to(1);
    assert_eq!(here.lookup("a").as_deref(), Some("1"), "nothing touched it after all");
    here.ticker.advance(Duration::from_secs(3));
    here.learns(2, &["tea"]);
    assert_eq!(here.lookup("a"), None, "and here something did");
}

#[tokio::test]
async fn an_older_reading_does_not_take_trust_away() {
    let here = Process::new();
    let early = here.fence.now_ms();
    here.ticker.advance(Duration::from_secs(1));
    here.reads_to(1);
    here.fence.apply(&[], Progress { complete_since_ms: Some(early), ..here.progress(1) });
    here.ticker.advance(Duration::from_millis(1_500));
    assert!(here.fence.is_trusted(here.fence.now_ms()));
}

#[tokio::test]
async fn a_fence_trusts_nothing_before_its_first_reading() {
    let here = Process::that_has_read_nothing(&Setup::default());
    assert_eq!(here.ask("a", "1", &[]).await.origin, NOT_KEPT);
    assert_eq!(here.lookup("a"), None);
    assert_eq!(here.fence.figures().lag_ms, None);
    here.fence.restart("a-history", 0);
    assert_eq!(here.ask("a", "1", &[]).await.origin, NOT_KEPT, "it knows where, and not what");
    here.reads_to(0);
    here.fills("a", "1", &[]).await;
}

#[tokio::test]
async fn tags_that_share_a_slot_only_rule_out_more() {
    let fence = FenceSettings { slots: 1_024, ..FenceSettings::default() };
    let here = Process::of(Setup { fence, ..Setup::default() });
    let tag = |number: u64| format!("tag:{number}");
    let touched: HashSet<u64> = (0..5_000).filter(|number| number % 50 == 7).collect();
    for number in 0..5_000 {
        here.fills(&number.to_string(), "1", &[&tag(number)]).await;
    }
    for (id, number) in (1..).zip(&touched) {
        here.learns(id, &[&tag(*number)]);
    }
    let left: HashSet<u64> = (0..5_000).filter(|number| here.lookup(&number.to_string()).is_some()).collect();
    assert!(left.is_disjoint(&touched), "none that was touched is served");
    assert!(left.len() > 3_500, "{} of 5,000 are left", left.len());
}

#[tokio::test]
async fn waiting_for_an_event_ends_when_it_or_everything_up_to_it_is_applied() {
    let here = Process::new();
    assert!(here.fence.has_applied(0), "nothing was asked for");
    assert!(!here.fence.has_applied(3));
    let waits = here.fence.wait_until_applied(3, PATIENCE);
    let mut waits = std::pin::pin!(waits);
    assert!(futures_util::poll!(&mut waits).is_pending());
    // A higher one is not it.
    let with_hole = Progress { watermark: Some(1), highest: 4, holes: vec![(2, 3)], ..here.progress(4) };
    here.learns_with(4, &["tea"], with_hole.clone());
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert_eq!([1, 2, 3, 4, 5].map(|id| here.fence.has_applied(id)), [true, false, false, true, false]);
    here.learns_with(3, &["tea"], Progress { holes: vec![(2, 2)], ..with_hole });
    assert!(waits.await);
    assert!(!here.fence.has_applied(2));
    here.reads_to(4);
    assert!(here.fence.has_applied(2), "it cannot come any more");
    assert!(!here.fence.wait_until_applied(8, Duration::from_millis(1)).await, "and not for ever");
}

#[tokio::test]
async fn an_own_commit_is_applied_when_nothing_below_it_is_unknown() {
    let here = Process::new();
    here.commits(5, &["tea"]);
    assert!(!here.fence.has_applied(5), "nobody knows yet what may be below");
    here.reads_to(5);
    here.commits(6, &["tea"]);
    assert!(here.fence.has_applied(6) && !here.fence.has_applied(7));
    // Others may have committed 7 and 8, and this may be based on what they wrote.
    here.commits(9, &["tea"]);
    assert_eq!((here.fence.has_applied(9), here.fence.highest()), (false, 9));
    here.commits(8, &["tea"]);
    assert!(!here.fence.has_applied(9));
    here.commits(7, &["tea"]);
    assert!(here.fence.has_applied(9), "all of them are its own");
    // The feed brings one with all that was visible beside it; what may still come below was not committed then.
    here.commits(12, &["tea"]);
    let hole = || Progress { watermark: Some(9), highest: 10, holes: vec![(10, 10)], ..here.progress(10) };
    here.learns_with(11, &["tea"], Progress { highest: 11, ..hole() });
    assert!(here.fence.has_applied(11) && !here.fence.has_applied(12));
    here.learns_with(12, &["tea"], Progress { highest: 12, ..hole() });
    assert!(here.fence.has_applied(12));
    here.commits(13, &["tea"]);
    let settles = here.fence.settle(13);
    let mut settles = std::pin::pin!(settles);
    assert!(futures_util::poll!(&mut settles).is_pending(), "10 may have been committed before it");
    here.learns_with(10, &["tea"], here.progress(12));
    settles.await;
}

#[tokio::test]
async fn a_fence_that_is_switched_off_serves_what_is_stale() {
    let fence = FenceSettings { enforced: false, ..FenceSettings::default() };
    let here = Process::of(Setup { fence, ..Setup::default() });
    here.fills("a", "1", &["tea"]).await;
    here.learns(1, &["tea", EVERYTHING, "pattern:*"]);
    here.ticker.advance(Duration::from_secs(50));
    assert_eq!(here.lookup("a").as_deref(), Some("1"), "which is how a check of it is shown to be one");
}

#[tokio::test]
async fn figures_tell_where_it_stands() {
    let here = Process::new();
    here.learns(3, &["product:1", "products"]);
    here.learns(4, &["product:2", "pattern:values:*"]);
    here.ticker.advance(Duration::from_millis(120));
    let figures = here.fence.figures();
    assert_eq!((figures.position, figures.watermark, figures.lag_ms), (4, Some(4), Some(120)));
    assert_eq!((figures.trusted, figures.touches), (true, 2));
    let tags: Vec<(&str, u64)> = figures.tags.iter().map(|(tag, count)| (tag.as_str(), *count)).collect();
    assert_eq!(tags, [("pattern", 1), ("product", 2), ("products", 1)]);
}

/// The one guarantee that all the others serve, with threads that meet as they like.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_after_a_change_never_gets_what_was_before_it() {
    const CHANGES: u64 = 3_000;
    let here = Arc::new(Process::new());
    let [truth, told, hits] = [0; 3].map(|_: u64| Arc::new(AtomicU64::new(0)));
    let readers = (0..6_u64).map(|reader| {
        let (here, truth, told, hits) = (here.clone(), truth.clone(), told.clone(), hits.clone());
        async move {
            while told.load(Ordering::SeqCst) < CHANGES {
                let must_see = told.load(Ordering::SeqCst);
                let truth = truth.clone();
                let got = here
                    .values
                    .get_or_fill("a", move || async move {
                        let read = truth.load(Ordering::SeqCst);
                        if reader % 2 == 0 {
                            tokio::task::yield_now().await;
                        }
                        Ok::<_, Failure>(Filled::found(read.to_string()).tags(["truth"]))
                    })
                    .await
                    .expect("filled");
                let read: u64 = text(&got).and_then(|text| text.parse().ok()).expect("a number");
                assert!(read >= must_see, "{read} was served after {must_see} was told ({:?})", got.origin);
                hits.fetch_add(u64::from(got.origin == Origin::Memory), Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let readers: Vec<_> = readers.map(entrepot_runtime::continue_in_background).collect();
    for change in 1..=CHANGES {
        truth.store(change, Ordering::SeqCst);
        match change % 4 {
            0 => here.touch(&["truth"]),
            1 => here.fence.mark(change, &texts(&["truth"])),
            2 => here.learns(change, &["truth"]),
            _ => here.learns(change, &["key:values:a"]),
        }
        told.store(change, Ordering::SeqCst);
        tokio::task::yield_now().await;
        // Now and then there is time to be served from memory: the cache is of use all the same.
        if change.is_multiple_of(8) && change < CHANGES {
            let before = hits.load(Ordering::SeqCst);
            eventually("a hit", async || hits.load(Ordering::SeqCst) > before).await;
        }
    }
    for reader in readers {
        reader.await.expect("no panic");
    }
}
