//! Types for descriptions alone: words of a fixed list, of a parameter or a member whose handler reads it as text, and
//! files.
//!
//! **Invariant:** a list of choices stands in the document as an `enum`, so that a client's compiler knows it.

use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

/// The schema of a text that is one of these words.
#[must_use]
pub fn one_of(words: &[&str]) -> RefOr<Schema> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build().into()
}

/// The bytes of a file, in descriptions.
pub enum File {}

impl utoipa::PartialSchema for File {
    fn schema() -> RefOr<Schema> {
        let format = utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build().into()
    }
}

impl utoipa::ToSchema for File {}

/// The bytes of a body, whatever they are: a client takes whatever it can send.
pub enum Upload {}

impl utoipa::PartialSchema for Upload {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue).build().into()
    }
}

impl utoipa::ToSchema for Upload {}

/// Makes a type that stands for one of a few words, in descriptions alone:
/// `choices!(Period = "day" | "week")`, then `#[schema(value_type = Period, inline)]`.
#[macro_export]
macro_rules! choices {
    ($($name:ident = $first:literal $(| $word:literal)*;)+) => {$(
        pub(crate) enum $name {}
        impl ::utoipa::PartialSchema for $name {
            fn schema() -> ::utoipa::openapi::RefOr<::utoipa::openapi::Schema> {
                $crate::openapi::one_of(&[$first $(, $word)*])
            }
        }
        impl ::utoipa::ToSchema for $name {}
    )+};
}
