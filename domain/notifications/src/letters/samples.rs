//! Made-up letters, for a page that shows what they look like.
//!
//! They are written as a job carries them, in JSON.
//!
//! **Invariant:** there is one of each template, in the order of [`Template::NAMES`] (test in `tests`).

use super::Template;

const SAMPLES: &str = include_str!("samples.json");

/// All of them; none where the file is broken, which a test tells.
pub(super) fn all() -> Vec<Template> {
    serde_json::from_str(SAMPLES).unwrap_or_default()
}
