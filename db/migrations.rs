//! The schema's migrations, embedded in the program: one file each in `db/migrations`, applied in
//! the order of their numbers by `entrepot_pg::migrate`.

use entrepot_pg::Migration;

/// All migrations, sorted by version.
pub const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/list.rs"));
