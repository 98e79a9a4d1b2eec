//! The jobs that this process does: queues, the kinds of jobs that the parts of the program do, schedules.
//!
//! **Invariant:** a process that works knows every kind of job there is: which of them it does follows from the queues
//! that it works on.

use std::sync::Arc;
use std::time::Duration;

use entrepot_analytics::Analytics;
use entrepot_catalog::Pictures;
use entrepot_exports::Exports;
use entrepot_feed::Feed;
use entrepot_jobs::{Jobs, Rate, Work, WorkFigures};
use entrepot_notifications::Notifications;
use entrepot_reports::Reports;
use entrepot_runtime::Tasks;

use crate::settings::Settings;
use crate::warming::WarmCaches;

/// Mails that may go out at once after a pause, of those that a minute has.
const BURST_SHARE: u32 = 6;

/// Everybody who does jobs.
pub(crate) struct Workshop<'a> {
    pub(crate) jobs: &'a Jobs,
    pub(crate) exports: &'a Exports,
    pub(crate) notifications: &'a Notifications,
    pub(crate) reports: &'a Reports,
    pub(crate) analytics: &'a Analytics,
    pub(crate) feed: &'a Feed,
    pub(crate) pictures: &'a Pictures,
    pub(crate) catalog: &'a entrepot_catalog::Dependencies,
}

impl Workshop<'_> {
    /// Begins to work, for the life of the program.
    ///
    /// # Errors
    /// When a schedule of the program's own is none, which is a defect.
    pub(crate) fn open(self, settings: &Settings, tasks: &Tasks) -> anyhow::Result<WorkFigures> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = format!("{host} {}", std::process::id());
        let mut work = Work::new(self.jobs, name);
        for (queue, at_once) in settings.jobs.queues() {
            if at_once > 0 {
                work = work.queue(queue, at_once);
            }
        }
        if let per_minute @ 1.. = settings.jobs.email_per_minute {
            let burst = (per_minute / BURST_SHARE).max(1);
            work = work.rate("email", Rate { jobs: per_minute, per: Duration::from_secs(60), burst });
        }
        work = self.exports.work(work);
        work = self.notifications.work(work);
        work = self.reports.work(work)?;
        work = self.analytics.work(work);
        work = entrepot_catalog::work(self.pictures.clone(), self.catalog.clone(), work)?;
        work = work.does::<WarmCaches>(Arc::new(self.feed.clone()));
        Ok(work.start(tasks))
    }
}
