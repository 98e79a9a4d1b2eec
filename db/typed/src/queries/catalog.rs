// This file was generated with `clorinde`. Do not modify.

pub mod categories;
pub mod images;
pub mod products;
pub mod reviews;
pub mod views;
