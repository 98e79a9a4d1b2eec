//! The clients that read and write until a run is over, and the chance that they follow.

use std::sync::Arc;

use super::Run;
pub(super) use super::client::Http;
use super::reads::Reader;
use super::writes::Writer;

/// Of a hundred steps, how many are writes.
const WRITES_PERCENT: u64 = 6;

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// One client.
pub(super) struct Worker {
    run: Arc<Run>,
    random: Random,
    reader: Reader,
    writer: Writer,
}

impl Worker {
    pub(super) fn new(run: Arc<Run>, seed: u64) -> Self {
        let (reader, writer) = (Reader::new(run.clone()), Writer::new(run.clone()));
        Self { run, random: Random::new(seed), reader, writer }
    }

    pub(super) async fn work(mut self) {
        while !self.run.is_over() {
            if self.random.percent(WRITES_PERCENT) {
                self.writer.write(&mut self.random).await;
            } else {
                self.reader.read(&mut self.random).await;
            }
            self.run.end_if_enough();
        }
    }
}
