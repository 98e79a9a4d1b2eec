// This file was generated with `clorinde`. Do not modify.

pub mod audit;
pub mod blocks;
pub mod keys;
pub mod people;
pub mod sessions;
