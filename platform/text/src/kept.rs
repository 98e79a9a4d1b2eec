//! The one form in which a text is kept.
//!
//! Joiners, marks of direction, soft hyphens and variation selectors belong to how languages and emoji are written, where
//! they stand between what is seen. All other characters that are not seen hide text, or make two texts of one look: they
//! are left out.
//!
//! **Invariants:**
//! - Two spellings of the same characters (NFC and NFD) are one text, and there are no spaces around it.
//! - What is kept hides nothing: of the characters that nobody sees there are two in a row at the most, behind one that
//!   is seen, and none between letters of Latin, Greek or Cyrillic but soft hyphens.
//! - Keeping what was kept changes nothing.

use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Begins the flags of England, Scotland and Wales, which are spelled in tag characters, and what ends them.
const BLACK_FLAG: char = '\u{1f3f4}';
const FLAG_ENDS: char = '\u{e007f}';
/// Letters that such a flag is spelled in, at the most.
const LONGEST_FLAG: usize = 6;
/// Characters that are not seen, one behind the other: a variation selector and a joiner.
const MOST_UNSEEN: usize = 2;

/// The form in which a text is kept.
#[must_use]
pub fn kept(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.is_ascii() || (is_nfc(text) && !text.chars().any(is_unseen)) {
        return Cow::Borrowed(text);
    }
    // What was left out may have stood between a letter and its mark, or a space and the end.
    let mut kept = text.to_owned();
    loop {
        let composed: String = without_hidden(&kept).nfc().collect();
        let next = composed.trim().to_owned();
        if next == kept {
            return Cow::Owned(kept);
        }
        kept = next;
    }
}

/// Whether a character turns the direction of writing around (Unicode's embeddings, overrides and isolates).
#[must_use]
pub fn is_bidi_control(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether there is nothing to see.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    // An empty pattern of Braille is one more space.
    text.chars().all(|char| char.is_whitespace() || char == '\u{2800}' || is_unseen(char))
}

fn is_unseen(char: char) -> bool {
    let is_noncharacter =
        matches!(u32::from(char) & 0xffff, 0xfffe | 0xffff) || matches!(char, '\u{fdd0}'..='\u{fdef}');
    is_noncharacter
        || matches!(char, '\u{fff9}'..='\u{fffb}')
        // They are told by a name of their own.
        || (CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char) && !is_bidi_control(char))
}

/// Of those that are not seen, the ones that are written on purpose.
fn is_of_use(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn without_hidden(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut last_seen, mut unseen) = (None, 0);
    let mut left = text.chars().peekable();
    while let Some(char) = left.next() {
        if !is_unseen(char) {
            kept.push(char);
            (last_seen, unseen) = (Some(char), 0);
            if char == BLACK_FLAG {
                let rest: String = left.clone().take(LONGEST_FLAG + 1).collect();
                let letters = rest.chars().take_while(|char| matches!(char, '\u{e0020}'..='\u{e007e}')).count();
                if letters > 0 && rest.chars().nth(letters) == Some(FLAG_ENDS) {
                    kept.extend(left.by_ref().take(letters + 1));
                }
            }
            continue;
        }
        let is_letter =
            |char: char| char.is_ascii_alphanumeric() || matches!(char, '\u{c0}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}');
        let ends_letter = |next: char| is_letter(next) || next.is_whitespace() || matches!(next, '\u{300}'..='\u{36f}');
        let is_between_letters = last_seen.is_some_and(is_letter)
            && left.clone().find(|next| !is_unseen(*next)).is_none_or(ends_letter)
            && char != '\u{ad}';
        let is_behind_something = last_seen.is_some_and(|last| !last.is_whitespace());
        if is_of_use(char) && is_behind_something && !is_between_letters && unseen < MOST_UNSEEN {
            kept.push(char);
            unseen += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_languages_and_emoji_need_is_kept() {
        for text in [
            "Tea",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}🔬 ❤\u{fe0f}\u{200d}🔥",
            "葛\u{e0100}城",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} whisky",
            "Donau\u{ad}dampf",
            "ภาษา\u{200b}ไทย",
            "⠓⠑",
        ] {
            assert_eq!((&*kept(text), is_blank(text)), (text, false), "{text:?}");
        }
    }

    #[test]
    fn what_hides_is_left_out() {
        for char in [
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
            '\u{fffe}',
            '\u{fdd0}',
            '\u{1ffff}',
            '\u{34f}',
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
        ] {
            assert_eq!(kept(&format!("Te{char}a")), "Tea", "{char:?}");
            assert_eq!(kept(&format!(" {char} Tea{char} ")), "Tea", "{char:?}");
        }
        let smuggled: String = "eve".chars().filter_map(|char| char::from_u32(0xe0000 + u32::from(char))).collect();
        assert_eq!(kept(&format!("🏴{smuggled}")), "🏴", "a flag that does not end");
        assert_eq!(kept(&format!("🏴{}\u{e007f}", smuggled.repeat(3))), "🏴", "a flag that is too long");
        let run: String = ('\u{e0100}'..'\u{e0110}').collect();
        assert_eq!(kept(&format!("葛{run}")), "葛\u{e0100}\u{e0101}");
        for blank in
            ["", " \u{a0}\u{3000}", "\u{2800}", "\u{3164}", "\u{115f}", "\u{200b}\u{200d}", "\u{fe0f}", "\u{ad}"]
        {
            assert!(is_blank(blank) && is_blank(&kept(blank)), "{blank:?}");
        }
    }

    #[test]
    fn two_spellings_are_kept_as_one() {
        for (text, wanted) in [
            ("  Tea \n", "Tea"),
            ("Nestle\u{301}", "Nestl\u{e9}"),
            ("Nestle\u{200b}\u{301}", "Nestl\u{e9}"),
            ("\u{e9}", "\u{e9}"),
            ("Caf\u{200b}\u{e9}\u{200d}s", "Caf\u{e9}s"),
            ("\u{427}\u{430}\u{200b}\u{439}", "\u{427}\u{430}\u{439}"),
            ("", ""),
            (" \u{a0}", ""),
        ] {
            assert_eq!(kept(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn keeping_what_was_kept_changes_nothing(
            text in "[a e\u{301}é\u{200b}-\u{200f}\u{fe0f}\u{34f}\u{3164}\u{ad}🏴\u{e0067}\u{e007f}茶ก]{0,12}",
        ) {
            let once = kept(&text).into_owned();
            prop_assert_eq!(&kept(&once), &once);
        }
    }
}
