//! Numbers that a body may have: those that are kept as they are written.
//!
//! **Invariant:** a number that would be changed by going through a double (IEEE 754), as JSON's numbers do here, is told.

/// So many digits are kept whatever they are.
const SAFE_DIGITS: usize = 15;

/// The first number of a JSON text that would be changed; for text that is no JSON any answer will do.
pub(super) fn inexact(body: &[u8]) -> Option<&str> {
    let mut left = body;
    while let Some(start) = left.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9')) {
        left = &left[start..];
        let length = if left[0] == b'"' { string_length(left) } else { number_length(left) };
        let (token, rest) = left.split_at(length);
        left = rest;
        if token[0] != b'"'
            && token.len() > SAFE_DIGITS
            && let Ok(number) = str::from_utf8(token)
            && !is_kept(number)
        {
            return Some(number);
        }
    }
    None
}

/// Whether a number that stands by itself, in a file, is kept as it is written.
#[must_use]
pub fn is_exact(number: &str) -> bool {
    inexact(number.as_bytes()).is_none()
}

fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

fn number_length(text: &[u8]) -> usize {
    let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    text.iter().position(|byte| !is_of_number(byte)).unwrap_or(text.len())
}

fn is_kept(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let Ok(double) = number.parse::<f64>() else { return true };
    decimal(number).is_none_or(|wanted| decimal(&format!("{double:e}")) == Some(wanted))
}

/// The digits without zeros around them, and the power of ten of the first.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let power = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + exponent;
    let digits = digits.trim_matches('0').to_owned();
    Some(if digits.is_empty() { (false, digits, 0) } else { (sign, digits, power) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_kept_or_told() {
        for kept in [
            "1",
            "-0",
            "0.1",
            "1e300",
            "123456789012345",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
            "0.30000000000000004",
            "1.7976931348623157e308",
            "100000000000000000000000",
            "0.00000000000000000000000000001",
            "1.50000000000000000000000",
            "12300000000000000000000e-2",
            "{\"a\": \"123456789012345678901\", \"\\\"123456789012345678901\": 1}",
        ] {
            assert_eq!(inexact(kept.as_bytes()), None, "{kept}");
        }
        for told in [
            "123456789012345678901",
            "0.1234567890123456789",
            "-19.999999999999999999",
            "18446744073709551617",
            "1.00000000000000000001e5",
            "0.1000000000000000055511151231257827",
        ] {
            for body in [told.to_owned(), format!("{{\"a\\\\\": [\"x\", {told}]}}")] {
                assert_eq!(inexact(body.as_bytes()), Some(told), "{body}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_a_double_is_written_as_is_kept(double in proptest::num::f64::NORMAL) {
            let written = format!("{double:e}");
            prop_assert!(is_exact(&written));
            prop_assert!(is_exact(&serde_json::to_string(&double).expect("JSON")));
        }
    }
}
