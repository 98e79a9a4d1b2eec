//! What faults are made of: several in one go, lists of names, the name that was probably meant.
//! No fault is lost: whoever gathers them ends with [`Faults::or`].

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Result};

/// Faults that are told together.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    all: Option<Error>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Error) {
        match &mut self.all {
            Some(all) => all.combine(fault),
            None => self.all = Some(fault),
        }
    }

    /// A fault at these tokens.
    pub(crate) fn at(&mut self, culprit: impl ToTokens, sentence: impl Display) {
        self.add(Error::new_spanned(culprit, sentence));
    }

    /// What was wanted, if there is no fault.
    pub(crate) fn or<T>(self, wanted: T) -> Result<T> {
        self.all.map_or(Ok(wanted), Err)
    }
}

/// The fault, and the function as it was. What it seems not to use it may have been used for by the
/// attribute.
pub(crate) fn beside(fault: Error, function: TokenStream) -> TokenStream {
    let fault = fault.into_compile_error();
    quote!(#fault #[allow(unused_variables, reason = "only the fault is to be told")] #function)
}

/// `a, b and c`.
pub(crate) fn listed<T: Display>(all: &[T]) -> String {
    match all {
        [] => String::new(),
        [one] => one.to_string(),
        [before @ .., last] => {
            let before: Vec<String> = before.iter().map(ToString::to_string).collect();
            format!("{} and {last}", before.join(", "))
        }
    }
}

/// Names in backticks.
pub(crate) fn quoted(names: impl IntoIterator<Item = impl Display>) -> Vec<String> {
    names.into_iter().map(|name| format!("`{name}`")).collect()
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= (word.chars().count().max(name.chars().count()) / 3).max(1))
        .filter(|(distance, name)| *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        let names = ["ttl", "key", "tags", "ignore", "cache"];
        for (word, wanted) in [
            ("tll", Some("ttl")),
            ("keys", Some("key")),
            ("tag", Some("tags")),
            ("cahce", Some("cache")),
            ("via", None),
            ("condition", None),
        ] {
            assert_eq!(nearest(word, names), wanted, "{word}");
        }
        assert_eq!(nearest("a", ["b"]), None, "nothing is left of it");
    }
}
