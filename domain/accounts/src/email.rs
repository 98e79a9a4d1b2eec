//! E-mail addresses: their form, and the one way in which each is written.
//!
//! **Invariant:** two addresses that look the same to a person are one account: they are kept in Unicode's NFKC, and
//! take no character that nobody sees.

use unicode_normalization::UnicodeNormalization as _;

/// An address as it is compared and kept: two ways to write the same characters are one (Unicode's NFKC).
pub(crate) fn normal_email(text: &str) -> String {
    text.trim().nfkc().collect()
}

/// Characters that nobody sees, or takes for another (dotless i and j), so that an address with one looks like
/// somebody else's.
fn misleads(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{131}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{237}' | '\u{2800}' | '\u{3002}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d6a4}' | '\u{1d6a5}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether letters of Latin stand beside letters of a script that has the same ones, or beside marks that are drawn
/// over them.
fn mixes_scripts(part: &str) -> bool {
    let is_alike = |char: char| {
        matches!(char, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1c80}'..='\u{1c8f}'
            | '\u{1f00}'..='\u{1fff}' | '\u{2c80}'..='\u{2cff}' | '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}'
            | '\u{ab70}'..='\u{abbf}')
    };
    let is_mark = |char: char| {
        matches!(char, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
    };
    part.contains(is_mark) || (part.contains(|char: char| char.is_ascii_alphabetic()) && part.contains(is_alike))
}

/// An e-mail address, as far as its form can tell, in its normal form.
pub(crate) fn is_email(text: &str) -> Result<String, &'static str> {
    if text.chars().any(misleads) {
        return Err("must not have characters that are not seen or are easily taken for others");
    }
    let text = &*normal_email(text);
    if text.split(['@', '.']).any(mixes_scripts) {
        return Err("must not mix letters of scripts that look alike");
    }
    let sound = text.split_once('@').is_some_and(|(local, domain)| {
        let labels_are_sound =
            domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        !local.is_empty() && local.len() <= 64 && labels_are_sound && !domain.contains('@')
    });
    let no_odd_characters =
        text.chars().all(|char| !char.is_whitespace() && !char.is_control() && !"<>()[],;:\\\"".contains(char));
    if sound && no_odd_characters {
        Ok(text.to_owned())
    } else {
        Err("must be an e-mail address such as mira@shop.example")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b", "mira@shop.example", "o'brien+tea@mail.shop.example", "jörg@müller.example"] {
            assert!(is_email(good).is_ok(), "{good}");
        }
        assert_eq!(is_email("jo\u{308}rg@shop.example"), is_email("j\u{f6}rg@shop.example"), "one address, two ways");
        assert_eq!(is_email("mi\u{ff52}a@shop.example").as_deref(), Ok("mira@shop.example"));
        for alike in [
            "mi\u{200b}ra@shop.example",
            "m\u{131}ra@shop.example",
            "\u{202e}mira@shop.example",
            "a\u{ad}b@c",
            "m\u{456}ra@shop.example",
            "mira@sh\u{43e}p.example",
            "mi\u{335}ra@shop.example",
            "mira@shop\u{3002}example",
            "m\u{2800}ra@b",
        ] {
            assert!(is_email(alike).is_err(), "{alike:?}");
        }
        for bad in
            ["", "mira", "@shop.example", "mira@", "a b@shop.example", "a@b@c", "a@.example", "a@b..c", "<a>@b", "a@-b"]
        {
            assert!(is_email(bad).is_err(), "{bad}");
        }
    }
}
