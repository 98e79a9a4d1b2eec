// This file was generated with `clorinde`. Do not modify.

pub mod accounts;
pub mod catalog;
pub mod notifications;
pub mod sales;
