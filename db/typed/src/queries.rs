// This file was generated with `clorinde`. Do not modify.

pub mod accounts;
pub mod analytics;
pub mod catalog;
pub mod notifications;
pub mod sales;
