//! The endpoints of what people are told: the inbox, webhooks, and for admins letters.

mod inbox;
mod letters;
mod webhooks;

pub use webhooks::TEST_EVENT;

use std::sync::Arc;

use entrepot_pg::Error;
use entrepot_web::{Caching, Module, Problem, ProblemKind, Rule, kinds};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Dependencies;

type Shared = Arc<Dependencies>;

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        pub(crate) const $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(
    NOTIFICATION_NOT_FOUND,
    404,
    "notifications.not_found",
    "There is no such notification",
    "None in your inbox has this id."
);
kind!(
    WEBHOOK_NOT_FOUND,
    404,
    "notifications.webhook_not_found",
    "There is no such webhook",
    "None of yours has this id."
);
kind!(
    DELIVERY_NOT_FOUND,
    404,
    "notifications.delivery_not_found",
    "There is no such delivery",
    "None to this webhook has this id, or it is older than a week."
);
kind!(
    DELIVERY_PENDING,
    409,
    "notifications.delivery_pending",
    "The delivery has not ended",
    "It is being tried. It can be sent again when it has arrived or was given up."
);
kind!(
    TOO_MANY_WEBHOOKS,
    409,
    "notifications.too_many_webhooks",
    "There are too many webhooks",
    "A person may have 50. Delete one."
);
kind!(
    LETTER_NOT_FOUND,
    404,
    "notifications.letter_not_found",
    "There is no such letter",
    "No letter in the folder has this id. Only where no mail server is set do letters become files."
);
kind!(
    TEMPLATE_NOT_FOUND,
    404,
    "notifications.template_not_found",
    "There is no such template",
    "GET /api/admin/mail/templates tells which there are."
);

const RULES: &[(&str, Rule)] = &[
    ("list_notifications", Rule::needs("profile.read")),
    ("read_notification", Rule::needs("profile.write")),
    ("read_all_notifications", Rule::needs("profile.write")),
    ("delete_notification", Rule::needs("profile.write")),
    ("list_webhooks", Rule::needs("webhooks.read")),
    ("create_webhook", Rule::needs("webhooks.write").secret()),
    ("get_webhook", Rule::needs("webhooks.read")),
    ("update_webhook", Rule::needs("webhooks.write")),
    ("delete_webhook", Rule::needs("webhooks.write")),
    ("rotate_webhook_secret", Rule::needs("webhooks.write").secret()),
    ("test_webhook", Rule::needs("webhooks.write").noted("webhook-tested")),
    ("list_webhook_deliveries", Rule::needs("webhooks.read")),
    ("resend_webhook_delivery", Rule::needs("webhooks.write")),
    ("list_mail_templates", Rule::needs("mail.read")),
    ("preview_mail_template", Rule::needs("mail.read").file()),
    ("list_mail_letters", Rule::needs("mail.read").in_person()),
    ("get_mail_letter", Rule::needs("mail.read").in_person().file().noted("mail-letter-read")),
    ("send_test_mail", Rule::needs("mail.write").costs(5).noted("mail-tested")),
];
const OWN: Caching = Caching::Never("each person's own");
const OF_THIS_MOMENT: Caching = Caching::Never("figures of this moment");

pub(crate) fn module(shared: Shared) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(inbox::list_notifications))
        .routes(routes!(inbox::read_all_notifications))
        .routes(routes!(inbox::delete_notification))
        .routes(routes!(inbox::read_notification))
        .routes(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .routes(routes!(webhooks::get_webhook, webhooks::update_webhook, webhooks::delete_webhook))
        .routes(routes!(webhooks::rotate_webhook_secret))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::list_webhook_deliveries))
        .routes(routes!(webhooks::resend_webhook_delivery))
        .routes(routes!(letters::list_mail_templates))
        .routes(routes!(letters::preview_mail_template))
        .routes(routes!(letters::list_mail_letters))
        .routes(routes!(letters::get_mail_letter))
        .routes(routes!(letters::send_test_mail))
        .with_state(shared)
        .split_for_parts();
    Module {
        name: "notifications",
        routes,
        openapi,
        problems: &[
            ("list_notifications", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("read_notification", &[&NOTIFICATION_NOT_FOUND]),
            ("read_all_notifications", &[]),
            ("delete_notification", &[&NOTIFICATION_NOT_FOUND]),
            ("list_webhooks", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("create_webhook", &[&TOO_MANY_WEBHOOKS]),
            ("get_webhook", &[&WEBHOOK_NOT_FOUND]),
            ("update_webhook", &[&WEBHOOK_NOT_FOUND]),
            ("delete_webhook", &[&WEBHOOK_NOT_FOUND]),
            ("rotate_webhook_secret", &[&WEBHOOK_NOT_FOUND]),
            ("test_webhook", &[&WEBHOOK_NOT_FOUND]),
            ("list_webhook_deliveries", &[&WEBHOOK_NOT_FOUND, &kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("resend_webhook_delivery", &[&WEBHOOK_NOT_FOUND, &DELIVERY_NOT_FOUND, &DELIVERY_PENDING]),
            ("list_mail_templates", &[]),
            ("preview_mail_template", &[&TEMPLATE_NOT_FOUND]),
            ("list_mail_letters", &[]),
            ("get_mail_letter", &[&LETTER_NOT_FOUND]),
            ("send_test_mail", &[]),
        ],
        rules: RULES,
        caching: &[
            ("list_notifications", OWN),
            ("list_webhooks", OWN),
            ("get_webhook", OWN),
            ("list_webhook_deliveries", OWN),
            ("list_mail_templates", OF_THIS_MOMENT),
            ("preview_mail_template", OF_THIS_MOMENT),
            ("list_mail_letters", OF_THIS_MOMENT),
            ("get_mail_letter", OF_THIS_MOMENT),
        ],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

fn failed(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}
