//! The words that all domains share: money, typed ids, and what domains tell of themselves.
//!
//! **Invariant:** no I/O, and no dependency on any other crate of this workspace.

mod catalog;
mod ids;
mod money;

pub use catalog::{CatalogReplaced, CategoryChanged, Change, ProductChanged, ViewsCounted};
pub use ids::{CategoryId, ImageId, ProductId, ReviewId, SellerId};
pub use money::{Currency, Money, MoneyError};
