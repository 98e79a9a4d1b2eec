//! Money in a letter's JSON: `{"amount": "12.50", "currency": "EUR"}`, as the interface has it.
//!
//! **Invariant:** an amount that is read is checked as any other.

use entrepot_contracts::{Currency, Money, MoneyError};
use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de};

#[derive(Deserialize)]
struct Written {
    amount: String,
    currency: String,
}

impl Written {
    fn money(&self) -> Result<Money, MoneyError> {
        Money::parse(&self.amount, Currency::stored(&self.currency).ok_or(MoneyError::UnknownCurrency)?)
    }
}

pub(super) fn serialize<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    money.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let written = Written::deserialize(deserializer)?;
    written.money().map_err(|error| de::Error::custom(format!("the amount {error}")))
}

/// The same where there may be none.
pub(super) mod option {
    use super::{Deserialize, Deserializer, Money, Serializer, Written, de};

    pub(in crate::letters) fn serialize<S: Serializer>(
        money: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match money {
            Some(money) => serializer.serialize_some(money),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::letters) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        let written = Option::<Written>::deserialize(deserializer)?;
        let money = written.map(|written| written.money()).transpose();
        money.map_err(|error| de::Error::custom(format!("the amount {error}")))
    }
}
