//! What people type into a search box.
//!
//! All words must be there, the last may be unfinished; `"a phrase"` stands together, `-word` must not be there, `or` is
//! or. A quotation that is not closed ends with the text, and is still being typed. The smallest words of English need
//! not be there, unless there are no others.
//!
//! **Invariants:**
//! - Whatever is typed is a query: there are no errors.
//! - What it becomes for PostgreSQL is a `tsquery` that PostgreSQL takes, of [`MOST_TERMS`] terms at the most.

use crate::slips::is_corrigible;
use crate::stem::stem;
use crate::words::{is_apostrophe, pairs, parts, words};

/// Terms of a query at the most; what is typed behind them is not looked for.
pub const MOST_TERMS: usize = 16;
/// Words that nobody looks for.
const SMALL: [&str; 16] =
    ["a", "an", "and", "at", "by", "for", "from", "in", "its", "of", "on", "or", "the", "to", "with", "your"];

/// Whether it is one of the smallest words of English, which nobody looks for.
#[must_use]
pub fn is_small(word: &str) -> bool {
    SMALL.contains(&word)
}

/// A text that was typed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// As it was typed, without spaces around it.
    pub typed: String,
    /// One of these must hold, and of it every term.
    choices: Vec<Vec<Term>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    /// What was typed without a space: one word, or several that were joined.
    words: Vec<String>,
    /// Whether they stand one after the other.
    is_phrase: bool,
    /// Whether the last of them may be the beginning of one.
    is_open: bool,
    is_negative: bool,
}

impl Query {
    /// Understands what was typed.
    #[must_use]
    pub fn parse(typed: &str) -> Self {
        let is_finished = typed.ends_with(char::is_whitespace);
        Self::of(typed, !is_finished)
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    fn of(typed: &str, is_open: bool) -> Self {
        let typed = typed.trim();
        let mut choices: Vec<Vec<Term>> = vec![Vec::new()];
        let mut terms = 0;
        let mut last = None;
        let marks = typed.matches('"').count();
        for (index, quoted) in typed.split('"').enumerate() {
            let is_quoted = index % 2 == 1;
            let is_finished = is_quoted && index < marks;
            let pieces: Vec<&str> = if is_quoted { vec![quoted] } else { quoted.split_whitespace().collect() };
            for piece in pieces {
                if !is_quoted && piece.eq_ignore_ascii_case("or") {
                    choices.push(Vec::new());
                    continue;
                }
                let is_negative = !is_quoted && piece.starts_with('-');
                let words: Vec<String> = words(piece).into_iter().map(|word| word.text).take(MOST_TERMS).collect();
                if words.is_empty() || terms >= MOST_TERMS {
                    continue;
                }
                terms += 1;
                let is_phrase = is_quoted && words.len() > 1;
                let place = choices.len() - 1;
                // What stands at the very end is still being typed, unless a quotation mark ends it.
                last = (!is_finished && !is_negative).then_some((place, choices[place].len(), piece));
                choices[place].push(Term { words, is_phrase, is_open: false, is_negative });
            }
        }
        if let Some((place, index, piece)) = last.filter(|(_, _, piece)| is_open && typed.ends_with(piece))
            && piece.ends_with(|char: char| is_apostrophe(char) || !char.is_ascii_punctuation())
        {
            choices[place][index].is_open = true;
        }
        for terms in &mut choices {
            let has_other = terms.iter().any(|term| !term.is_negative && !term.is_small());
            // Where small words are all there is, the one that is being typed may become another.
            let is_one_open = terms.iter().any(|term| term.is_open);
            terms.retain(|term| !(term.is_small() && (has_other || (is_one_open && !term.is_open))));
        }
        choices.retain(|terms| !terms.is_empty());
        Self { typed: typed.to_owned(), choices }
    }

    /// As PostgreSQL's `tsquery`; empty where nothing is looked for.
    #[must_use]
    pub fn tsquery(&self) -> String {
        let choice = |terms: &Vec<Term>| terms.iter().map(Term::tsquery).collect::<Vec<_>>().join(" & ");
        let choices: Vec<String> = self.choices.iter().map(choice).collect();
        if let [only] = choices.as_slice() {
            return only.clone();
        }
        choices.iter().map(|choice| format!("({choice})")).collect::<Vec<_>>().join(" | ")
    }

    /// The same with its last word finished, where that is still being typed: what a match is worth more by.
    #[must_use]
    pub fn finished(&self) -> Option<Self> {
        let mut finished = self.clone();
        let mut open = finished.choices.iter_mut().flatten().filter(|term| term.is_open);
        open.next()?.is_open = false;
        Some(finished)
    }

    /// The same without its last word, where that is one letter that is still being typed and others stand before it:
    /// nearly every word begins like that.
    #[must_use]
    pub fn without_last_letter(&self) -> Option<Self> {
        let last = self.choices.last()?.last().filter(|term| term.is_open)?;
        if last.words.last()?.chars().nth(1).is_some() {
            return None;
        }
        let from = words(&self.typed).last()?.from;
        Some(Self::of(&self.typed[..from], false)).filter(|rest| !rest.is_empty())
    }

    /// The words that may be mistyped, and whether each is still being typed.
    #[must_use]
    pub fn corrigible(&self) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        for term in self.choices.iter().flatten().filter(|term| !term.is_negative) {
            for (index, word) in term.words.iter().enumerate().filter(|(_, word)| is_corrigible(word)) {
                let is_open = term.is_open && index + 1 == term.words.len();
                if found.iter().all(|(known, _)| known != word) {
                    found.push((word.clone(), is_open));
                }
            }
        }
        found
    }

    /// The same with words replaced by others. A last word that was replaced is finished.
    #[must_use]
    pub fn corrected(&self, corrections: &[(String, String)]) -> Self {
        let mut text = String::with_capacity(self.typed.len());
        let mut behind = 0;
        let mut is_last_corrected = false;
        for word in words(&self.typed) {
            let better = corrections.iter().find(|(wrong, _)| *wrong == word.text);
            is_last_corrected = better.is_some();
            if let Some((_, right)) = better {
                text.push_str(&self.typed[behind..word.from]);
                text.push_str(right);
                behind = word.to;
            }
        }
        text.push_str(&self.typed[behind..]);
        let was_open = self.choices.iter().flatten().any(|term| term.is_open);
        Self::of(&text, was_open && !is_last_corrected)
    }

    /// Where a text has what is looked for: from a byte to the byte behind, in order.
    #[must_use]
    pub fn matches(&self, text: &str) -> Vec<(usize, usize)> {
        let wanted: Vec<&Term> = self.choices.iter().flatten().filter(|term| !term.is_negative).collect();
        let found = words(text);
        let mut marked = Vec::new();
        let mut index = 0;
        while let Some(word) = found.get(index) {
            let next = found.get(index + 1).filter(|next| next.is_joined);
            let joined = next.map(|next| format!("{}{}", word.text, next.text));
            if wanted.iter().any(|term| term.wants(&word.text)) {
                marked.push((word.from, word.to));
            } else if let (Some(next), Some(joined)) = (next, joined)
                && wanted.iter().any(|term| term.wants(&joined))
            {
                marked.push((word.from, next.to));
                index += 1;
            }
            index += 1;
        }
        marked
    }
}

impl Term {
    /// Whether it is nothing that anybody looks for, however it goes on.
    fn is_small(&self) -> bool {
        !self.is_phrase && !self.is_negative && self.words.iter().all(|word| is_small(word))
    }

    fn tsquery(&self) -> String {
        let last = self.words.len().saturating_sub(1);
        let is_open = |index: usize| self.is_open && index == last;
        let each: Vec<String> =
            self.words.iter().enumerate().map(|(index, word)| word_query(word, is_open(index))).collect();
        let all = match (self.is_phrase, each.as_slice()) {
            (_, [only]) => only.clone(),
            (true, each) => format!("({})", each.join(" <-> ")),
            (false, each) => {
                let joined = ways_of(&self.words.concat(), is_open(last)).join(" | ");
                format!("(({}) | {joined})", each.join(" & "))
            }
        };
        if self.is_negative { format!("!{all}") } else { all }
    }

    /// Whether a word of a text is one of the term's.
    fn wants(&self, found: &str) -> bool {
        let last = self.words.len().saturating_sub(1);
        let found_stem = stem(found);
        let found_stem = found_stem.as_deref().unwrap_or(found);
        let is_it = |word: &str, is_open: bool| {
            found == word
                || (is_open && word.chars().count() > 1 && found.starts_with(word))
                || stem(word).as_deref().unwrap_or(word) == found_stem
                || parts(found).contains(&word)
                || (!pairs(word).is_empty() && found.contains(word))
        };
        self.words.iter().enumerate().any(|(index, word)| is_it(word, self.is_open && index == last))
            || (self.words.len() > 1 && !self.is_phrase && is_it(&self.words.concat(), self.is_open))
    }
}

/// A word as PostgreSQL's `tsquery`, or what comes to the same: another form of it, its parts.
#[must_use]
pub fn word_query(word: &str, is_open: bool) -> String {
    let mut ways = ways_of(word, is_open);
    let (parts, pairs) = (parts(word), pairs(word));
    if let Some((last, others)) = parts.split_last() {
        let others = others.iter().map(|part| word_query(part, false) + " & ");
        ways.push(format!("({}{})", others.collect::<String>(), word_query(last, is_open)));
    }
    if !pairs.is_empty() {
        let all: Vec<String> = pairs.iter().map(|pair| quoted(pair, false)).collect();
        ways.push(format!("({})", all.join(" & ")));
    }
    if let [only] = ways.as_slice() { only.clone() } else { format!("({})", ways.join(" | ")) }
}

/// A word, and its other forms.
fn ways_of(word: &str, is_open: bool) -> Vec<String> {
    let mut ways = vec![quoted(word, is_open)];
    let base = stem(word);
    ways.extend(base.iter().map(|base| quoted(base, false)));
    let base = base.as_deref().unwrap_or(word);
    if base.len() >= 2 && base.bytes().all(|byte| byte.is_ascii_lowercase()) {
        ways.push(format!("'={base}'"));
    }
    ways
}

/// Letters and digits: nothing in it has a meaning of its own between quotes. Of one letter a beginning would be nearly
/// everything.
fn quoted(word: &str, is_open: bool) -> String {
    let is_open = is_open && word.chars().nth(1).is_some();
    format!("'{word}'{}", if is_open { ":*" } else { "" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Lexemes, Weight};

    #[test]
    fn what_is_typed_becomes_a_tsquery() {
        for (typed, wanted) in [
            ("tea", "('tea':* | '=tea')"),
            ("tea ", "('tea' | '=tea')"),
            ("apples", "('apples':* | 'appl' | '=appl')"),
            ("t", "'t'"),
            ("green tea ", "('green' | '=green') & ('tea' | '=tea')"),
            ("\"green tea\"", "(('green' | '=green') <-> ('tea' | '=tea'))"),
            ("\"green te", "(('green' | '=green') <-> ('te':* | '=te'))"),
            ("\"green te ", "(('green' | '=green') <-> ('te' | '=te'))"),
            ("\"tea\" \"gre", "('tea' | '=tea') & ('gre':* | '=gre')"),
            ("\"green te\"", "(('green' | '=green') <-> ('te' | '=te'))"),
            ("tea -green", "('tea' | '=tea') & !('green' | '=green')"),
            ("tea or pot", "(('tea' | '=tea')) | (('pot':* | '=pot'))"),
            ("wd-40", "((('wd' | '=wd') & '40':*) | 'wd40':*)"),
            ("512gb", "('512gb':* | ('512' & ('gb':* | '=gb')))"),
            ("12packs ", "('12packs' | ('12' & ('packs' | 'pack' | '=pack')))"),
            (
                "multi-vitamins ",
                "((('multi' | '=multi') & ('vitamins' | 'vitamin' | '=vitamin')) | 'multivitamins' | 'multivitamin' | '=multivitamin')",
            ),
            ("tv ", "('tv' | '=tv')"),
            ("rock'n'", "('rockn':* | '=rockn')"),
            ("chips and", "('chips' | 'chip' | '=chip')"),
            ("cup of tea ", "('cup' | '=cup') & ('tea' | '=tea')"),
            ("its own", "('own':* | '=own')"),
            ("so", "('so':* | '=so')"),
            ("of the", "('the':* | '=the')"),
            ("of the ", "('of' | '=of') & ('the' | '=the')"),
            ("緑茶セ ", "('緑茶セ' | ('緑茶' & '茶セ'))"),
            ("'); DROP", "('drop':* | '=drop')"),
            ("", ""),
            (" -- or \" ", ""),
        ] {
            let query = Query::parse(typed);
            assert_eq!(query.tsquery(), wanted, "{typed}");
            assert_eq!(query.is_empty(), wanted.is_empty(), "{typed}");
        }
        let many = "tea ".repeat(100);
        assert_eq!(Query::parse(&many).tsquery().matches("'tea'").count(), MOST_TERMS);
    }

    #[test]
    fn corrections_replace_whole_words_and_keep_the_rest() {
        let query = Query::parse("\"Appel sauce\" -bred");
        assert_eq!(query.corrigible(), [("appel".to_owned(), false), ("sauce".to_owned(), false)]);
        let fixed = query.corrected(&[("appel".into(), "apple".into())]);
        assert_eq!(fixed.typed, "\"apple sauce\" -bred");
        let typing = Query::parse("appel sau").corrected(&[("appel".into(), "apple".into())]);
        assert!(typing.tsquery().ends_with("'sau':* | '=sau')"), "still being typed: {}", typing.tsquery());
        let last = Query::parse("green appel").corrected(&[("appel".into(), "apple".into())]);
        assert!(last.tsquery().ends_with("('apple' | 'appl' | '=appl')"), "{}", last.tsquery());
    }

    #[test]
    fn a_letter_that_is_still_being_typed_can_be_left_out() {
        let without = |typed: &str| Query::parse(typed).without_last_letter().map(|query| query.typed);
        assert_eq!(without("brownie m").as_deref(), Some("brownie"));
        assert_eq!(without("green or brownie m").as_deref(), Some("green or brownie"));
        assert_eq!(without("whiskey(4").as_deref(), Some("whiskey("));
        for typed in ["m", "brownie m ", "brownie mi", "brownie -m", "\"brownie m\"", ""] {
            assert_eq!(without(typed), None, "{typed}");
        }
    }

    #[test]
    fn what_was_looked_for_is_found_again_in_the_text() {
        let marked = |typed: &str, text: &str| {
            Query::parse(typed)
                .matches(text)
                .into_iter()
                .map(|(from, to)| text[from..to].to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(marked("apple sau", "Apples, Sauce & sausages"), ["Apples", "Sauce", "sausages"]);
        assert_eq!(marked("creme", "Cre\u{300}me brûlée"), ["Cre\u{300}me"]);
        assert_eq!(marked("wd40", "WD-40 Spray"), ["WD-40"]);
        assert_eq!(marked("gb", "Laptop 512GB"), ["512GB"]);
        assert_eq!(marked("tea -pot", "Tea pot"), ["Tea"]);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_query(typed in "\\PC{0,60}") {
            let query = Query::parse(&typed);
            prop_assert_eq!(query.tsquery().is_empty(), query.is_empty());
            // Only what it wrote itself has a meaning.
            prop_assert_eq!(query.tsquery().matches('\'').count() % 2, 0);
        }

        #[test]
        fn every_beginning_of_every_word_is_marked(word in "[a-z]{3,12}", other in "[a-z0-9]{1,8}", length in 2_usize..12) {
            let text = format!("{other} {word}");
            let typed: String = word.chars().take(length.max(2)).collect();
            prop_assume!(typed != "or");
            prop_assert!(Query::parse(&typed).matches(&text).iter().any(|(_, to)| *to == text.len()));
            // And stands in the index as a lexeme that begins like that.
            let lexemes = Lexemes::default().with(&text, Weight::A).to_string();
            let begins = format!("'{typed}");
            prop_assert!(lexemes.contains(&begins));
        }
    }
}
