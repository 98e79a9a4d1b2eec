//! Ids: UUIDv7 (RFC 9562), a type for each kind of thing, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = Uuid, example = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// The id of a product.
    ProductId
);
id!(
    /// The id of a category.
    CategoryId
);
id!(
    /// The id of a product's image.
    ImageId
);
id!(
    /// The id of a review.
    ReviewId
);
id!(
    /// The id of a seller.
    SellerId
);
id!(
    /// The id of a person who has an account.
    PersonId
);
id!(
    /// The id of a session.
    SessionId
);
id!(
    /// The id of an API key.
    ApiKeyId
);
id!(
    /// The id of a block.
    BlockId
);
id!(
    /// The id of a store's month of sales.
    SalesMonthId
);
id!(
    /// The id of a business.
    BusinessId
);
id!(
    /// The id of an export.
    ExportId
);
