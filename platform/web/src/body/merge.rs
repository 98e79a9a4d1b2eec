//! JSON merge patch, RFC 7396.
//!
//! **Invariant:** what the rules for texts say now is no reason to refuse a change of something else: texts that were
//! stored before are brought into form.

use entrepot_text::{is_bidi_control, is_blank, kept};
use serde_json::Value;

/// What a patch makes of what is stored; its texts are in the form in which new ones are kept.
#[must_use]
pub fn patched(stored: &Value, patch: &Value) -> Value {
    let mut document = sound(stored);
    merge_patch(&mut document, patch.clone());
    document
}

fn sound(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(sound_text(text)),
        Value::Array(items) => Value::Array(items.iter().map(sound).collect()),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (sound_text(name), sound(value))).collect())
        }
        other => other.clone(),
    }
}

fn sound_text(text: &str) -> String {
    let is_odd = |char: char| is_bidi_control(char) || (char.is_control() && !matches!(char, '\n' | '\r' | '\t'));
    let sound = kept(&text.replace(is_odd, "")).into_owned();
    // Of a text of which nothing is left something must stand.
    if is_blank(&sound) && !text.is_empty() { "\u{fffd}".to_owned() } else { sound }
}

/// Applies `patch` to `target`: members that are null are removed, objects are merged, everything
/// else replaces.
pub fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge_patch(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{merge_patch, patched};
    use serde_json::{Value, from_str, json};

    #[test]
    fn what_was_stored_before_is_brought_into_form() {
        let stored = json!({"title": "Te\u{202e}\u{34f}a", "tags": [" a\u{1b}b "], "brand": "\u{3164}", "specifications": {"x\u{feff}": 1}});
        let wanted =
            json!({"title": "Tea", "tags": ["ab"], "brand": "\u{fffd}", "specifications": {"x": 1}, "stock": 5});
        assert_eq!(patched(&stored, &json!({"stock": 5})), wanted);
    }

    /// The table of RFC 7396, appendix A.
    #[test]
    fn the_rfcs_own_examples() {
        for (target, patch, wanted) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut value: Value = from_str(target).expect("a literal");
            merge_patch(&mut value, from_str(patch).expect("a literal"));
            assert_eq!(value, from_str::<Value>(wanted).expect("a literal"), "{target} with {patch}");
        }
    }
}
