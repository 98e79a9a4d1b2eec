//! Slugs: the part of an address that people read.

use uuid::Uuid;

/// `text` in lower-case ASCII words joined by hyphens, at most 120 characters; `fallback` when
/// nothing of it is left.
pub(crate) fn slugify(text: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for char in deunicode::deunicode(text).chars() {
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if char != '\'' && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(120);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { fallback.to_owned() } else { slug.to_owned() }
}

/// Whether `text` is a slug: what the database's CHECK demands.
pub(crate) fn is_slug(text: &str) -> bool {
    text.len() <= 200
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

/// Whether a product cannot have this for a name: its address would be another endpoint's.
pub(crate) fn is_reserved(text: &str) -> bool {
    matches!(text, "search" | "popular" | "batch")
}

/// Whether it reads as an id. Ids, SKUs and slugs share one place in addresses, so what has such a name could not be
/// reached by it.
pub(crate) fn is_id(text: &str) -> bool {
    text.parse::<Uuid>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_kept_and_accents_are_not() {
        for (text, wanted) in [
            ("Apple Sauce", "apple-sauce"),
            ("  Crème brûlée — 4 × 100 g ", "creme-brulee-4-x-100-g"),
            ("Farmer's Choice", "farmers-choice"),
            ("茶", "cha"),
            ("!!!", "none"),
        ] {
            assert_eq!(slugify(text, "none"), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_goes_in_a_slug_comes_out(text in "\\PC{0,200}") {
            let slug = slugify(&text, "none");
            prop_assert!(is_slug(&slug), "{:?}", slug);
        }
    }
}
