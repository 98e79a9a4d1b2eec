//! Slips of the finger: a letter too many, one too few, another one, two swapped.
//!
//! Two words that are one slip apart have a form in common: the word itself, or the word without one of its letters. So
//! the words that one may have meant are found by equality, in a table of words and forms.

use std::collections::BTreeSet;

/// Words shorter than this are not corrected, and longer ones have no forms.
const SHORTEST: usize = 3;
const LONGEST: usize = 40;

/// Whether it is a word that somebody may mistype, and not a number or a code.
#[must_use]
pub fn is_corrigible(word: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&word.chars().count()) && word.chars().all(char::is_alphabetic)
}

/// How many slips a word may be away from what was meant.
#[must_use]
pub fn most_slips(word: &str) -> usize {
    match word.chars().count() {
        0..SHORTEST => 0,
        SHORTEST..6 => 1,
        _ => 2,
    }
}

/// The word, and the word without each of its letters.
#[must_use]
pub fn forms(word: &str) -> BTreeSet<String> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let without = |(at, letter): &(usize, char)| format!("{}{}", &word[..*at], &word[at + letter.len_utf8()..]);
    letters.iter().map(without).chain([word.to_owned()]).collect()
}

/// A word that may have been meant by another. The least is the likeliest: it takes the fewest slips to get to it, and
/// among equals it begins with the same letter, as fingers seldom miss the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    pub slips: usize,
    pub begins_otherwise: bool,
    /// By how many letters it is longer or shorter: swaps are the most frequent.
    pub longer: usize,
}

/// How much a word is like what was typed; `None` where it is the same, or too far away to have been meant.
#[must_use]
pub fn alike(typed: &str, word: &str) -> Option<Alike> {
    let slips = strsim::osa_distance(typed, word);
    (1..=most_slips(typed)).contains(&slips).then(|| Alike {
        slips,
        begins_otherwise: word.chars().next() != typed.chars().next(),
        longer: word.chars().count().abs_diff(typed.chars().count()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meant<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
        words.iter().copied().filter(|word| alike(typed, word).is_some()).min_by_key(|word| alike(typed, word))
    }

    #[test]
    fn the_nearest_word_wins_and_far_ones_do_not_count() {
        assert_eq!(meant("appel", &["apparel", "appeal", "apple"]), Some("apple"));
        assert_eq!(meant("choclate", &["chocolate"]), Some("chocolate"));
        assert_eq!(meant("kattla", &["kettle", "cattle"]), Some("kettle"));
        assert_eq!(meant("mlik", &["milk", "silk"]), Some("milk"));
        assert_eq!(meant("tea", &["bed"]), None);
        assert_eq!(meant("tea", &["tea"]), None, "it is no slip");
        assert_eq!(meant("xyz", &["xylophone"]), None);
        assert!(is_corrigible("tea") && !is_corrigible("26190") && !is_corrigible("wd40") && !is_corrigible("te"));
    }

    proptest! {
        #[test]
        fn one_slip_leaves_a_form_in_common(word in "[a-zäöü]{4,12}", at in 0_usize..12, kind in 0..4, other in "[a-z]") {
            let mut letters: Vec<char> = word.chars().collect();
            let at = at % letters.len();
            let other = other.chars().next().expect("a letter");
            match kind {
                0 => drop(letters.remove(at)),
                1 => letters.insert(at, other),
                2 => letters[at] = other,
                _ => letters.swap(at, (at + 1) % word.chars().count()),
            }
            let slipped: String = letters.iter().collect();
            prop_assume!(strsim::osa_distance(&word, &slipped) <= 1);
            prop_assert!(forms(&word).intersection(&forms(&slipped)).next().is_some(), "{word} {slipped}");
            prop_assert_eq!(alike(&slipped, &word).is_some(), slipped != word);
        }
    }
}
