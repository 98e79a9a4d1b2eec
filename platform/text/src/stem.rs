//! English word stems: `strawberries` and `strawberry` are one.
//!
//! Snowball does most of it. It leaves plurals that it does not know for such (`dvds`, `spas`) or that are irregular
//! (`knives`), and takes some singulars for plurals (`lens`); those are brought to their singular first.
//!
//! **Invariant:** a word and its singular have one stem.

use rust_stemmers::{Algorithm, Stemmer};

/// The stem of a word that [`crate::words`] gave, where it is another than the word.
#[must_use]
pub fn stem(word: &str) -> Option<String> {
    if word.len() < 3 || !is_english(word) {
        return None;
    }
    let irregular = irregular(word);
    let base = irregular.as_deref().unwrap_or(word);
    if ends_in_s(base) {
        return irregular;
    }
    let mut stem = Stemmer::create(Algorithm::English).stem(base).into_owned();
    if irregular.is_none() && stem == word && is_plural(word) {
        stem.pop();
    }
    (stem != word && !stem.is_empty()).then_some(stem)
}

/// The singular of a word that looks like an English plural: what people type who mean it.
#[must_use]
pub fn singular(word: &str) -> Option<String> {
    if word.len() < 4 || !is_english(word) || ends_in_s(word) {
        return None;
    }
    if let Some(singular) = irregular(word) {
        return Some(singular);
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    if ["sses", "shes", "ches", "xes", "zes", "oes"].iter().any(|end| word.ends_with(end)) {
        return Some(word[..word.len() - 2].to_owned());
    }
    is_plural(word).then(|| word[..word.len() - 1].to_owned())
}

fn is_english(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Whether it is a singular that ends in `s`; its plural ends in `es`.
#[rustfmt::skip]
fn ends_in_s(word: &str) -> bool {
    word.ends_with('s') && matches!(
        word,
        "abacus" | "alias" | "apparatus" | "atlas" | "bias" | "bonus" | "bus" | "cactus" | "campus" | "canvas" | "census"
            | "christmas" | "chorus" | "circus" | "citrus" | "crocus" | "eucalyptus" | "focus" | "gas" | "hibiscus" | "iris"
            | "lens" | "lotus" | "minus" | "octopus" | "plus" | "status" | "texas" | "virus" | "yes"
    )
}

fn is_plural(word: &str) -> bool {
    match word {
        "ads" | "cds" | "djs" | "eps" | "ids" | "lps" | "pcs" | "pjs" | "tvs" => true,
        "news" | "cosmos" | "andes" => false,
        // Of three letters most are words of their own (`gps`, `has`).
        _ => word.len() > 3 && word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)),
    }
}

/// The singular of a plural that is not made by an `s` alone.
fn irregular(word: &str) -> Option<String> {
    let whole = match word {
        // What is theirs (`men's`) has lost its apostrophe.
        "children" | "childrens" => "child",
        "elves" => "elf",
        "feet" => "foot",
        "geese" => "goose",
        "lives" => "life",
        "men" | "mens" => "man",
        "mice" => "mouse",
        "oxen" => "ox",
        "selves" => "self",
        "teeth" => "tooth",
        "women" | "womens" => "woman",
        _ => return irregular_end(word),
    };
    Some(whole.to_owned())
}

/// The same of one that is told by its end (`bookshelves`, `lenses`).
fn irregular_end(word: &str) -> Option<String> {
    const ENDS: [(&str, &str); 13] = [
        ("cal", "calf"),
        ("dwar", "dwarf"),
        ("hal", "half"),
        ("hoo", "hoof"),
        ("kni", "knife"),
        ("lea", "leaf"),
        ("loa", "loaf"),
        ("scar", "scarf"),
        ("shea", "sheaf"),
        ("shel", "shelf"),
        ("thie", "thief"),
        ("wi", "wife"),
        ("wol", "wolf"),
    ];
    let without = word.strip_suffix("es")?;
    if let Some(without) = without.strip_suffix('v') {
        return ENDS.iter().find_map(|(end, singular)| Some(without.strip_suffix(end)?.to_owned() + singular));
    }
    ends_in_s(without).then(|| without.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_have_one_stem() {
        let of = |word: &str| stem(word).unwrap_or_else(|| word.to_owned());
        for (one, other) in [
            ("strawberry", "strawberries"),
            ("organic", "organically"),
            ("apple", "apples"),
            ("tea", "teas"),
            ("dvd", "dvds"),
            ("spa", "spas"),
            ("pro", "pros"),
            ("lens", "lenses"),
            ("gas", "gases"),
            ("bus", "buses"),
            ("iris", "irises"),
            ("knife", "knives"),
            ("penknife", "penknives"),
            ("leaf", "leaves"),
            ("bookshelf", "bookshelves"),
            ("woman", "women"),
            ("mouse", "mice"),
            ("glass", "glasses"),
            ("case", "cases"),
            ("vase", "vases"),
            ("olive", "olives"),
            ("glove", "gloves"),
            ("shoe", "shoes"),
            ("potato", "potatoes"),
            ("cookie", "cookies"),
            ("pie", "pies"),
            ("box", "boxes"),
            ("dish", "dishes"),
            ("toy", "toys"),
            ("men", "mens"),
            ("man", "men"),
            ("women", "womens"),
            ("children", "childrens"),
            ("tv", "tvs"),
            ("pj", "pjs"),
        ] {
            assert_eq!(of(one), of(other));
        }
        assert_eq!((stem("tea"), stem("wd40"), stem("緑茶"), stem("lens")), (None, None, None, None));
    }

    #[test]
    fn what_is_no_plural_keeps_its_end() {
        for (one, other) in [
            ("glass", "glas"),
            ("bus", "bu"),
            ("gas", "ga"),
            ("iris", "iri"),
            ("leave", "leaf"),
            ("news", "new"),
            ("cosmos", "cosmo"),
            ("gps", "gp"),
            ("has", "ha"),
            ("people", "personal"),
            ("dice", "dies"),
        ] {
            let of = |word: &str| stem(word).unwrap_or_else(|| word.to_owned());
            assert_ne!(of(one), of(other), "{one}");
        }
    }

    #[test]
    fn plurals_have_a_singular() {
        for (plural, wanted) in [
            ("strawberries", Some("strawberry")),
            ("dishes", Some("dish")),
            ("boxes", Some("box")),
            ("apples", Some("apple")),
            ("glasses", Some("glass")),
            ("knives", Some("knife")),
            ("lenses", Some("lens")),
            ("glass", None),
            ("bus", None),
            ("tea", None),
        ] {
            assert_eq!(singular(plural).as_deref(), wanted, "{plural}");
        }
    }
}
