//! The writes of analytics, one a file.
//!
//! **Invariant:** an op owns its transaction, and everything that it changes is in that one.

mod roll_up_sales;

pub use roll_up_sales::QUEUE;
pub(crate) use roll_up_sales::RollUpSales;
