//! Reading the members of a JSON object, noting every fault up to a limit and counting the rest.
//!
//! ```
//! use entrepot_web::body::{Reader, Text};
//! use serde_json::json;
//!
//! let body = json!({"title": "", "stock": "many", "colour": "red"});
//! let mut reader = Reader::new(&body, "");
//! let title = reader.required("title", |value| value.text(Text::line(1, 300)));
//! let stock = reader.optional("stock", |value| value.integer(0, 1_000_000));
//! let faults = reader.finish();
//! assert_eq!(faults.len(), 3);
//! assert_eq!(faults[0].pointer.as_deref(), Some("/title"));
//! ```

use std::borrow::Cow;

use entrepot_text::{is_bidi_control, is_blank, kept};
use serde_json::{Map, Value};

use crate::Fault;
use crate::fault::Faults;

/// How long a text may be, in characters, and whether it may have several lines.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    min: usize,
    max: usize,
    lines: bool,
    /// As it was sent, spaces around it and all: for what nobody reads.
    verbatim: bool,
}

impl Text {
    /// One line of `min` to `max` characters.
    #[must_use]
    pub const fn line(min: usize, max: usize) -> Self {
        Self { min, max, lines: false, verbatim: false }
    }

    /// Lines of `min` to `max` characters in all.
    #[must_use]
    pub const fn lines(min: usize, max: usize) -> Self {
        Self { min, max, lines: true, verbatim: false }
    }

    /// The same, but taken as it was sent: for secrets. Other texts are kept without spaces around them and in NFC.
    #[must_use]
    pub const fn verbatim(self) -> Self {
        Self { verbatim: true, ..self }
    }
}

/// An object being read.
#[derive(Debug)]
pub struct Reader<'a> {
    members: Option<&'a Map<String, Value>>,
    pointer: String,
    asked: Vec<&'a str>,
    faults: Faults,
}

/// One member's value, and the place where it stands.
#[derive(Debug)]
pub struct Member<'a, 'f> {
    /// The value.
    pub value: &'a Value,
    pointer: String,
    faults: &'f mut Faults,
}

impl<'a> Reader<'a> {
    /// Reads `value`, which stands at `pointer` in the body (`""` for the body itself).
    #[must_use]
    pub fn new(value: &'a Value, pointer: &str) -> Self {
        let mut reader = Self {
            members: value.as_object(),
            pointer: pointer.to_owned(),
            asked: Vec::new(),
            faults: Faults::default(),
        };
        if reader.members.is_none() {
            reader.faults.push(|| Fault::at(pointer, "wrong_type", format!("must be an object, not {}", kind(value))));
        }
        reader
    }

    /// Reads a member that must be there and not be null.
    pub fn required<T>(&mut self, name: &'a str, read: impl FnOnce(&mut Member<'a, '_>) -> Option<T>) -> Option<T> {
        let there = self.members.is_some_and(|members| members.get(name).is_some_and(|value| !value.is_null()));
        if !there && self.members.is_some() {
            self.faults.push(|| Fault::at(join(&self.pointer, name), "required", "is required"));
        }
        self.optional(name, read)
    }

    /// Reads a member that may be absent or null.
    pub fn optional<T>(&mut self, name: &'a str, read: impl FnOnce(&mut Member<'a, '_>) -> Option<T>) -> Option<T> {
        self.asked.push(name);
        let value = self.members?.get(name).filter(|value| !value.is_null())?;
        let mut member = Member { value, pointer: join(&self.pointer, name), faults: &mut self.faults };
        read(&mut member)
    }

    /// Notes a fault of the object as a whole or of a member.
    pub fn fault(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        let pointer = || if name.is_empty() { self.pointer.clone() } else { join(&self.pointer, name) };
        self.faults.push(|| Fault::at(pointer(), code, detail));
    }

    /// Ends the reading: members that nobody asked for are faults too.
    #[must_use]
    pub fn finish(mut self) -> Vec<Fault> {
        let Some(members) = self.members else { return self.faults.into_vec() };
        let mut known = std::mem::take(&mut self.asked);
        known.sort_unstable();
        known.dedup();
        let there = known.iter().filter(|name| members.contains_key(**name)).count();
        let mut unknown = members.len() - there;
        for name in members.keys() {
            // What is past the limit is counted and not looked at.
            if unknown == 0 || self.faults.is_full() {
                break;
            }
            if known.binary_search(&name.as_str()).is_err() {
                let detail = || format!("is not known; there are {}", known.join(", "));
                self.faults.push(|| Fault::at(join(&self.pointer, name), "unknown_member", detail()));
                unknown -= 1;
            }
        }
        self.faults.count_only(unknown);
        self.faults.into_vec()
    }
}

impl<'a> Member<'a, '_> {
    /// Where it stands, as a JSON pointer.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Notes a fault of this value.
    pub fn fault(&mut self, code: &'static str, detail: impl Into<String>) {
        self.faults.push(|| Fault::at(self.pointer.clone(), code, detail));
    }

    /// Notes faults that were found inside this value.
    pub fn faults(&mut self, found: Vec<Fault>) {
        self.faults.extend(found);
    }

    fn wrong_type<T>(&mut self, wanted: &str) -> Option<T> {
        let detail = format!("must be {wanted}, not {}", kind(self.value));
        self.fault("wrong_type", detail);
        None
    }

    /// A text within its limits.
    ///
    /// But for verbatim ones it is given in the form in which texts are kept ([`entrepot_text::kept`]).
    pub fn text(&mut self, limits: Text) -> Option<String> {
        let Some(text) = self.value.as_str() else { return self.wrong_type("a text") };
        let text = if limits.verbatim { Cow::Borrowed(text) } else { kept(text) };
        if text.contains('\0') {
            self.fault("nul", "must not contain NUL");
            return None;
        }
        if !limits.verbatim && text.contains(|char| is_odd_control(char, limits.lines)) {
            let lines = if limits.lines {
                "must not contain control characters but tabs and ends of lines"
            } else {
                "must be one line without control characters"
            };
            self.fault("control_character", lines);
            return None;
        }
        if !limits.verbatim && text.contains(is_bidi_control) {
            self.fault("bidi_control", "must not contain characters that turn the direction of the text around");
            return None;
        }
        let length = text.chars().count();
        if limits.min > 0 && (text.is_empty() || (!limits.verbatim && is_blank(&text))) {
            self.fault("empty", "must not be empty");
            return None;
        }
        if length < limits.min || length > limits.max {
            self.fault("length", format!("must have {} to {} characters, not {length}", limits.min, limits.max));
            return None;
        }
        Some(text.into_owned())
    }

    /// A text that `parse` turns into something else; its error is the fault.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        limits: Text,
        code: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(limits)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(code, error.to_string());
                None
            }
        }
    }

    /// A whole number in a range.
    pub fn integer(&mut self, min: i32, max: i32) -> Option<i32> {
        let Some(number) = self.value.as_i64() else {
            return if self.value.is_number() {
                self.fault("not_an_integer", format!("must be a whole number from {min} to {max}"));
                None
            } else {
                self.wrong_type("a whole number")
            };
        };
        match i32::try_from(number).ok().filter(|number| (min..=max).contains(number)) {
            Some(number) => Some(number),
            None => {
                let code = if number < 0 && min >= 0 { "negative" } else { "out_of_range" };
                self.fault(code, format!("must be from {min} to {max}, not {number}"));
                None
            }
        }
    }

    /// A number in a range.
    pub fn number(&mut self, min: f64, max: f64) -> Option<f64> {
        let Some(number) = self.value.as_f64() else { return self.wrong_type("a number") };
        if (min..=max).contains(&number) {
            return Some(number);
        }
        self.fault("out_of_range", format!("must be from {min} to {max}, not {number}"));
        None
    }

    /// True or false.
    pub fn boolean(&mut self) -> Option<bool> {
        match self.value.as_bool() {
            Some(value) => Some(value),
            None => self.wrong_type("true or false"),
        }
    }

    /// A list of at most `max` texts, none twice.
    pub fn texts(&mut self, max: usize, limits: Text) -> Option<Vec<String>> {
        let Some(items) = self.value.as_array() else { return self.wrong_type("a list of texts") };
        if items.len() > max {
            self.fault("too_many", format!("must have at most {max} entries, not {}", items.len()));
            return None;
        }
        let before = self.faults.len();
        let mut texts: Vec<String> = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let pointer = join(&self.pointer, &index.to_string());
            let mut item = Member { value, pointer, faults: &mut *self.faults };
            let Some(text) = item.text(limits) else { continue };
            if texts.contains(&text) {
                item.fault("repeated", "is in the list already");
            }
            texts.push(text);
        }
        (self.faults.len() == before).then_some(texts)
    }

    /// A list of at most `max` ids, as tables of ours number their rows.
    pub fn ids(&mut self, max: usize) -> Option<Vec<i64>> {
        let Some(items) = self.value.as_array() else { return self.wrong_type("a list of ids") };
        if items.len() > max {
            self.fault("too_many", format!("must have at most {max} entries, not {}", items.len()));
            return None;
        }
        let before = self.faults.len();
        let mut ids = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            match value.as_i64() {
                Some(id) => ids.push(id),
                None => {
                    let pointer = join(&self.pointer, &index.to_string());
                    Member { value, pointer, faults: &mut *self.faults }.fault("wrong_type", "must be a whole number");
                }
            }
        }
        (self.faults.len() == before).then_some(ids)
    }

    /// A free object: any members, so many at most, so many bytes as JSON at most, no NUL anywhere.
    pub fn object(&mut self, max_members: usize, max_bytes: usize) -> Option<Value> {
        let Some(members) = self.value.as_object() else { return self.wrong_type("an object") };
        if members.len() > max_members {
            self.fault("too_many", format!("must have at most {max_members} members, not {}", members.len()));
            return None;
        }
        let bytes = serde_json::to_vec(self.value).map_or(usize::MAX, |json| json.len());
        if bytes > max_bytes {
            self.fault("too_large", format!("must have at most {max_bytes} bytes as JSON, not {bytes}"));
            return None;
        }
        match kept_value(self.value) {
            Ok(value) => Some(value),
            Err((code, detail)) => {
                self.fault(code, detail);
                None
            }
        }
    }
}

fn is_odd_control(char: char, may_have_lines: bool) -> bool {
    let is_of_lines = matches!(char, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}');
    if is_of_lines { !may_have_lines } else { char.is_control() }
}

/// The same with every text in it, names too, in the form in which texts are kept.
fn kept_value(value: &Value) -> Result<Value, (&'static str, String)> {
    let kept_text = |text: &str| {
        let text = kept(text).into_owned();
        if text.contains('\0') {
            return Err(("nul", "must not contain NUL".to_owned()));
        }
        if text.contains(|char| is_odd_control(char, true)) {
            return Err(("control_character", "must not contain control characters".to_owned()));
        }
        if text.contains(is_bidi_control) {
            return Err((
                "bidi_control",
                "must not contain characters that turn the direction of the text around".to_owned(),
            ));
        }
        Ok(text)
    };
    Ok(match value {
        Value::String(text) => Value::String(kept_text(text)?),
        Value::Array(items) => Value::Array(items.iter().map(kept_value).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let mut all = Map::new();
            for (name, value) in members {
                let name = kept_text(name)?;
                let detail = format!("has the member {name:?} twice, in two spellings");
                if all.insert(name, kept_value(value)?).is_some() {
                    return Err(("repeated", detail));
                }
            }
            Value::Object(all)
        }
        other => other.clone(),
    })
}

/// Appends a member's name to a JSON pointer, escaped (RFC 6901).
fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The faults of reading `body` as `{title: line, stock?: 0..=9, tags?: [..2]}`.
    fn check(body: &Value) -> Vec<(String, &'static str)> {
        let mut reader = Reader::new(body, "");
        reader.required("title", |member| member.text(Text::line(1, 5)));
        reader.optional("stock", |member| member.integer(0, 9));
        reader.optional("tags", |member| member.texts(2, Text::line(1, 5)));
        reader.finish().into_iter().map(|fault| (fault.pointer.unwrap_or_default(), fault.code)).collect()
    }

    #[test]
    fn every_fault_has_its_place_and_code() {
        let at = |pointer: &str, code| (pointer.to_owned(), code);
        for (body, wanted) in [
            (json!({"title": "tea"}), vec![]),
            (json!({"title": "tea", "stock": null}), vec![]),
            (json!([]), vec![at("", "wrong_type")]),
            (json!({}), vec![at("/title", "required")]),
            (json!({"title": " "}), vec![at("/title", "empty")]),
            (json!({"title": "too long"}), vec![at("/title", "length")]),
            (json!({"title": "a\nb"}), vec![at("/title", "control_character")]),
            (json!({"title": "a\0b"}), vec![at("/title", "nul")]),
            (json!({"title": "a\u{202e}b"}), vec![at("/title", "bidi_control")]),
            (json!({"title": "\u{2800}\u{200b}"}), vec![at("/title", "empty")]),
            (json!({"title": 1, "stock": "1"}), vec![at("/title", "wrong_type"), at("/stock", "wrong_type")]),
            (json!({"title": "tea", "stock": -1}), vec![at("/stock", "negative")]),
            (json!({"title": "tea", "stock": 1.5}), vec![at("/stock", "not_an_integer")]),
            (json!({"title": "tea", "stock": 99_999_999_999_i64}), vec![at("/stock", "out_of_range")]),
            (json!({"title": "tea", "tags": ["a", "a"]}), vec![at("/tags/1", "repeated")]),
            (json!({"title": "tea", "tags": ["a", 2]}), vec![at("/tags/1", "wrong_type")]),
            (json!({"title": "tea", "tags": ["a", "b", "c"]}), vec![at("/tags", "too_many")]),
            (json!({"title": "tea", "a/b": 1}), vec![at("/a~1b", "unknown_member")]),
        ] {
            assert_eq!(check(&body), wanted, "{body}");
        }
    }
}
