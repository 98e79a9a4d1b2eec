//! The values of a statement that is put together from pieces.
//!
//! **Invariant:** what a client sent becomes a bound value and never a piece of the statement.

use tokio_postgres::types::{ToSql, Type};

/// The values bound to a statement, in order.
#[derive(Default)]
pub struct Binds {
    values: Vec<Box<dyn ToSql + Sync + Send>>,
    types: Vec<Type>,
}

impl std::fmt::Debug for Binds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(&self.values).finish()
    }
}

impl Binds {
    /// Binds one more value; tells the name to write in its place.
    pub fn add(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push(Box::new(value));
        self.types.push(kind);
        format!("${}", self.values.len())
    }

    /// The values with their types, for a statement that is planned with them.
    #[must_use]
    pub fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let values = self.values.iter().map(|value| &**value as &(dyn ToSql + Sync));
        values.zip(self.types.iter().cloned()).collect()
    }

    /// The values, for a statement that is prepared.
    #[must_use]
    pub fn plain(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }

    /// Their types.
    #[must_use]
    pub fn types(&self) -> &[Type] {
        &self.types
    }
}
