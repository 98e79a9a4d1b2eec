//! Money: an exact decimal amount in a currency of ISO 4217.
//!
//! **Invariants:** an amount is never negative, has no more decimals than its currency has, fits
//! `numeric(15, 3)`, and is written with exactly its currency's decimals (`"12.50"` EUR, `"12"`
//! JPY, `"12.500"` KWD). It is never a floating-point number, in JSON neither.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Serialize, Serializer};

/// The first amount that no longer fits `numeric(15, 3)`.
const TOO_LARGE: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);

/// A currency of ISO 4217 that is in use and has decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why something is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a plain decimal number.
    #[error("is not a decimal number such as \"12.50\"")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More decimals than the currency has.
    #[error("has more decimals than {currency} has ({allowed})")]
    TooManyDecimals {
        /// The currency.
        currency: Currency,
        /// How many decimals it has.
        allowed: u32,
    },
    /// A million million or more.
    #[error("must be below 1000000000000")]
    TooLarge,
    /// No currency of ISO 4217.
    #[error("is not a currency code of ISO 4217 such as \"EUR\"")]
    UnknownCurrency,
    /// A currency that was replaced by another, or a unit in which nobody pays.
    #[error("is not the code of a currency that is in use")]
    NotInUse,
}

impl Currency {
    /// How many decimals its amounts have.
    #[must_use]
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// Its three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl Currency {
    /// The currency of this code, also one that is in use no more: of what was stored while it was.
    #[must_use]
    pub fn stored(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(code)?;
        // Metals and test codes have no decimals, some funds more than are kept.
        currency.exponent().filter(|decimals| *decimals <= 3).map(|_| Self(currency))
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let currency = Self::stored(code).ok_or(MoneyError::UnknownCurrency)?;
        let is_in_use = !currency.0.is_fund() && !currency.0.is_special() && currency.0.is_superseded().is_none();
        if is_in_use { Ok(currency) } else { Err(MoneyError::NotInUse) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl Money {
    /// An amount, checked.
    ///
    /// # Errors
    /// See [`MoneyError`].
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(MoneyError::Negative);
        }
        if amount >= TOO_LARGE {
            return Err(MoneyError::TooLarge);
        }
        let allowed = currency.decimals();
        let mut exact = amount.normalize();
        if exact.scale() > allowed {
            return Err(MoneyError::TooManyDecimals { currency, allowed });
        }
        exact.rescale(allowed);
        Ok(Self { amount: exact, currency })
    }

    /// Reads an amount as it is written in JSON, such as `12.50`.
    ///
    /// # Errors
    /// See [`MoneyError`].
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let plain = amount.strip_prefix('-').unwrap_or(amount);
        let well_formed = plain.len() <= 28
            && plain.starts_with(|first: char| first.is_ascii_digit())
            && plain.ends_with(|last: char| last.is_ascii_digit())
            && plain.chars().all(|char| char.is_ascii_digit() || char == '.');
        if !well_formed {
            return Err(MoneyError::NotANumber);
        }
        let amount = Decimal::from_str_exact(amount).map_err(|_| MoneyError::NotANumber)?;
        Self::new(amount, currency)
    }

    /// What the database holds, which its own checks have kept sound; an amount with more decimals
    /// than the currency has (written by hand) is rounded to what can be shown.
    #[must_use]
    pub fn stored(amount: Decimal, currency: Currency) -> Self {
        let mut amount = amount.round_dp_with_strategy(currency.decimals(), RoundingStrategy::MidpointAwayFromZero);
        amount.rescale(currency.decimals());
        Self { amount, currency }
    }

    /// The amount, with as many decimals as the currency has.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Money", 2)?;
        object.serialize_field("amount", &self.amount)?;
        object.serialize_field("currency", self.currency.code())?;
        object.end()
    }
}

/// The shape of [`Money`] in the OpenAPI document.
impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
        ObjectBuilder::new()
            .description(Some("An exact decimal amount, written with as many decimals as its currency has."))
            .property(
                "amount",
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .pattern(Some(r"^\d{1,12}(\.\d{1,3})?$")),
            )
            .required("amount")
            .property(
                "currency",
                ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some("^[A-Z]{3}$")),
            )
            .required("currency")
            .examples([serde_json::json!({"amount": "12.50", "currency": "EUR"})])
            .into()
    }
}

impl utoipa::ToSchema for Money {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(amount: &str, currency: &str) -> Result<String, MoneyError> {
        Money::parse(amount, currency.parse()?).map(|money| money.amount().to_string())
    }

    #[test]
    fn amounts_are_checked_and_written_with_their_currencys_decimals() {
        for (amount, currency, wanted) in [
            ("12.5", "EUR", Ok("12.50")),
            ("12", "JPY", Ok("12")),
            ("0.005", "KWD", Ok("0.005")),
            ("12.500", "EUR", Ok("12.50")),
            ("999999999999.99", "EUR", Ok("999999999999.99")),
            ("1000000000000", "EUR", Err(MoneyError::TooLarge)),
            ("-0.01", "EUR", Err(MoneyError::Negative)),
            ("1e3", "EUR", Err(MoneyError::NotANumber)),
            (".5", "EUR", Err(MoneyError::NotANumber)),
            ("", "EUR", Err(MoneyError::NotANumber)),
            ("1", "XYZ", Err(MoneyError::UnknownCurrency)),
            ("1", "eur", Err(MoneyError::UnknownCurrency)),
        ] {
            assert_eq!(parse(amount, currency), wanted.map(str::to_owned), "{amount} {currency}");
        }
        assert!(matches!(parse("1.005", "EUR"), Err(MoneyError::TooManyDecimals { allowed: 2, .. })));
        assert!(matches!(parse("1.5", "JPY"), Err(MoneyError::TooManyDecimals { allowed: 0, .. })));
    }

    proptest! {
        #[test]
        fn cents_survive_the_way_through_text(cents in 0_i64..100_000_000_000_000) {
            let euro: Currency = "EUR".parse().expect("a literal");
            let money = Money::new(Decimal::new(cents, 2), euro).expect("in range");
            prop_assert_eq!(Money::parse(&money.amount().to_string(), euro), Ok(money));
        }
    }
}
