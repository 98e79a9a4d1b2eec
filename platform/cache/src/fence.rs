//! The fence: what decides whether a value may still be served.
//!
//! It knows what changed, as told by the feed of committed changes, and nothing about values. Every
//! touch of a tag gets the next *local* position, a number that counts what this process was told;
//! beside it stands the id of the event, which means the same everywhere. A value carries a [`Stamp`]
//! that was taken **before** its data was read. It is good as long as none of its tags was touched
//! after the stamp:
//!
//! - by local position, if it was filled here: a touch that came later was possibly not in the data;
//! - by id against `as_of`, if it was filled elsewhere: `as_of` is the filler's watermark, the id up
//!   to which its feed had everything, so the data has all events up to it.
//!
//! Why two: ids are given out before commits, so an event with a lower id may become visible after
//! one with a higher. Ids alone cannot order "touched" and "filled" here; local positions mean
//! nothing elsewhere.
//!
//! **Invariants:**
//! - What is remembered about touches is complete from the floors on. Whatever makes it incomplete
//!   (a start, a gap in the feed, too many patterns, another database) raises them, and a value from
//!   below a floor is ruled out.
//! - The table of tags has a fixed size. Tags that share a slot rule each other's values out; that is
//!   the price for never growing and never evicting.
//! - A touch is in the table before the position that includes it can be waited for.
//! - A position that can be read is wholly in the table. So a value that was compared at this position
//!   need not be compared again before the next touch, and its hits take no lock and read one number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use crate::tag::{self, EVERYTHING, KEY, PATTERN, Tag};
use crate::time::{Ticker, millis};

const PAGE: usize = 1024;
const MOST_PATTERNS: usize = 128;
const MOST_FAMILIES: usize = 256;

/// How a fence is built.
#[derive(Clone, Debug)]
pub struct FenceSettings {
    /// From this age of the last complete reading of the feed on, nothing is trusted.
    pub max_lag: Duration,
    /// Slots of the table of tags; rounded up to a power of two. Each has 16 bytes once it is used.
    pub slots: usize,
    /// `false` switches the fence off: only to show that a check of it can fail.
    pub enforced: bool,
    /// The time.
    pub ticker: Ticker,
}

impl Default for FenceSettings {
    fn default() -> Self {
        Self { max_lag: Duration::from_secs(2), slots: 1 << 20, enforced: true, ticker: Ticker::system() }
    }
}

/// Where the knowledge of a process stood when something was about to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The local position.
    pub(crate) local: u64,
    /// The watermark; 0 while it is not known.
    pub(crate) as_of: u64,
}

/// How far the feed has been read, as its tail tells it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The highest id below which nothing can come any more; `None` while that is not known.
    pub watermark: Option<u64>,
    /// The highest id that was seen.
    pub highest: u64,
    /// Ranges of ids (both ends included) up to `highest` that were not seen and may still come.
    pub holes: Vec<(u64, u64)>,
    /// When the reading began, on the fence's own ticker; `None` if it left something unread.
    pub complete_since_ms: Option<u64>,
}

/// What one event touched.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'a> {
    /// The event's id.
    pub id: u64,
    /// Its tags; see [`crate::EVERYTHING`] for those with a meaning of their own.
    pub tags: &'a [String],
}

/// Figures of a fence.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FenceFigures {
    /// Whether values are served at all at this moment.
    pub trusted: bool,
    /// Age of the last complete reading of the feed, in milliseconds; null before the first.
    pub lag_ms: Option<u64>,
    /// The highest position that was seen.
    pub position: u64,
    /// The position below which nothing can come any more; null while it is not known.
    pub watermark: Option<u64>,
    /// Touches since the start.
    pub touches: u64,
    /// Touches by what stands before the tag's first colon.
    pub tags: BTreeMap<String, u64>,
}

/// The fence. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Fence {
    shared: Arc<Shared>,
}

impl Default for Fence {
    fn default() -> Self {
        Self::new(FenceSettings::default())
    }
}

#[derive(Debug, Default)]
struct Slot {
    local: AtomicU64,
    id: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    enforced: bool,
    max_lag_ms: u64,
    ticker: Ticker,
    /// The local position: counts touches that are in the table, wholly.
    local: AtomicU64,
    /// Values stamped below it are ruled out.
    floor_local: AtomicU64,
    /// Values from elsewhere with an `as_of` below it are ruled out.
    floor_id: AtomicU64,
    watermark: AtomicU64,
    highest: AtomicU64,
    /// When the last complete reading of the feed began; 0 before the first, and `u64::MAX` where
    /// there is no feed to lag behind.
    complete_since_ms: AtomicU64,
    /// The local position of the newest pattern.
    newest_pattern: AtomicU64,
    /// The highest id of a pattern.
    newest_pattern_id: AtomicU64,
    patterns: RwLock<Vec<Pattern>>,
    pages: Box<[OnceLock<Box<[Slot]>>]>,
    slot_mask: u64,
    /// Which database all of this is about; part of every key in Redis.
    identity: RwLock<Arc<str>>,
    /// Serializes everything that touches: positions are given and slots are written as one step.
    touching: Mutex<Touching>,
    /// Counts up whenever more positions count as applied.
    applied: watch::Sender<u64>,
}

#[derive(Debug)]
struct Pattern {
    local: u64,
    id: u64,
    glob: Box<str>,
}

#[derive(Debug, Default)]
struct Touching {
    progress: Progress,
    /// Ids of this process's own commits that were marked before the feed brought them.
    own: BTreeSet<u64>,
    touches: u64,
    families: BTreeMap<String, u64>,
}

impl Fence {
    /// A fence that trusts nothing until its feed has been read for the first time.
    #[must_use]
    pub fn new(settings: FenceSettings) -> Self {
        let slots = settings.slots.clamp(PAGE, 1 << 26).next_power_of_two();
        let pages = (0..slots / PAGE).map(|_| OnceLock::new()).collect();
        Self {
            shared: Arc::new(Shared {
                enforced: settings.enforced,
                max_lag_ms: millis(settings.max_lag),
                ticker: settings.ticker,
                local: AtomicU64::new(1),
                floor_local: AtomicU64::new(0),
                floor_id: AtomicU64::new(u64::MAX),
                watermark: AtomicU64::new(0),
                highest: AtomicU64::new(0),
                complete_since_ms: AtomicU64::new(0),
                newest_pattern: AtomicU64::new(0),
                newest_pattern_id: AtomicU64::new(0),
                patterns: RwLock::default(),
                pages,
                slot_mask: slots as u64 - 1,
                identity: RwLock::new(Arc::from("")),
                touching: Mutex::default(),
                applied: watch::Sender::new(0),
            }),
        }
    }

    /// A fence without a feed, for a process that is alone with its data: only what is touched here
    /// counts, everything else is trusted, and nothing is shared through Redis.
    #[must_use]
    pub fn standalone(ticker: Ticker) -> Self {
        let fence = Self::new(FenceSettings { slots: 1 << 16, ticker, ..FenceSettings::default() });
        fence.shared.complete_since_ms.store(u64::MAX, Ordering::SeqCst);
        fence.shared.floor_id.store(0, Ordering::SeqCst);
        fence
    }

    /// The time on the fence's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.ticker.now_ms()
    }

    /// Where knowledge stands now. Take it *before* reading what it is to stamp.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let local = self.shared.local.load(Ordering::SeqCst);
        Stamp { local, as_of: self.shared.watermark.load(Ordering::SeqCst) }
    }

    /// Whether values may be served: the feed was read to its end not longer ago than the bound.
    #[must_use]
    pub fn is_trusted(&self, now_ms: u64) -> bool {
        let since = self.shared.complete_since_ms.load(Ordering::SeqCst);
        since != 0 && now_ms.saturating_sub(since) <= self.shared.max_lag_ms || !self.shared.enforced
    }

    /// Whether the feed was read to its end not longer ago than this: for what has a tighter bound
    /// than values in general.
    #[must_use]
    pub fn is_read_within(&self, lag: Duration) -> bool {
        let since = self.shared.complete_since_ms.load(Ordering::SeqCst);
        since != 0 && self.now_ms().saturating_sub(since) <= millis(lag)
    }

    /// Whether the feed was read to its end not longer ago than this beyond the bound.
    pub(crate) fn is_within(&self, now_ms: u64, beyond: Duration) -> bool {
        let since = self.shared.complete_since_ms.load(Ordering::SeqCst);
        since != 0 && now_ms.saturating_sub(since) <= self.shared.max_lag_ms.saturating_add(millis(beyond))
    }

    /// The longest time that a value may be served for after it was ruled out elsewhere.
    #[must_use]
    pub(crate) fn max_lag_ms(&self) -> u64 {
        self.shared.max_lag_ms
    }

    /// The local position: it grows with each touch, when that is in the table, and with nothing else.
    /// What was compared at one position needs no comparing until there is another.
    pub(crate) fn position(&self) -> u64 {
        self.shared.local.load(Ordering::SeqCst)
    }

    /// Whether a value that was stamped here is still good.
    pub(crate) fn admits_local(&self, stamp: u64, tags: &[Tag], (namespace, key): (&str, &str)) -> bool {
        let shared = &*self.shared;
        if !shared.enforced {
            return true;
        }
        if stamp < shared.floor_local.load(Ordering::SeqCst) {
            return false;
        }
        if tags.iter().any(|tag| shared.touched_local(*tag) > stamp) {
            return false;
        }
        if shared.newest_pattern.load(Ordering::SeqCst) <= stamp {
            return true;
        }
        let patterns = shared.patterns.read().unwrap_or_else(PoisonError::into_inner);
        !patterns.iter().any(|one| one.local > stamp && tag::matches(&one.glob, namespace, key))
    }

    /// Whether a value that was filled elsewhere as of this position is still good.
    pub(crate) fn admits_shared(&self, as_of: u64, tags: &[Tag], (namespace, key): (&str, &str)) -> bool {
        let shared = &*self.shared;
        if !shared.enforced {
            return true;
        }
        // A filler cannot know more than has been given out: a position from ahead is another history's,
        // or this process is behind and cannot judge.
        if as_of == 0
            || shared.watermark.load(Ordering::SeqCst) == 0
            || as_of < shared.floor_id.load(Ordering::SeqCst)
            || as_of > shared.highest.load(Ordering::SeqCst)
        {
            return false;
        }
        if tags.iter().any(|tag| shared.touched_id(*tag) > as_of) {
            return false;
        }
        if shared.newest_pattern_id.load(Ordering::SeqCst) <= as_of {
            return true;
        }
        let patterns = shared.patterns.read().unwrap_or_else(PoisonError::into_inner);
        !patterns.iter().any(|one| one.id > as_of && tag::matches(&one.glob, namespace, key))
    }

    /// Whether values may be shared through Redis: the watermark is known.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.shared.watermark.load(Ordering::SeqCst) > 0
    }

    /// Which database this is about; empty until the feed has said so.
    #[must_use]
    pub fn identity(&self) -> Arc<str> {
        self.shared.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Touches tags on the word of this process alone: for what no event tells. Values in Redis count
    /// for it from the next event on, as others cannot know.
    pub fn touch(&self, tags: &[String]) {
        let mut touching = self.shared.lock();
        let id = self.highest().saturating_add(1);
        self.shared.touch_all(&mut touching, Touch { id, tags });
    }

    /// Marks a commit of this process, so that whatever starts here from now on sees it; the feed
    /// will bring the same event later. Call it after the commit and before anyone is told of it.
    pub fn mark(&self, id: u64, tags: &[String]) {
        let mut touching = self.shared.lock();
        if touching.progress.has_seen(id) || !touching.own.insert(id) {
            return;
        }
        self.shared.highest.fetch_max(id, Ordering::SeqCst);
        self.shared.touch_all(&mut touching, Touch { id, tags });
        drop(touching);
        self.shared.applied.send_modify(|count| *count += 1);
    }

    /// Applies what a reading of the feed brought, all of it, before any position moves.
    pub fn apply(&self, touches: &[Touch<'_>], progress: Progress) {
        let shared = &self.shared;
        let mut touching = shared.lock();
        for touch in touches {
            // Marked already, at its commit: touching it again would only rule out what was read since.
            if !touching.own.remove(&touch.id) {
                shared.touch_all(&mut touching, *touch);
            }
        }
        // Own commits that the feed has passed without bringing them would be a defect of the feed.
        let passed: Vec<u64> = touching.own.iter().copied().filter(|id| progress.has_seen(*id)).collect();
        for id in passed {
            touching.own.remove(&id);
        }
        shared.highest.fetch_max(progress.highest, Ordering::SeqCst);
        if let Some(watermark) = progress.watermark {
            shared.watermark.fetch_max(watermark, Ordering::SeqCst);
        }
        if let Some(since) = progress.complete_since_ms {
            shared.complete_since_ms.fetch_max(since, Ordering::SeqCst);
        }
        touching.progress = progress;
        drop(touching);
        shared.applied.send_modify(|count| *count += 1);
    }

    /// Forgets everything and begins anew: at the start, after a gap, and when the database turns out
    /// to be another one. What was filled before is ruled out on both levels; `complete_from` is the
    /// id from which the touches that follow are complete.
    pub fn restart(&self, identity: &str, complete_from: u64) {
        let shared = &self.shared;
        let mut touching = shared.lock();
        shared.complete_since_ms.store(0, Ordering::SeqCst);
        shared.watermark.store(0, Ordering::SeqCst);
        shared.highest.store(0, Ordering::SeqCst);
        shared.floor_id.store(complete_from, Ordering::SeqCst);
        // Ids of another history mean nothing here.
        for slot in shared.pages.iter().filter_map(OnceLock::get).flat_map(|page| page.iter()) {
            slot.id.store(0, Ordering::SeqCst);
        }
        shared.patterns.write().unwrap_or_else(PoisonError::into_inner).clear();
        shared.newest_pattern_id.store(0, Ordering::SeqCst);
        *shared.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(identity);
        touching.progress = Progress::default();
        touching.own.clear();
        // Last: a value stamped before this moment was judged by what has just been forgotten.
        let floor = shared.local.load(Ordering::SeqCst) + 1;
        shared.floor_local.store(floor, Ordering::SeqCst);
        shared.local.store(floor, Ordering::SeqCst);
    }

    /// Whether event `id` is applied, and with it whatever was committed before its write: what a client reads from now
    /// on is not older than that write, nor than what the write was based on.
    ///
    /// One that the feed has brought is: it was read with all that was visible beside it. An own commit that was only
    /// marked is where nothing below it is unknown here; else others may have changed, before it, the very row that it
    /// changed, and what they touched is not applied yet.
    #[must_use]
    pub fn has_applied(&self, id: u64) -> bool {
        if !self.shared.enforced {
            return true;
        }
        let touching = self.shared.lock();
        touching.progress.has_seen(id) || touching.own.contains(&id) && touching.knows_all_below(id)
    }

    /// Waits until a commit of this process is applied with all that it was based on. Not for ever: where the feed is not
    /// read for longer than the bound nothing that is cached is trusted.
    pub async fn settle(&self, id: u64) {
        if !self.has_applied(id) {
            let _or_nothing_is_trusted = self.wait_until_applied(id, Duration::from_millis(self.max_lag_ms())).await;
        }
    }

    /// Waits until event `id` is applied; `false` when it was not within `patience`.
    pub async fn wait_until_applied(&self, id: u64, patience: Duration) -> bool {
        let mut changes = self.shared.applied.subscribe();
        tokio::time::timeout(patience, async {
            while !self.has_applied(id) {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
        .await
        .is_ok()
    }

    /// The highest position that is known to have been given out.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.shared.highest.load(Ordering::SeqCst)
    }

    /// Takes a value that a commit returned for the newest one of its tags: its stamp, if no other
    /// commit touched them beside and after this one. Aggregates' row locks order their ids, so a
    /// higher id on a tag means a newer commit.
    pub(crate) fn stamp_of_own_commit(&self, id: u64, tags: &[Tag], (namespace, key): (&str, &str)) -> Option<Stamp> {
        let shared = &self.shared;
        let _touching = shared.lock();
        let patterns = shared.patterns.read().unwrap_or_else(PoisonError::into_inner);
        let newest = shared.floor_id.load(Ordering::SeqCst) <= id
            && tags.iter().all(|tag| shared.touched_id(*tag) <= id)
            && !patterns.iter().any(|one| one.id > id && tag::matches(&one.glob, namespace, key));
        newest.then(|| self.stamp())
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> FenceFigures {
        let touching = self.shared.lock();
        let since = self.shared.complete_since_ms.load(Ordering::SeqCst);
        let now = self.now_ms();
        let watermark = self.shared.watermark.load(Ordering::SeqCst);
        FenceFigures {
            trusted: self.is_trusted(now),
            lag_ms: (since != 0).then(|| now.saturating_sub(since)),
            position: self.highest(),
            watermark: (watermark > 0).then_some(watermark),
            touches: touching.touches,
            tags: touching.families.clone(),
        }
    }
}

impl Progress {
    fn has_seen(&self, id: u64) -> bool {
        if id == 0 || self.watermark.is_some_and(|watermark| id <= watermark) {
            return true;
        }
        id <= self.highest && !self.holes.iter().any(|(first, last)| (*first..=*last).contains(&id))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Touching> {
        self.touching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, tag: Tag) -> Option<&Slot> {
        let index = usize::try_from(tag.0 & self.slot_mask).unwrap_or(0);
        self.pages[index / PAGE].get().map(|page| &page[index % PAGE])
    }

    fn touched_local(&self, tag: Tag) -> u64 {
        self.slot(tag).map_or(0, |slot| slot.local.load(Ordering::SeqCst))
    }

    fn touched_id(&self, tag: Tag) -> u64 {
        self.slot(tag).map_or(0, |slot| slot.id.load(Ordering::SeqCst))
    }

    fn touch_all(&self, touching: &mut Touching, touch: Touch<'_>) {
        // Nobody else gives positions: `touching` is locked. The position is published when everything
        // is in the table, so that whoever reads it can rely on what stands there.
        let local = self.local.load(Ordering::SeqCst) + 1;
        for text in touch.tags {
            touching.count(text);
            if text == EVERYTHING {
                self.floor_id.fetch_max(touch.id, Ordering::SeqCst);
                self.floor_local.store(local, Ordering::SeqCst);
            } else if let Some(glob) = text.strip_prefix(PATTERN) {
                self.add_pattern(Pattern { local, id: touch.id, glob: glob.into() });
            } else {
                self.touch_tag(Tag::new(text), local, touch.id);
            }
        }
        self.local.store(local, Ordering::SeqCst);
        touching.touches += 1;
    }

    fn touch_tag(&self, tag: Tag, local: u64, id: u64) {
        let index = usize::try_from(tag.0 & self.slot_mask).unwrap_or(0);
        let page = self.pages[index / PAGE].get_or_init(|| (0..PAGE).map(|_| Slot::default()).collect());
        let slot = &page[index % PAGE];
        slot.id.fetch_max(id, Ordering::SeqCst);
        slot.local.store(local, Ordering::SeqCst);
    }

    fn add_pattern(&self, pattern: Pattern) {
        let mut patterns = self.patterns.write().unwrap_or_else(PoisonError::into_inner);
        if patterns.len() >= MOST_PATTERNS {
            // The oldest half is forgotten: what is older than they are can no longer be judged.
            for gone in patterns.drain(..MOST_PATTERNS / 2) {
                self.floor_local.fetch_max(gone.local, Ordering::SeqCst);
                self.floor_id.fetch_max(gone.id, Ordering::SeqCst);
            }
        }
        self.newest_pattern.store(pattern.local, Ordering::SeqCst);
        self.newest_pattern_id.fetch_max(pattern.id, Ordering::SeqCst);
        patterns.push(pattern);
    }
}

impl Touching {
    /// Whether each id below was brought by the feed, or is a commit of this process: no other can have committed anything
    /// there that is not applied.
    fn knows_all_below(&self, id: u64) -> bool {
        let is_own = |first: u64, last: u64| {
            let last = last.min(id.saturating_sub(1));
            first > last || self.own.range(first..=last).count() as u64 == last - first + 1
        };
        self.progress.watermark.is_some()
            && self.progress.holes.iter().all(|(first, last)| is_own(*first, *last))
            && is_own(self.progress.highest + 1, id.saturating_sub(1))
    }

    fn count(&mut self, text: &str) {
        let family = match text {
            _ if text == EVERYTHING => EVERYTHING,
            _ if text.starts_with(KEY) => "key",
            _ if text.starts_with(PATTERN) => "pattern",
            _ => tag::family(text),
        };
        if let Some(count) = self.families.get_mut(family) {
            *count += 1;
        } else if self.families.len() < MOST_FAMILIES {
            self.families.insert(family.to_owned(), 1);
        }
    }
}
