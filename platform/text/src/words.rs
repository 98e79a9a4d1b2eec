//! The words of a text, in the form in which they are compared.
//!
//! Everything that is neither a letter nor a digit divides, apostrophes vanish, accents are folded away, case too. What
//! `/`, `.`, `-` and their like join is also one word (`wd40` beside `wd 40`), and what changes from letters to digits
//! is also two (`16 gb` in `16gb`). Scripts that do not divide words (Chinese, Japanese) are cut into pairs, too.
//!
//! **Invariants:**
//! - A text in NFC and the same in NFD have the same words.
//! - A word is never empty, has at most [`LONGEST_WORD`] characters, and none but letters and digits, lower case where
//!   there are two.

use unicode_normalization::UnicodeNormalization as _;

/// Characters of a word at the most; what is longer is no word, and its beginning stands for it.
pub const LONGEST_WORD: usize = 60;
/// So many words that are joined are one word, too.
const MOST_JOINED: usize = 8;

/// A word where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Folded.
    pub text: String,
    /// The byte in the text that it begins at.
    pub from: usize,
    /// The byte behind it.
    pub to: usize,
    /// Whether only a joiner stands between it and the word before.
    pub is_joined: bool,
}

/// The words of a text, in order.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut now: Option<Word> = None;
    let mut joins = false;
    let mut length = 0;
    for (at, char) in text.char_indices() {
        if is_apostrophe(char) && now.is_some() {
            continue;
        }
        if is_of_word(char) {
            let word = now.get_or_insert_with(|| {
                length = 0;
                Word { text: String::new(), from: at, to: at, is_joined: joins }
            });
            word.to = at + char.len_utf8();
            if length < LONGEST_WORD {
                length += fold_into(&mut word.text, char);
            }
            continue;
        }
        // A mark that was folded away belongs to its letter.
        if is_folded_away(char) {
            if let Some(word) = &mut now {
                word.to = at + char.len_utf8();
            }
            continue;
        }
        let ended = now.take().filter(|word| !word.text.is_empty());
        joins = is_joiner(char) && ended.is_some();
        words.extend(ended);
    }
    words.extend(now.filter(|word| !word.text.is_empty()));
    words
}

/// A text in the form in which words are compared, spaces and all.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for char in text.chars().filter(|char| !is_apostrophe(*char)) {
        fold_into(&mut folded, char);
    }
    folded
}

/// What words that are joined are together, by the indexes of the first and the last of each.
#[must_use]
pub(crate) fn compounds(words: &[Word]) -> Vec<(usize, usize, String)> {
    let mut compounds = Vec::new();
    for first in 0..words.len() {
        let joined = words[first + 1..].iter().take_while(|word| word.is_joined).take(MOST_JOINED - 1);
        let mut all = words[first].text.clone();
        for (more, word) in joined.enumerate() {
            all.push_str(&word.text);
            if all.chars().count() > LONGEST_WORD {
                break;
            }
            compounds.push((first, first + 1 + more, all.clone()));
        }
    }
    compounds
}

/// The parts of a word between which letters become digits or the reverse; none where it is of one kind.
#[must_use]
pub(crate) fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut was_digit) = (0, None);
    for (at, char) in word.char_indices() {
        let is_digit = char.is_numeric();
        if was_digit.is_some_and(|was| was != is_digit) {
            parts.push(&word[start..at]);
            start = at;
        }
        was_digit = Some(is_digit);
    }
    if parts.is_empty() {
        return parts;
    }
    parts.push(&word[start..]);
    parts
}

/// The pairs of characters of a word in a script that does not divide words.
#[must_use]
pub(crate) fn pairs(word: &str) -> Vec<&str> {
    if !word.chars().any(is_undivided) {
        return Vec::new();
    }
    let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    starts.windows(3).map(|three| &word[three[0]..three[2]]).collect()
}

fn is_undivided(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Marks above and below letters that a search does not tell apart: of Latin, Greek and Cyrillic, Hebrew, Arabic.
fn is_folded_away(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}'
        | '\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}')
}

pub(crate) fn is_apostrophe(char: char) -> bool {
    matches!(char, '\'' | '\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{2b9}' | '\u{60}' | '\u{b4}' | '\u{ff07}')
}

fn is_joiner(char: char) -> bool {
    matches!(char, '/' | '.' | '-' | '_' | '&' | '+' | ':' | '\u{b7}' | '\u{2010}'..='\u{2014}' | '\u{2212}')
}

fn is_of_word(char: char) -> bool {
    // Vowels of Indic scripts are marks, and no word is without them; units in one character (`㎏`) are letters.
    char.is_alphanumeric()
        || matches!(char, '\u{3300}'..='\u{33ff}')
        || (unicode_normalization::char::is_combining_mark(char) && !is_folded_away(char))
}

/// Tells how many characters were added.
fn fold_into(folded: &mut String, char: char) -> usize {
    if char.is_ascii() {
        folded.push(char.to_ascii_lowercase());
        return 1;
    }
    let mut added = 0;
    let mut push = |char| {
        folded.push(char);
        added += 1;
    };
    for char in char.nfkd().filter(|char| !is_folded_away(*char)).flat_map(char::to_lowercase) {
        match char {
            'ß' => ['s', 's'].into_iter().for_each(&mut push),
            'æ' => ['a', 'e'].into_iter().for_each(&mut push),
            'œ' => ['o', 'e'].into_iter().for_each(&mut push),
            'þ' => ['t', 'h'].into_iter().for_each(&mut push),
            'ø' => push('o'),
            'đ' | 'ð' => push('d'),
            'ł' => push('l'),
            'ħ' => push('h'),
            'ı' => push('i'),
            'ς' => push('σ'),
            // The dot that a capital I with a dot leaves behind, and the like.
            char if is_folded_away(char) => {}
            char => push(char),
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_what_people_take_for_words() {
        for (text, wanted) in [
            ("Salt/Pepper Mill", &["salt", "pepper", "mill"][..]),
            ("Laptop 16GB/512GB", &["laptop", "16gb", "512gb"]),
            ("AC/DC T-Shirt", &["ac", "dc", "t", "shirt"]),
            ("Dr.Oetker Pudding", &["dr", "oetker", "pudding"]),
            ("WD-40 Spray", &["wd", "40", "spray"]),
            ("Farmer's Choice, d’Or", &["farmers", "choice", "dor"]),
            ("Café au lait", &["cafe", "au", "lait"]),
            ("Cre\u{300}me Brûlée", &["creme", "brulee"]),
            ("Straße ŁÓDŹ smørrebrød İstanbul", &["strasse", "lodz", "smorrebrod", "istanbul"]),
            ("ÖRTÜ", &["ortu"]),
            ("緑茶セット", &["緑茶セット"]),
            ("ＷＩＤＥ １２", &["wide", "12"]),
            ("5㎏", &["5kg"]),
            ("  -- ' ", &[]),
        ] {
            assert_eq!(texts(text), wanted, "{text}");
        }
        assert_eq!(texts(&"x".repeat(100)), ["x".repeat(LONGEST_WORD)]);
    }

    #[test]
    fn a_word_tells_where_it_stands() {
        let text = "Le Cre\u{300}me’s!";
        let found = words(text);
        assert_eq!(&text[found[1].from..found[1].to], "Cre\u{300}me’s");
    }

    #[test]
    fn what_is_joined_is_one_word_too() {
        let check = |text: &str| compounds(&words(text)).into_iter().map(|(_, _, text)| text).collect::<Vec<_>>();
        assert_eq!(check("WD-40 Spray"), ["wd40"]);
        assert_eq!(check("a-b-c d"), ["ab", "abc", "bc"]);
        assert_eq!(check("a b"), Vec::<String>::new());
        assert_eq!(check("a - b"), Vec::<String>::new());
    }

    #[test]
    fn words_are_parted_where_letters_become_digits() {
        assert_eq!(parts("512gb"), ["512", "gb"]);
        assert_eq!(parts("a1b2"), ["a", "1", "b", "2"]);
        assert_eq!(parts("apple"), Vec::<&str>::new());
        assert_eq!(pairs("緑茶セ"), ["緑茶", "茶セ"]);
        assert_eq!(pairs("茶"), Vec::<&str>::new());
        assert_eq!(pairs("tea"), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn two_spellings_have_the_same_words(text in "\\PC{0,60}") {
            let composed: String = text.nfc().collect();
            let apart: String = text.nfd().collect();
            prop_assert_eq!(texts(&composed), texts(&apart));
        }

        #[test]
        fn words_stand_in_the_text_in_order(text in "\\PC{0,60}") {
            let mut last = 0;
            for word in words(&text) {
                prop_assert!(!word.text.is_empty() && word.from >= last && word.from < word.to);
                prop_assert!(text.is_char_boundary(word.from) && text.is_char_boundary(word.to));
                last = word.to;
            }
        }
    }
}
