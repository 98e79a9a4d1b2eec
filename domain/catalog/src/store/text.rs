//! What people type into a search box, as PostgreSQL's text search understands it.
//!
//! Words must all be there; `"a phrase"` must stand together; `-word` must not be there; the last
//! word may be unfinished. The text goes to the database as bound parameters: this module only cuts
//! the unfinished word off and quotes it.

/// The longest search text, in characters.
pub(crate) const LONGEST: usize = 200;

/// A search text, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchText {
    /// Everything but the unfinished word, for `websearch_to_tsquery`.
    pub(super) head: String,
    /// The unfinished word as a quoted prefix, for `to_tsquery`; empty where there is none.
    pub(super) prefix: String,
    /// The text as it was typed, trimmed.
    pub(crate) typed: String,
}

impl SearchText {
    pub(crate) fn parse(typed: &str) -> Self {
        let trimmed = typed.trim();
        let quotes = trimmed.matches('"').count();
        let (head, last) = trimmed.rsplit_once(char::is_whitespace).unwrap_or(("", trimmed));
        // A word is unfinished when the cursor still stands behind it, outside of quotes.
        let finished =
            typed.ends_with(char::is_whitespace) || quotes % 2 == 1 || trimmed.ends_with('"') || last.starts_with('-');
        let word: String = last.chars().filter(|char| char.is_alphanumeric()).collect();
        let plain = word.chars().count() >= 2 && last.chars().all(char::is_alphanumeric);
        // `a or b c` is a, or both others: a prefix that is added with "and" would say something else.
        let has_or = trimmed.split_whitespace().any(is_operator);
        if finished || !plain || has_or {
            return Self { head: trimmed.to_owned(), prefix: String::new(), typed: trimmed.to_owned() };
        }
        Self { head: head.to_owned(), prefix: format!("'{word}':*"), typed: trimmed.to_owned() }
    }

    /// The words that a typing mistake may be in: plain ones of three letters and more.
    pub(crate) fn words(&self) -> Vec<String> {
        self.typed
            .split(|char: char| !char.is_alphabetic())
            .filter(|word| word.chars().count() >= 3 && !is_operator(word))
            .map(str::to_lowercase)
            .collect()
    }

    /// The word that is still being typed, where there is one that a typing mistake may be in.
    pub(crate) fn unfinished(&self) -> Option<String> {
        if self.prefix.is_empty() { None } else { self.words().pop() }
    }

    /// The text with words replaced; letters' case is lost, which search does not see.
    pub(crate) fn replace(&self, corrections: &[(String, String)]) -> Self {
        let mut text = String::with_capacity(self.typed.len());
        let mut word = String::new();
        for char in self.typed.chars().chain(Some(' ')) {
            if char.is_alphabetic() {
                word.extend(char.to_lowercase());
                continue;
            }
            let better = corrections.iter().find(|(wrong, _)| *wrong == word).map(|(_, right)| right);
            text.push_str(better.unwrap_or(&word));
            word.clear();
            text.push(char);
        }
        let typed = text.trim().to_owned();
        let last = self.unfinished();
        if last.is_some_and(|last| corrections.iter().all(|(wrong, _)| *wrong != last)) {
            return Self::parse(&typed);
        }
        // Its last word is a known one, and so not unfinished.
        Self { head: typed.clone(), prefix: String::new(), typed }
    }
}

/// `or` is websearch's one word that is not a word.
fn is_operator(word: &str) -> bool {
    word.eq_ignore_ascii_case("or")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_a_prefix_while_it_is_being_typed() {
        for (typed, head, prefix) in [
            ("apple sau", "apple", "'sau':*"),
            ("apple sauce ", "apple sauce", ""),
            ("appl", "", "'appl':*"),
            ("a", "a", ""),
            ("\"apple sauce\"", "\"apple sauce\"", ""),
            ("\"apple sau", "\"apple sau", ""),
            ("sauce -apple", "sauce -apple", ""),
            ("o'brien", "o'brien", ""),
            ("tea or", "tea or", ""),
            ("assam or sencha", "assam or sencha", ""),
            ("x'); DROP TABLE", "x'); DROP", "'TABLE':*"),
        ] {
            let text = SearchText::parse(typed);
            assert_eq!((text.head.as_str(), text.prefix.as_str()), (head, prefix), "{typed}");
        }
    }

    #[test]
    fn corrections_replace_whole_words_and_keep_the_rest() {
        let text = SearchText::parse("\"appel sauce\" -bred");
        assert_eq!(text.words(), ["appel", "sauce", "bred"]);
        let fixed = text.replace(&[("appel".into(), "apple".into()), ("bred".into(), "bread".into())]);
        assert_eq!(fixed.typed, "\"apple sauce\" -bread");
        let typing = SearchText::parse("appel sau").replace(&[("appel".into(), "apple".into())]);
        assert_eq!((typing.head.as_str(), typing.prefix.as_str()), ("apple", "'sau':*"), "still being typed");
    }
}
