//! Tags: what a value was made from, and what a change touches.
//!
//! A tag is a short text such as `product:019a…` or `products`. Values and the fence keep only its
//! hash, which is the same in every process. Two texts with one hash cost a value that was still
//! good; they can never keep one that is not.
//!
//! Three forms have a meaning of their own wherever a change names what it touched:
//!
//! | form | touches |
//! | --- | --- |
//! | `*` | every value |
//! | `key:<namespace>:<key>` | the value with that key |
//! | `pattern:<glob>` | every value whose `<namespace>:<key>` matches; `*` stands for any text, `?` for one character |

use xxhash_rust::xxh3::xxh3_64;

/// What touches every value.
pub const EVERYTHING: &str = "*";
/// What stands before the key of one value.
pub const KEY: &str = "key:";
/// What stands before a pattern of keys.
pub const PATTERN: &str = "pattern:";

/// The hash of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u64);

impl Tag {
    pub(crate) fn new(text: &str) -> Self {
        Self(xxh3_64(text.as_bytes()))
    }

    /// The tag that every value carries for its own key.
    pub(crate) fn of_key(namespace: &str, key: &str) -> Self {
        Self::new(&format!("{KEY}{namespace}:{key}"))
    }
}

/// What a tag is counted under: what stands before its first colon.
pub(crate) fn family(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

/// Whether `text` is `namespace:key` with `pattern` matching; written so that neither side can make
/// it take longer than the product of their lengths.
pub(crate) fn matches(pattern: &str, namespace: &str, key: &str) -> bool {
    let text = || namespace.bytes().chain(std::iter::once(b':')).chain(key.bytes());
    let (pattern, text): (Vec<u8>, Vec<u8>) = (pattern.bytes().collect(), text().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last `*` stood, and up to where it has been tried to stretch.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                from += 1;
                // One character, which may have several bytes.
                while text.get(from).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    from += 1;
                }
            }
            Some(byte) if *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((back, tried)) => {
                    star = Some((back, tried + 1));
                    at = back + 1;
                    from = tried + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_keys() {
        for (pattern, key, wanted) in [
            ("product:123:*", "123:reviews", true),
            ("product:123:*", "1234:reviews", false),
            ("product:*", "", true),
            ("product:1?3", "1é3", true),
            ("product:1?3", "13", false),
            ("*:a*b*c", "a-b-b-c", true),
            ("*:a*b*c", "a-b-b-d", false),
            ("product", "", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, "product", key), wanted, "{pattern} {key}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!matches(&"*a".repeat(500), "n", &"b".repeat(2_000)));
    }
}
