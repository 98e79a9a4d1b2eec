//! `entrepot config`.

use crate::settings::Loaded;
use crate::terminal::say;

/// Prints every setting as TOML, with the source of its value behind it.
pub(crate) fn config(loaded: &Loaded) {
    let widest = loaded.shown.iter().map(|shown| shown.key.len() + shown.value.len()).max().unwrap_or(0).min(70);
    let mut section = "";
    for shown in &loaded.shown {
        let Some((head, key)) = shown.key.split_once('.') else { continue };
        if head != section {
            if !section.is_empty() {
                say("");
            }
            say(format_args!("[{head}]"));
            section = head;
        }
        let line = format!("{key} = {}", shown.value);
        say(format_args!("{line:<widest$}  # {}", shown.source));
    }
}
