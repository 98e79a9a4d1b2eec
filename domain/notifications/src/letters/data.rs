//! The data of each letter. Times are in UTC.
//!
//! **Invariant:** every field that people type is a [`Line`], except for an alert's detail, which may have
//! several and is shown as it is.

use entrepot_contracts::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Line, Link, money};

/// An order was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderConfirmation {
    /// Who placed it.
    pub customer: Line,
    /// The order's number.
    pub number: Line,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// What was ordered; the letter shows the first 100.
    pub lines: Vec<OrderLine>,
    /// The sum of the lines.
    #[serde(with = "money")]
    pub subtotal: Money,
    /// What is taken off.
    #[serde(with = "money::option", default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Money>,
    /// What the dispatch costs.
    #[serde(with = "money")]
    pub shipping: Money,
    /// The tax; left out where it is in the prices.
    #[serde(with = "money::option", default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// What is paid.
    #[serde(with = "money")]
    pub total: Money,
    /// Where it goes, line by line, as on an envelope.
    pub address: Vec<Line>,
    /// The order's page.
    pub link: Link,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The product's name.
    pub name: Line,
    /// Its SKU.
    pub sku: Line,
    /// How many.
    pub quantity: u32,
    /// What one costs.
    #[serde(with = "money")]
    pub unit_price: Money,
    /// What they cost.
    #[serde(with = "money")]
    pub sum: Money,
}

/// An order, or a part of it, is on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderShipped {
    /// Who placed the order.
    pub customer: Line,
    /// The order's number.
    pub number: Line,
    /// Who brings it.
    pub carrier: Line,
    /// The carrier's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<Line>,
    /// The carrier's page that tells where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Link>,
    /// The day it should arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Date>,
    /// What is in it; the letter shows the first 100.
    pub lines: Vec<ShippedLine>,
    /// Where it goes, line by line, as on an envelope.
    pub address: Vec<Line>,
    /// The order's page.
    pub link: Link,
}

/// A line of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShippedLine {
    /// The product's name.
    pub name: Line,
    /// Its SKU.
    pub sku: Line,
    /// How many.
    pub quantity: u32,
}

/// Some products are nearly sold out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LowStock {
    /// Where, if it is about one store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Line>,
    /// Which products, the scarcest first; the letter shows the first 100.
    pub items: Vec<LowItem>,
    /// The page that lists them.
    pub link: Link,
}

/// A product that is nearly sold out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LowItem {
    /// Its SKU.
    pub sku: Line,
    /// Its name.
    pub name: Line,
    /// How many there are; below zero where more were sold than there were.
    pub left: i64,
    /// How many there should be at the least.
    pub threshold: i64,
}

/// Somebody wants a new password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordReset {
    /// Whose.
    pub name: Line,
    /// The page where it is chosen.
    pub link: Link,
    /// How long the link works.
    pub good_for_minutes: u32,
}

/// An address has to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailVerification {
    /// Whose.
    pub name: Line,
    /// The page that confirms it.
    pub link: Link,
    /// How long the link works.
    pub good_for_minutes: u32,
}

/// Somebody has an account, and no password yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Whose.
    pub name: Line,
    /// The page where it is chosen.
    pub link: Link,
    /// How long the link works.
    pub good_for_minutes: u32,
}

/// Something needs a person's attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a line.
    pub title: Line,
    /// The rest; the letter shows the first 5,000 characters.
    pub detail: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be looked at today.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Warning => "Warning",
            Self::Critical => "Critical",
        }
    }
}

/// A report can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportReady {
    /// Which.
    pub title: Line,
    /// What time it is about, such as `October 2026`.
    pub period: Line,
    /// Where it is fetched.
    pub link: Link,
    /// Until when.
    pub expires_at: Timestamp,
}
