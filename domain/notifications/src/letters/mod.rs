//! Letters: what they say, as HTML and as text.
//!
//! A [`Template`] is a letter's data. It is what a job carries, so a letter is written when it is sent, with
//! the templates of that day. The templates are compiled into the program (`templates/letters`).
//!
//! **Invariants:**
//! - What people have typed is data: HTML is escaped by the template engine, and what is a line stays one
//!   ([`Line`]), in the text as in the subject.
//! - A link leads to a web page ([`Link`]): `javascript:` and the like are refused when the data is read.
//! - A list has a bound; beyond it the letter says how many more there are.
//! - A template's name is in stored jobs and never changes (tests below).

mod data;
mod filters;
mod line;
mod link;
mod money;
mod pages;
mod samples;

use serde::{Deserialize, Serialize};

pub use data::{
    Alert, EmailVerification, Invitation, LowItem, LowStock, OrderConfirmation, OrderLine, OrderShipped, PasswordReset,
    ReportReady, Severity, ShippedLine,
};
pub use line::Line;
pub use link::{Link, LinkError};

/// The longest subject; more is cut off with an ellipsis.
const LONGEST_SUBJECT: usize = 120;

/// A letter's data, told apart by `template`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Template {
    /// An order was placed.
    OrderConfirmation(OrderConfirmation),
    /// An order is on its way.
    OrderShipped(OrderShipped),
    /// Some products are nearly sold out.
    LowStock(LowStock),
    /// Somebody wants a new password.
    PasswordReset(PasswordReset),
    /// An address has to be confirmed.
    EmailVerification(EmailVerification),
    /// Somebody has an account, and no password yet.
    Invitation(Invitation),
    /// Something needs a person's attention.
    Alert(Alert),
    /// A report can be fetched.
    ReportReady(ReportReady),
}

/// The shop that writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Its name.
    pub name: String,
    /// Its web page, and the base of links.
    pub url: String,
    /// Where people turn to: an e-mail address or a web page.
    pub support: String,
}

/// A letter that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendered {
    /// One line of up to 120 characters.
    pub subject: String,
    /// The letter as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Why a letter could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The shop's page is no web page.
    #[error("the shop's page cannot be linked to")]
    ShopUrl(#[source] LinkError),
    /// Where people turn to is neither an address nor a web page.
    #[error("the shop's support is neither an e-mail address nor a web page")]
    ShopSupport(#[source] LinkError),
    /// A template failed.
    #[error("the template {name} failed")]
    Template {
        /// Its name.
        name: &'static str,
        /// What failed.
        #[source]
        source: askama::Error,
    },
}

impl Shop {
    /// Whether letters can be written in its name.
    ///
    /// # Errors
    /// When its page or its support cannot be linked to.
    pub fn check(&self) -> Result<(), LetterError> {
        pages::House::new(self).map(|_house| ())
    }
}

impl Template {
    /// The names of all templates, in the order of [`Template::samples`].
    pub const NAMES: [&'static str; 8] = [
        "order_confirmation",
        "order_shipped",
        "low_stock",
        "password_reset",
        "email_verification",
        "invitation",
        "alert",
        "report_ready",
    ];

    /// Its name, which also tells it apart in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OrderConfirmation(_) => "order_confirmation",
            Self::OrderShipped(_) => "order_shipped",
            Self::LowStock(_) => "low_stock",
            Self::PasswordReset(_) => "password_reset",
            Self::EmailVerification(_) => "email_verification",
            Self::Invitation(_) => "invitation",
            Self::Alert(_) => "alert",
            Self::ReportReady(_) => "report_ready",
        }
    }

    /// Whether it has in it what makes its reader somebody: a token. Nobody else is shown it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::PasswordReset(_) | Self::EmailVerification(_) | Self::Invitation(_))
    }

    /// One of each, made up, for a page that shows what they look like.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        samples::all()
    }

    /// The letter.
    ///
    /// # Errors
    /// When the shop's own page or support cannot be linked to.
    pub fn render(&self, shop: &Shop) -> Result<Rendered, LetterError> {
        let house = pages::House::new(shop)?;
        let (text, html) =
            pages::render(self, &house).map_err(|source| LetterError::Template { name: self.name(), source })?;
        Ok(Rendered { subject: Line::cut(&self.subject(&house.name), LONGEST_SUBJECT).into(), text, html })
    }

    fn subject(&self, shop: &Line) -> String {
        match self {
            Self::OrderConfirmation(order) => format!("Your order {} at {shop}", order.number),
            Self::OrderShipped(order) => format!("Your order {} is on its way", order.number),
            Self::LowStock(stock) => {
                let what = match stock.items.as_slice() {
                    [only] => only.name.to_string(),
                    items => format!("{} products", items.len()),
                };
                match &stock.store {
                    Some(store) => format!("Low stock at {store}: {what}"),
                    None => format!("Low stock: {what}"),
                }
            }
            Self::PasswordReset(_) => format!("Choose a new password for {shop}"),
            Self::EmailVerification(_) => format!("Confirm your e-mail address for {shop}"),
            Self::Invitation(_) => format!("Your account at {shop}"),
            Self::Alert(alert) => format!("[{}] {}", alert.severity.word(), alert.title),
            Self::ReportReady(report) => format!("{} is ready", report.title),
        }
    }
}

#[cfg(test)]
mod tests;
