// This file was generated with `clorinde`. Do not modify.

pub mod inbox;
pub mod letters;
pub mod webhooks;
