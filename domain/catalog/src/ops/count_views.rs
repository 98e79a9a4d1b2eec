//! Writes down how often products were looked at since the last time.
//!
//! **Invariant:** views are no change of a product: they make no version and rule out nothing but the
//! popular products.

use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use crate::events::views_counted;
use crate::{Dependencies, store};

/// Adds the views; those of what is no product are dropped.
pub(crate) async fn count_views(to: &Dependencies, views: &[(Uuid, i64)]) -> Result<(), Error> {
    to.database
        .transaction(|transaction| {
            async move {
                let products = store::product_views_add(transaction, views, to.clock.now()).await?;
                if products > 0 {
                    to.feed.append(transaction, views_counted(products)).await?;
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
