//! Characters that are not seen: which of them a text may have.
//!
//! Joiners, marks of direction, soft hyphens and variation selectors belong to how languages and emoji are written.
//! The rest of what Unicode has renderers ignore hides text, or makes two texts of one look.
//!
//! **Invariant:** a text that passes shows something, reads in the order in which it is written, and hides nothing.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Begins the flags of England, Scotland and Wales, which are spelled in tag characters.
const BLACK_FLAG: char = '\u{1f3f4}';

/// Whether a character turns the direction of writing around (Unicode's embeddings, overrides and isolates).
pub(crate) fn is_bidi_control(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_ignored(char: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

/// Whether there is nothing to see.
pub(crate) fn is_blank(text: &str) -> bool {
    // An empty pattern of Braille is one more space.
    text.chars().all(|char| char.is_whitespace() || char == '\u{2800}' || is_ignored(char))
}

/// The first character that is not seen and has no business in a text.
pub(crate) fn hidden(text: &str) -> Option<char> {
    if text.is_ascii() {
        return None;
    }
    let mut is_in_flag = false;
    text.chars().find(|char| {
        let is_tag = matches!(char, '\u{e0020}'..='\u{e007f}');
        is_in_flag = *char == BLACK_FLAG || (is_in_flag && is_tag);
        let is_of_use = matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
        let is_odd = matches!(char, '\u{fff9}'..='\u{fffb}') || (is_ignored(*char) && !is_of_use);
        // They are told by a name of their own.
        is_odd && !is_bidi_control(*char) && !(is_tag && is_in_flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_languages_and_emoji_need_passes() {
        for text in [
            "Tea",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}🔬 ❤\u{fe0f}",
            "葛\u{e0100}城",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} whisky",
            "Donau\u{ad}dampf",
            "ภาษา\u{200b}ไทย",
            "⠓⠑",
        ] {
            assert_eq!((hidden(text), is_blank(text)), (None, false), "{text:?}");
        }
    }

    #[test]
    fn what_hides_or_shows_nothing_is_told() {
        for char in [
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{2061}',
            '\u{206a}',
            '\u{3164}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
        ] {
            assert_eq!(hidden(&format!("Te{char}a")), Some(char));
        }
        assert_eq!(hidden("🏴x\u{e0067}"), Some('\u{e0067}'), "a tag that spells no flag");
        for blank in
            ["", " \u{a0}\u{3000}", "\u{2800}", "\u{3164}", "\u{115f}", "\u{200b}\u{200d}", "\u{fe0f}", "\u{ad}"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
    }
}
