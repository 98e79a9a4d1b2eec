//! English word stems (Snowball): `strawberries` and `strawberry` are one.

use rust_stemmers::{Algorithm, Stemmer};

/// The stem of a word that [`crate::words`] gave, where it is another than the word.
#[must_use]
pub fn stem(word: &str) -> Option<String> {
    if word.len() < 3 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let stem = Stemmer::create(Algorithm::English).stem(word).into_owned();
    (stem != word && !stem.is_empty()).then_some(stem)
}

/// The singular of a word that looks like an English plural: what people type who mean it.
#[must_use]
pub fn singular(word: &str) -> Option<String> {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    if ["sses", "shes", "ches", "xes", "zes", "oes"].iter().any(|end| word.ends_with(end)) {
        return Some(word[..word.len() - 2].to_owned());
    }
    let is_plural = word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    is_plural.then(|| word[..word.len() - 1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_have_one_stem() {
        let of = |word: &str| stem(word).unwrap_or_else(|| word.to_owned());
        for (one, other) in
            [("strawberry", "strawberries"), ("organic", "organically"), ("apple", "apples"), ("tea", "teas")]
        {
            assert_eq!(of(one), of(other));
        }
        assert_eq!((stem("tea"), stem("wd40"), stem("緑茶")), (None, None, None));
    }

    #[test]
    fn plurals_have_a_singular() {
        for (plural, wanted) in [
            ("strawberries", Some("strawberry")),
            ("dishes", Some("dish")),
            ("boxes", Some("box")),
            ("apples", Some("apple")),
            ("glasses", Some("glass")),
            ("glass", None),
            ("bus", None),
            ("tea", None),
        ] {
            assert_eq!(singular(plural).as_deref(), wanted, "{plural}");
        }
    }
}
