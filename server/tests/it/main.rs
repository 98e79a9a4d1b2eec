//! The program as people and other programs meet it: the binary itself, its documents, and the
//! house rules that no compiler checks.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod abandoned;
mod arrows;
mod bad_tokens;
mod caching;
mod clock;
mod counted;
mod descriptors;
mod documents;
mod drafts;
mod exports;
mod figures;
mod files;
mod front_ends;
mod heads;
mod house;
mod keys;
mod live;
mod locales;
mod noted;
mod operations;
mod pages;
mod permissions;
mod program;
mod protection;
mod read_only;
mod refusals;
mod resending;
mod restricted;
mod running;
mod sales;
mod schedules;
mod starting;
mod telling;
mod vanished;
mod verify;
mod wire;
