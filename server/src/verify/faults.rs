//! What goes wrong meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use entrepot_pg::{Database, Error};
use rustix::process::{Pid, Signal, kill_process};

use super::Run;
use super::work::Random;

pub(super) struct Faults {
    run: Arc<Run>,
    database: Database,
    /// Where the private database's process is named, if it is this program's own.
    postmaster: Option<PathBuf>,
}

const REDIS_KILLED: &str = "Redis killed and started anew";
const REDIS_EMPTIED: &str = "Redis emptied";
const REDIS_HANGS: &str = "Redis hangs";
const REDIS_OLD: &str = "Redis given back what it had before";
const STOPPED: &str = "an instance stopped for 5 s and continued";
const RESTARTED: &str = "an instance killed and started anew";
const CONNECTIONS: &str = "the feed's connections cut";
const POSTGRES: &str = "PostgreSQL killed";

impl Faults {
    pub(super) fn new(run: Arc<Run>, database: Database, postmaster: Option<PathBuf>) -> Self {
        Self { run, database, postmaster }
    }

    /// One after the other, in an order that the seed gives, until the run is over.
    pub(super) async fn happen(self, mut random: Random) {
        let mut bag: Vec<&'static str> = Vec::new();
        self.run.pause(Duration::from_millis(500)).await;
        while !self.run.is_over() {
            if bag.is_empty() {
                bag = self.possible();
            }
            let what = bag.swap_remove(random.index(bag.len()));
            self.run.begin_trouble(what);
            self.happen_once(what, &mut random).await;
            // What it left behind may still fail for a moment.
            self.run.pause(Duration::from_millis(300)).await;
            self.run.end_trouble(what);
            self.run.model.count(format!("times: {what}"));
            self.run.pause(Duration::from_millis(200 + random.below(800))).await;
        }
    }

    fn possible(&self) -> Vec<&'static str> {
        let mut all = vec![STOPPED, RESTARTED, CONNECTIONS];
        if self.run.redis.is_some() {
            all.extend([REDIS_KILLED, REDIS_EMPTIED, REDIS_HANGS, REDIS_OLD, REDIS_EMPTIED, REDIS_OLD]);
        }
        if self.postmaster.is_some() {
            all.push(POSTGRES);
        }
        all
    }

    async fn happen_once(&self, what: &'static str, random: &mut Random) {
        let instance = random.index(self.run.instances.count());
        match (what, &self.run.redis) {
            (STOPPED, _) => {
                self.run.instances.signal(instance, Signal::STOP);
                self.run.pause(Duration::from_secs(5)).await;
                self.run.instances.signal(instance, Signal::CONT);
            }
            (RESTARTED, _) => {
                while self.run.instances.restart(instance).await.is_err() && !self.run.is_over() {
                    self.run.model.count("times: an instance did not come up at once");
                }
            }
            (CONNECTIONS, _) => {
                if let Ok(client) = self.database.client().await {
                    let cut = client.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE application_name = 'entrepot-feed' AND datname = current_database()",
                        &[],
                    );
                    let _cut_or_not = cut.await;
                }
            }
            (POSTGRES, _) => {
                let pid = self.postmaster.as_ref().and_then(|path| {
                    let text = std::fs::read_to_string(path).ok()?;
                    Pid::from_raw(text.lines().next()?.parse().ok()?)
                });
                if let Some(pid) = pid {
                    let _gone_already = kill_process(pid, Signal::KILL);
                }
                // Until it has recovered, and a moment longer, for everybody's connections.
                while !self.run.is_over() {
                    self.run.pause(Duration::from_millis(200)).await;
                    let answers =
                        async { self.database.client().await?.simple_query("SELECT 1").await.map_err(Error::from) };
                    if answers.await.is_ok() {
                        break;
                    }
                }
                self.run.pause(Duration::from_secs(2)).await;
            }
            (REDIS_KILLED, Some(redis)) => {
                redis.kill();
                self.run.pause(Duration::from_millis(random.below(1_500))).await;
                redis.run().await;
            }
            (REDIS_EMPTIED, Some(redis)) => redis.empty().await,
            (REDIS_HANGS, Some(redis)) => {
                redis.signal(Signal::STOP);
                self.run.pause(Duration::from_millis(200 + random.below(1_800))).await;
                redis.signal(Signal::CONT);
            }
            (REDIS_OLD, Some(redis)) => {
                redis.keep().await;
                // Long enough that what is given back is out of date.
                self.run.pause(Duration::from_millis(500 + random.below(1_500))).await;
                redis.give_back().await;
            }
            _ => {}
        }
    }
}
