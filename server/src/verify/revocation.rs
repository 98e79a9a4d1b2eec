//! Rights that are taken away, and whether anybody is let in afterwards.
//!
//! Accounts of the run sign in, or have an API key; their right is taken away, over HTTP or by hand;
//! from then on they ask every instance again and again. The instance that took the right away must
//! refuse them at once, every other from [`BOUND`] on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use entrepot_accounts::{Accounts, TemporaryKey, temporary_key};
use entrepot_contracts::Role;
use serde_json::{Value, json};

use super::Run;
use super::administrator::{Administrator, bearer, secret, sign_in, text};
use super::client::Answer;
use super::findings::Violation;
use super::work::Random;

/// How long after a right was taken away other instances may go on without knowing (docs/features/permissions.md),
/// and the resolution of clocks.
const BOUND: Duration = Duration::from_millis(500 + 10);
/// How long they are asked afterwards.
const WATCHED: Duration = Duration::from_millis(900);
/// How long a step of the run's own may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the accounts may do, until it is taken away: auditors may, customers may not.
const RIGHT: &str = "/api/admin/audit?limit=1";

/// That a right was taken away.
#[derive(Clone, Copy, Debug)]
struct Revoked {
    /// When whoever did it was told.
    at: Instant,
    /// The instance that did it; `None` for one that was done by hand.
    by: Option<usize>,
}

impl Revoked {
    /// Whether an answer let somebody in who should have been refused.
    fn is_violated_by(&self, instance: usize, asked_at: Instant, status: u16) -> bool {
        let must_be_refused = self.by == Some(instance) || asked_at >= self.at + BOUND;
        must_be_refused && (200..300).contains(&status)
    }
}

/// Somebody whose right is to be taken away.
struct Subject {
    id: String,
    credentials: Credentials,
}

enum Credentials {
    Key(TemporaryKey),
    Token(String),
}

impl Subject {
    fn field(&self) -> (&'static str, String) {
        match &self.credentials {
            Credentials::Key(key) => ("x-api-key", key.reveal().to_owned()),
            Credentials::Token(token) => bearer(token),
        }
    }
}

/// Takes rights away until the run is over.
pub(super) struct Revoker {
    run: Arc<Run>,
    accounts: Accounts,
    /// The beginning of the name and address of each account.
    name: String,
    admin: Administrator,
}

impl Revoker {
    /// Makes the admin who takes rights away. `name` begins the addresses of all accounts that are made.
    pub(super) async fn new(run: Arc<Run>, accounts: Accounts, name: &str) -> anyhow::Result<Self> {
        let admin = Administrator::make(&accounts, name).await?;
        Ok(Self { run, accounts, name: name.to_owned(), admin })
    }

    pub(super) async fn revoke(mut self, mut random: Random) {
        while !self.run.is_over() {
            // Under faults much of this fails; then the next one is begun.
            match self.one(&mut random).await {
                Ok(()) => {}
                Err(_failed) => self.run.findings.count("times: nobody's right could be taken away"),
            }
            self.run.pause(Duration::from_millis(50)).await;
        }
    }

    async fn one(&mut self, random: &mut Random) -> anyhow::Result<()> {
        let subject = tokio::time::timeout(PATIENCE, self.subject(random)).await.context("it takes too long")??;
        let mut let_in = 0;
        for instance in 0..self.run.instances.count() {
            let answer = self.ask(instance, &subject).await;
            let_in += u64::from(answer.is_ok_and(|answer| answer.status == 200));
        }
        // Whom nobody let in before proves nothing afterwards.
        ensure!(let_in > 0, "nobody let them in");
        let field = subject.field();
        let by = self.take_away(subject, random).await?;
        let revoked = Revoked { at: Instant::now(), by };
        self.run.findings.count("rights taken away");
        let is_watched = |asked: Duration| asked < BOUND + WATCHED && !(asked > BOUND && self.run.is_over());
        let mut asked = Duration::ZERO;
        // Also when the run is over: a right that was taken away is asked for once after the bound.
        while is_watched(asked) {
            asked = revoked.at.elapsed();
            for instance in 0..self.run.instances.count() {
                let address = self.run.instances.address(instance);
                let asked_at = Instant::now();
                let Ok(answer) = self.run.http.get(address, RIGHT, std::slice::from_ref(&field)).await else {
                    continue;
                };
                if revoked.is_violated_by(instance, asked_at, answer.status) {
                    let after = asked_at.duration_since(revoked.at).as_millis();
                    let (kind, troubles) = (field.0, self.run.said_troubles());
                    let what = format!(
                        "by {kind} on instance {instance}, {after} ms after {by:?} had taken the right away ({troubles})"
                    );
                    self.run.findings.violated(Violation::LetIn, what);
                } else if matches!(answer.status, 401 | 403) {
                    self.run.findings.count("refusals of who had lost a right");
                }
            }
            breathe().await;
        }
        Ok(())
    }

    async fn ask(&self, instance: usize, subject: &Subject) -> anyhow::Result<Answer> {
        self.run.http.get(self.run.instances.address(instance), RIGHT, &[subject.field()]).await
    }

    /// An account with a right, and something to prove it by.
    async fn subject(&mut self, random: &mut Random) -> anyhow::Result<Subject> {
        let instance = random.index(self.run.instances.count());
        if random.percent(60) {
            let actions = ["audit.read", "profile.read"];
            let key = temporary_key(&self.accounts, &self.name, Role::Auditor, &actions).await?;
            let field = ("x-api-key", key.reveal().to_owned());
            let me = self.run.http.get(self.run.instances.address(instance), "/api/v2/me", &[field]).await?;
            return Ok(Subject { id: text(&me.body, "id")?, credentials: Credentials::Key(key) });
        }
        let (email, password) = (format!("{}-{}@localhost", self.name, secret()), secret());
        let body = json!({"email": email, "name": "Revoked", "role": "auditor", "password": password});
        let made = self.as_admin(instance, "POST", "/api/v2/users", Some(&body)).await?;
        let token = sign_in(&self.run.http, &self.run.instances, instance, &email, &password).await?;
        Ok(Subject { id: text(&made.body, "id")?, credentials: Credentials::Token(token) })
    }

    /// Takes the right away in one of the ways that there are; who did it.
    async fn take_away(&mut self, subject: Subject, random: &mut Random) -> anyhow::Result<Option<usize>> {
        let Subject { id, credentials } = subject;
        let instance = random.index(self.run.instances.count());
        let path = format!("/api/v2/users/{id}");
        let (method, path, body) = match (random.below(4), credentials) {
            (0, Credentials::Key(key)) => {
                tokio::time::timeout(PATIENCE, key.delete(&self.accounts)).await.context("it takes too long")??;
                return Ok(None);
            }
            (0, Credentials::Token(_)) => ("DELETE", format!("{path}/sessions"), None),
            (1, _) => ("DELETE", path, None),
            (2, _) => ("PATCH", path, Some(json!({"role": "customer"}))),
            (_, _) => ("PATCH", path, Some(json!({"status": "blocked"}))),
        };
        self.as_admin(instance, method, &path, body.as_ref()).await?;
        Ok(Some(instance))
    }

    /// Asks as the admin, who signs in where that is needed; an error where it was not done.
    async fn as_admin(
        &mut self,
        instance: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let answer = self.admin.send(&self.run.http, &self.run.instances, instance, (method, path, body)).await?;
        ensure!((200..300).contains(&answer.status), "{method} {path} answers {}", answer.status);
        Ok(answer)
    }
}

async fn breathe() {
    #[expect(clippy::disallowed_methods, reason = "the bound is one of time")]
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// Removes the accounts whose address begins so, with all that hangs on them.
pub(super) async fn remove_accounts(database: &entrepot_pg::Database, name: &str) -> Result<(), entrepot_pg::Error> {
    let like = format!("{name}-%@localhost");
    database.client().await?.execute("DELETE FROM accounts.person WHERE email LIKE $1", &[&like]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_let_in_after_the_bound_is_found() {
        let at = Instant::now();
        let after = |ms| at + Duration::from_millis(ms);
        let by_one = Revoked { at, by: Some(1) };
        for (instance, asked_at, status, is_violation) in [
            (1, after(0), 200, true),
            (0, after(400), 200, false),
            (0, after(511), 200, true),
            (0, after(511), 204, true),
            (0, after(5_000), 401, false),
            (1, after(5_000), 403, false),
            (1, after(5_000), 503, false),
        ] {
            assert_eq!(by_one.is_violated_by(instance, asked_at, status), is_violation, "{instance} {status}");
        }
        let by_hand = Revoked { at, by: None };
        assert!(!by_hand.is_violated_by(1, after(400), 200) && by_hand.is_violated_by(1, after(600), 200));
    }
}
