//! The mailer against a real SMTP server, and as a writer of files.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod faults;
mod files;
mod sending;
mod server;

use std::path::Path;
use std::time::Duration;

use entrepot_mail::{Letter, MailSettings, Mailer, SmtpSettings};
use entrepot_runtime::{Breakers, Clock, ManualClock};

/// A mailer with a clock that stands still.
pub(crate) struct Desk {
    pub(crate) mailer: Mailer,
    pub(crate) breakers: Breakers,
    pub(crate) hand: ManualClock,
}

/// Settings under which nothing but the matter of a test is in the way.
pub(crate) fn settings(smtp: Option<SmtpSettings>, folder: &Path) -> MailSettings {
    MailSettings {
        smtp,
        from: "Tea & Co <shop@example.org>".to_owned(),
        reply_to: Some("help@example.org".to_owned()),
        folder: folder.to_owned(),
        keep: 3,
        per_recipient: (100, Duration::from_secs(60)),
    }
}

pub(crate) fn desk(settings: &MailSettings) -> Desk {
    let (clock, hand) = Clock::manual("2026-01-02T03:04:05Z".parse().expect("a literal"));
    let breakers = Breakers::default();
    let mailer = Mailer::new(settings, clock, &breakers).expect("these settings work");
    Desk { mailer, breakers, hand }
}

/// A desk that sends to a server.
pub(crate) fn sending_to(smtp: SmtpSettings) -> Desk {
    desk(&settings(Some(smtp), Path::new("no-file-is-written-here")))
}

pub(crate) fn letter(to: &str, key: &str) -> Letter {
    Letter {
        to: to.to_owned(),
        subject: "Grüße – お茶 ☕ for you".to_owned(),
        text: "Dear Anna,\n.\nyour tea (größer) is on its way.\n".to_owned(),
        html: Some("<p>Dear Anna, your tea (größer) is on its way.</p>\n.\n".to_owned()),
        kind: "order_shipped".to_owned(),
        key: key.to_owned(),
        attachments: Vec::new(),
    }
}
