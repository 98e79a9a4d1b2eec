//! The templates, and what they are given.
//!
//! **Invariant:** the HTML comes from `.html` templates alone, which the engine escapes, and no template turns
//! that off (test in `tests`).

use askama::Template as _;

use super::data::{
    Alert, EmailVerification, Invitation, LowStock, OrderConfirmation, OrderShipped, PasswordReset, ReportReady,
    Severity,
};
use super::{LetterError, Line, Link, Shop, Template, filters};

/// The most entries of a list that a letter shows.
const MOST_SHOWN: usize = 100;
/// The most of an alert's detail that a letter shows, in characters.
const LONGEST_DETAIL: usize = 5_000;

/// The shop, checked.
pub(super) struct House {
    pub(super) name: Line,
    url: Link,
    support: Support,
}

/// Where people turn to.
struct Support {
    shown: String,
    link: String,
}

impl House {
    pub(super) fn new(shop: &Shop) -> Result<Self, LetterError> {
        Ok(Self {
            name: Line::from(shop.name.as_str()),
            url: Link::new(&shop.url).map_err(LetterError::ShopUrl)?,
            support: Support::new(&shop.support)?,
        })
    }
}

impl Support {
    fn new(text: &str) -> Result<Self, LetterError> {
        // What may stand in a mailto: link as it is (RFC 6068); whether there is such an address is not known.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._+-".contains(&byte);
        if text.matches('@').count() == 1 && text.bytes().all(is_plain) {
            return Ok(Self { shown: text.to_owned(), link: format!("mailto:{text}") });
        }
        let link = Link::new(text).map_err(LetterError::ShopSupport)?;
        Ok(Self { shown: link.to_string(), link: link.into() })
    }
}

/// A letter's two templates: its data is `letter`, the shop is `house`.
macro_rules! pages {
    ($($page:ident for $data:ident: $html:tt, $text:tt;)*) => {
        $(
            mod $page {
                use super::*;

                #[derive(askama::Template)]
                #[template(path = $html)]
                pub(super) struct Html<'a> {
                    pub(super) letter: &'a $data,
                    pub(super) house: &'a House,
                }

                #[derive(askama::Template)]
                #[template(path = $text)]
                pub(super) struct Text<'a> {
                    pub(super) letter: &'a $data,
                    pub(super) house: &'a House,
                }
            }
        )*

        /// The letter as text and as HTML.
        pub(super) fn render(template: &Template, house: &House) -> Result<(String, String), askama::Error> {
            match template {
                $(Template::$data(letter) => {
                    let text = $page::Text { letter, house }.render()?;
                    Ok((text, $page::Html { letter, house }.render()?))
                })*
            }
        }
    };
}

pages! {
    order_confirmation for OrderConfirmation:
        "letters/order_confirmation.html", "letters/order_confirmation.txt";
    order_shipped for OrderShipped: "letters/order_shipped.html", "letters/order_shipped.txt";
    low_stock for LowStock: "letters/low_stock.html", "letters/low_stock.txt";
    password_reset for PasswordReset: "letters/password_reset.html", "letters/password_reset.txt";
    email_verification for EmailVerification:
        "letters/email_verification.html", "letters/email_verification.txt";
    invitation for Invitation: "letters/invitation.html", "letters/invitation.txt";
    alert for Alert: "letters/alert.html", "letters/alert.txt";
    report_ready for ReportReady: "letters/report_ready.html", "letters/report_ready.txt";
}

/// The entries that are shown.
fn shown<T>(entries: &[T]) -> impl Iterator<Item = &T> {
    entries.iter().take(MOST_SHOWN)
}

/// How many are not.
fn more<T>(entries: &[T]) -> usize {
    entries.len().saturating_sub(MOST_SHOWN)
}

/// The lines of an alert's detail, each a [`Line`].
fn detail_lines(detail: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = detail.lines().map(|line| Line::cut(line, LONGEST_DETAIL)).collect();
    let mut left = LONGEST_DETAIL;
    let fitting = lines.iter().take_while(|line| {
        let length = line.as_ref().chars().count() + 1;
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    });
    let count = fitting.count();
    if count < lines.len() {
        lines.truncate(count);
        lines.push(Line::from("… (the rest is left out)"));
    }
    lines
}
