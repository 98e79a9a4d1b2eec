//! The words that all domains share: money and typed ids.
//!
//! **Invariant:** no I/O, and no dependency on any other crate of this workspace.

mod ids;
mod money;

pub use ids::{CategoryId, ImageId, ProductId, SellerId};
pub use money::{Currency, Money, MoneyError};
