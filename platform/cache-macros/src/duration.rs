//! Durations as text: `250ms`, `30s`, `5m`, `2h`, `1d`, and sums such as `1h30m`.
//!
//! A duration here is more than nothing and at most ten years, in whole milliseconds: it can be
//! added to any time that the cache knows.

use syn::{Error, LitStr, Result};

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const MOST: u64 = 3_650 * 86_400_000;

/// The text in milliseconds.
pub(crate) fn milliseconds(text: &LitStr) -> Result<u64> {
    read(&text.value()).map_err(|sentence| Error::new(text.span(), sentence))
}

fn read(text: &str) -> std::result::Result<u64, String> {
    let wrong = |why: &str| {
        format!("{text:?} is no duration: {why}; write one such as `250ms`, `30s`, `5m`, `2h`, `1d` or `1h30m`")
    };
    let too_long = || format!("{text:?} is too long: the most is ten years, `3650d`");
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(wrong(&format!("a whole number is missing before `{unit}`")));
        }
        if unit.is_empty() {
            return Err(wrong(&format!("a unit is missing after `{number}`")));
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(wrong(&format!("`{unit}` is no unit")));
        }
        // What is left of the units are the smaller ones.
        let Some((_, factor)) = units.find(|(name, _)| *name == unit) else {
            return Err(wrong("each unit stands once, the largest first"));
        };
        let number: u64 = number.parse().map_err(|_| too_long())?;
        total = number.checked_mul(*factor).and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        rest = after;
    }
    match total {
        0 => Err(format!("{text:?} is no time at all: nothing would ever be cached; take the attribute away instead")),
        1..=MOST => Ok(total),
        _ => Err(too_long()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, wanted) in [
            ("1ms", 1),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0h5m", 300_000),
            ("90m", 5_400_000),
            ("3650d", MOST),
        ] {
            assert_eq!(read(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_told() {
        let forms = "write one such as `250ms`, `30s`, `5m`, `2h`, `1d` or `1h30m`";
        for (text, why) in [
            ("", "it is empty"),
            ("5", "a unit is missing after `5`"),
            ("1h30", "a unit is missing after `30`"),
            ("m", "a whole number is missing before `m`"),
            ("-5m", "a whole number is missing before `-`"),
            (" 5m", "a whole number is missing before ` `"),
            ("5 m", "` m` is no unit"),
            ("1.5h", "`.` is no unit"),
            ("5min", "`min` is no unit"),
            ("5M", "`M` is no unit"),
            ("5µs", "`µs` is no unit"),
            ("30m1h", "each unit stands once, the largest first"),
            ("1m1m", "each unit stands once, the largest first"),
        ] {
            assert_eq!(read(text), Err(format!("{text:?} is no duration: {why}; {forms}")));
        }
        for text in ["3650d1ms", "18446744073709551615d", "99999999999999999999999s", "18446744073709551s999ms"] {
            assert_eq!(read(text), Err(format!("{text:?} is too long: the most is ten years, `3650d`")));
        }
        for text in ["0s", "0d0h"] {
            let sentence = "is no time at all: nothing would ever be cached; take the attribute away instead";
            assert_eq!(read(text), Err(format!("{text:?} {sentence}")));
        }
    }
}
