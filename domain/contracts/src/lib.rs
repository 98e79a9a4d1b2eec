//! The words that all domains share: money, typed ids, and what domains tell of themselves.
//!
//! **Invariant:** no I/O, and no dependency on any other crate of this workspace.

mod accounts;
mod catalog;
mod ids;
mod money;
mod sales;
mod stores;

pub use accounts::{AccountChanged, BlockChanged, Role, SigningKeyRotated};
pub use catalog::{CatalogReplaced, CategoryChanged, Change, ProductChanged, ViewsCounted};
pub use ids::{
    ApiKeyId, BlockId, BusinessId, CategoryId, ExportId, ImageId, PersonId, ProductId, ReviewId, SalesMonthId,
    SellerId, SessionId,
};
pub use money::{Currency, Money, MoneyError};
pub use sales::{Number, SalesBatchDone, SalesChanged, SalesFigures, SalesGrowth, StoreChanged, growth};
pub use stores::{NoStoreId, StoreId};
