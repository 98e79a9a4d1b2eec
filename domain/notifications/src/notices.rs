//! What accounts have to tell people, as letters.
//!
//! **Invariant:** a notice is a letter in the transaction of what it tells of; its token is in no log.

use entrepot_accounts::Notify;
use entrepot_accounts::notices::{About, Notice};
use entrepot_pg::{Error, Transaction};
use futures_util::future::BoxFuture;

use crate::letters::{Alert, EmailVerification, Invitation, Link, PasswordReset, Severity, Template};
use crate::post::Post;

impl Notify for Post {
    fn notify<'a>(&'a self, transaction: &'a Transaction, notice: Notice) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let about = notice.about.name();
            let Some(template) = self.template(&notice) else {
                tracing::error!(about, "the shop's address cannot be linked to (shop.url): a notice was not sent");
                return Ok(());
            };
            self.send(transaction, &notice.to, template).await?;
            Ok(())
        })
    }
}

impl Post {
    /// A page of the shop.
    fn page(&self, path: &str) -> Option<Link> {
        Link::new(&format!("{}{path}", self.shop().url.trim_end_matches('/'))).ok()
    }

    fn template(&self, notice: &Notice) -> Option<Template> {
        let name = notice.name.as_str().into();
        let good_for_minutes = u32::try_from(notice.good_for.as_mins()).unwrap_or(0);
        // Behind the `#`: what a browser tells no server, and no server writes into a log.
        let (title, detail) = match &notice.about {
            About::VerifyEmail(token) => {
                let link = self.page(&format!("/console/account#verify={token}"))?;
                return Some(Template::EmailVerification(EmailVerification { name, link, good_for_minutes }));
            }
            About::ResetPassword(token) => {
                let link = self.page(&format!("/console/account#reset={token}"))?;
                return Some(Template::PasswordReset(PasswordReset { name, link, good_for_minutes }));
            }
            About::Invited(token) => {
                let link = self.page(&format!("/console/account#reset={token}"))?;
                return Some(Template::Invitation(Invitation { name, link, good_for_minutes }));
            }
            About::AlreadyRegistered => (
                "You have an account already",
                "Somebody wanted to open an account with this address, which has one. If it was you, sign in, or have a new password sent. If it was not, nothing needs to be done.",
            ),
            About::AddressChanged => (
                "Your account has another e-mail address",
                "From now on letters go to the new address, and you sign in by it. If it was not you who changed it, turn to us at once.",
            ),
            About::PasswordChanged => (
                "Your password was changed",
                "All other sessions were ended. If it was not you who changed it, choose a new password at once, and turn to us.",
            ),
            About::UnderAttack => (
                "Somebody keeps trying to sign in as you",
                "The attempts failed, and more are refused for a while. If it was you, choose a new password. If it was not, yours has kept them out; it should be one that you use nowhere else.",
            ),
            About::TokenReused => (
                "A session of yours was ended",
                "What renews it was used twice, so somebody may have had a copy. Sign in again; if that happens often, look for programs that should not have your session.",
            ),
        };
        let is_urgent = matches!(notice.about, About::UnderAttack | About::TokenReused);
        Some(Template::Alert(Alert {
            severity: if is_urgent { Severity::Warning } else { Severity::Info },
            title: title.into(),
            detail: format!("{}\n\n{detail}", notice.name),
            at: self.clock.now(),
            link: self.page("/console/account"),
        }))
    }
}
