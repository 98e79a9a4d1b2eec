//! What is young at the end of a run, beside exports, which are judged with the rest: the feed's days, and a session.
//!
//! **Invariant:** the last thing that happens to an instance before this is looked at is a clock that is ahead by more
//! than anything is kept for.

use entrepot_accounts::{Accounts, FirstAdmin, make_admin};
use serde_json::json;

use super::Orders;
use crate::settings::Settings;
use crate::verify::administrator::secret;
use crate::verify::revocation::remove_accounts;
use crate::verify::young::{FeedState, drop_today};

pub(super) struct Young {
    feed: FeedState,
    retention_days: u32,
    /// The beginning of the address of who is signed in.
    name: String,
    refresh_token: String,
}

impl Young {
    /// Signs somebody in, and looks at the feed.
    pub(super) async fn make(orders: &Orders<'_>, accounts: &Accounts, settings: &Settings) -> anyhow::Result<Self> {
        // Not as the addresses of the run begin, whose letters are counted.
        let name = format!("young-{}", orders.name);
        let (email, password) = (format!("{name}-admin@localhost"), secret());
        let admin = FirstAdmin { email: email.clone(), password: password.clone(), may_make_password: false };
        make_admin(accounts, &admin).await?;
        let body = json!({"email": email, "password": password});
        let answer = orders.api.json(orders.instances.address(0), "POST", "/api/v2/auth/login", &body).await?;
        anyhow::ensure!(answer.status == 200, "nobody can sign in: {} {}", answer.status, answer.json());
        let retention_days = settings.feed.retention_days;
        let feed = FeedState::read(orders.database, retention_days).await?;
        Ok(Self { feed, retention_days, name, refresh_token: answer.text("refreshToken") })
    }

    /// Throws it away, and the exports, as an instance would whose clock is far ahead.
    pub(super) async fn throw_away(&self, orders: &Orders<'_>) -> anyhow::Result<()> {
        let client = orders.database.client().await?;
        let sql = "DELETE FROM exports.export WHERE parameters->>'storeId' = $1";
        client.execute(sql, &[&orders.exported()]).await?;
        let sql = "DELETE FROM accounts.session USING accounts.person
                   WHERE person.id = person_id AND email LIKE $1";
        client.execute(sql, &[&format!("{}-%", self.name)]).await?;
        drop_today(orders.database).await?;
        Ok(())
    }

    /// What is gone; removes the account.
    pub(super) async fn gone(&self, orders: &Orders<'_>) -> anyhow::Result<Vec<String>> {
        let after = FeedState::read(orders.database, self.retention_days).await?;
        let mut gone = self.feed.gone(&after);
        let body = json!({"refreshToken": self.refresh_token});
        let answer = orders.api.json(orders.instances.address(0), "POST", "/api/v2/auth/refresh", &body).await?;
        if answer.status != 200 {
            gone.push(format!("a session: its refresh token is answered {}", answer.status));
        }
        remove_accounts(orders.database, &self.name).await?;
        Ok(gone)
    }
}
