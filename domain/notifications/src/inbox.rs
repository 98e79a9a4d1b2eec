//! What a person is told within the program: kept until it is read and for a while after, and told live.
//!
//! **Invariant:** what is told live is in the inbox, and the other way round: both are one transaction.

use entrepot_feed::NewEvent;
use entrepot_pg::{Error, Transaction};
use serde_json::json;
use uuid::Uuid;

use crate::letters::{Line, ReportReady, Template};
use crate::{Dependencies, Notifications, store};

/// What a person is told.
#[derive(Clone, Debug)]
pub struct News {
    /// What it is about, for programs: `report-ready`.
    pub kind: &'static str,
    /// In a line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// Where it leads to, within the program.
    pub link: Option<String>,
}

/// Puts something into a person's inbox, and tells it live on `user-{id}`.
pub(crate) async fn notify(
    needs: &Dependencies,
    transaction: &Transaction,
    person: Uuid,
    news: &News,
) -> Result<Uuid, Error> {
    let (id, now) = (needs.clock.new_id(), needs.clock.now());
    // As lines are in letters: no breaks, nothing that turns the direction.
    let title = Line::from(news.title.as_str()).to_string();
    let body: String = news.body.chars().take(2_000).collect();
    let link = news.link.as_deref().filter(|link| link.len() <= 500);
    store::notification_insert(transaction, id, person, news.kind, &title, &body, link, now).await?;
    let told = json!({"id": id, "kind": news.kind, "title": title, "body": body, "link": link, "createdAt": now});
    let event = NewEvent::new("notification", format!("user-{person}")).data(&told);
    needs.feed.append(transaction, event).await?;
    Ok(id)
}

impl Notifications {
    /// Puts something into a person's inbox, and tells it live on `user-{id}`.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn notify(&self, transaction: &Transaction, person: Uuid, news: &News) -> Result<Uuid, Error> {
        notify(&self.shared, transaction, person, news).await
    }

    /// Tells a person that a report is ready: in the inbox, and by a letter where one is wanted.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn report_ready(
        &self,
        transaction: &Transaction,
        person: Uuid,
        report: ReportReady,
        path: &str,
        letter_to: Option<&str>,
    ) -> Result<(), Error> {
        let news = News {
            kind: "report-ready",
            title: format!("{} is ready", report.title),
            body: report.period.to_string(),
            link: Some(path.to_owned()),
        };
        self.notify(transaction, person, &news).await?;
        if let Some(to) = letter_to {
            self.shared.post.send(transaction, to, Template::ReportReady(report)).await?;
        }
        Ok(())
    }
}
