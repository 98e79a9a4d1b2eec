//! Query strings, read strictly.
//!
//! A parameter that nobody asked for is an error, not something to ignore: `?catgory=tea` would
//! otherwise answer with the whole catalog. All faults are told at once, up to a limit (`fault.rs`).

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use entrepot_text::kept;
use http::request::Parts;

use crate::body::{Reader, Text};
use crate::fault::Faults;
use crate::{Fault, Problem, kinds};

/// The longest query string, in bytes.
const LONGEST: usize = 8 * 1024;

/// A parsed query string. Take what the endpoint knows out of it, then call [`Query::finish`].
#[derive(Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<Cow<'static, str>>,
    faults: Faults,
}

impl Query {
    /// Parses a query string (`a=1&b=two`, percent-encoded, `+` for a space).
    ///
    /// # Errors
    /// 400 when it is too long or not UTF-8.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        if query.len() > LONGEST {
            return Err(Problem::new(&kinds::INVALID_QUERY, format!("the query is longer than {LONGEST} bytes")));
        }
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(Problem::new(&kinds::INVALID_QUERY, "the query is not valid percent-encoded UTF-8"));
            };
            // Many clients write a list as `brand[]=…&brand[]=…`.
            let name = name.strip_suffix("[]").unwrap_or(&name);
            pairs.push((kept(name).into_owned(), value));
        }
        let mut faults = Faults::default();
        for (name, _) in pairs.iter().filter(|(name, value)| name.contains('\0') || value.contains('\0')) {
            faults.push(|| Fault::of_parameter(name.replace('\0', "\\0"), "nul", "must not contain NUL"));
        }
        Ok(Self { pairs, known: Vec::new(), faults })
    }

    /// The value of a parameter that may be given once, in the form in which texts are kept.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.typed(name).map(|value| value.trim_end().to_owned())
    }

    /// The same with a space at the end where there was one, which tells that a word is finished.
    pub fn typed(&mut self, name: &'static str) -> Option<String> {
        self.known.push(Cow::Borrowed(name));
        let value = self.take(name)?;
        let space = if value.ends_with(char::is_whitespace) { " " } else { "" };
        Some(format!("{}{space}", kept(&value)))
    }

    /// A text that is kept, by the rules for texts of bodies.
    pub fn line(&mut self, name: &'static str, limits: Text) -> Option<String> {
        let value = serde_json::json!({ name: self.text(name)? });
        let mut reader = Reader::new(&value, "");
        let text = reader.optional(name, |member| member.text(limits));
        for fault in reader.finish() {
            self.fault(name, fault.code, fault.detail);
        }
        text
    }

    /// A query of these names and values, as if it had been parsed.
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { pairs: pairs.into_iter().collect(), ..Self::default() }
    }

    /// The value of a parameter that is still to be taken.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() {
            drop(values);
            self.fault(name, "repeated", "is given more than once");
            return None;
        }
        first
    }

    /// Like [`Query::text`], but a value that is there must not be empty.
    pub fn filled(&mut self, name: &'static str) -> Option<String> {
        let value = self.text(name)?;
        if value.is_empty() {
            self.fault(name, "empty", "must not be empty");
            return None;
        }
        Some(value)
    }

    /// A list: with commas between its items, or given several times. What is there must not be empty.
    pub fn list(&mut self, name: &'static str) -> Option<String> {
        let values = self.several(name);
        (!values.is_empty()).then(|| values.join(","))
    }

    /// The values of a parameter that may be given several times. None of them may be empty.
    pub fn several(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(Cow::Borrowed(name));
        let given = self.pairs.extract_if(.., |(given, _)| given == name);
        let values: Vec<String> = given.map(|(_, value)| kept(&value).trim_end().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            self.fault(name, "empty", "must not be empty");
        }
        values.into_iter().filter(|value| !value.is_empty()).collect()
    }

    /// A parameter of some other type; `wanted` says what it should have been.
    pub fn value<T: FromStr>(&mut self, name: &'static str, wanted: &str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                self.fault(name, "wrong_type", format!("must be {wanted}, not {text:?}"));
                None
            }
        }
    }

    /// A parameter whose value is one of a few words.
    pub fn one_of<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        self.fault(name, "not_a_choice", format!("must be one of {words}, not {text:?}"));
        None
    }

    /// All members of an object that is a parameter, by their names: `spec.size=5` for `spec`, or `spec[size]=5` as
    /// OpenAPI's `deepObject` has it.
    pub fn members(&mut self, object: &'static str) -> Vec<(String, String)> {
        let member = |name: &str| -> Option<String> {
            let rest = name.strip_prefix(object)?;
            let inner = rest.strip_prefix('.').or_else(|| rest.strip_prefix('[')?.strip_suffix(']'))?;
            (!inner.is_empty()).then(|| inner.to_owned())
        };
        self.known.push(Cow::Owned(format!("{object}.<name>")));
        let mut found: Vec<(String, String)> = self
            .pairs
            .extract_if(.., |(name, _)| member(name).is_some())
            .filter_map(|(name, value)| Some((member(&name)?, kept(&value).into_owned())))
            .collect();
        found.sort();
        for pair in found.windows(2) {
            if pair[0].0 == pair[1].0 {
                let name = || format!("{object}.{}", pair[0].0);
                self.faults.push(|| Fault::of_parameter(name(), "repeated", "is given more than once"));
            }
        }
        found
    }

    /// Notes a fault of a parameter.
    pub fn fault(&mut self, name: &str, code: &'static str, detail: impl Display) {
        self.faults.push(|| Fault::of_parameter(name, code, detail.to_string()));
    }

    /// Whether a fault of this parameter was noted.
    #[must_use]
    pub fn has_fault_of(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.parameter.as_deref() == Some(name))
    }

    /// Ends the reading: whatever was not asked for is unknown.
    ///
    /// # Errors
    /// 400 with every fault.
    pub fn finish(mut self) -> Result<(), Problem> {
        let mut known: Vec<&str> = self.known.iter().map(AsRef::as_ref).collect();
        known.sort_unstable();
        for (name, _) in std::mem::take(&mut self.pairs) {
            let detail = || match known.is_empty() {
                true => "is not known; this endpoint takes no parameters".to_owned(),
                false => format!("is not known; this endpoint takes {}", known.join(", ")),
            };
            self.faults.push(|| Fault::of_parameter(name, "unknown_parameter", detail()));
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid_query(self.faults.into_vec())) }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_faults_are_told_at_once() {
        let mut query = Query::parse("limit=ten&sort=a&sort=b&catgory=tea&q=").expect("well-formed");
        assert_eq!(query.value::<u32>("limit", "a whole number"), None);
        assert_eq!(query.text("sort"), None);
        assert_eq!(query.filled("q"), None);
        let problem = query.finish().expect_err("four faults");
        let told: Vec<_> = problem.faults().iter().map(|fault| (fault.parameter.as_deref(), fault.code)).collect();
        assert_eq!(
            told,
            [
                (Some("limit"), "wrong_type"),
                (Some("sort"), "repeated"),
                (Some("q"), "empty"),
                (Some("catgory"), "unknown_parameter"),
            ]
        );
        assert!(problem.faults()[3].detail.contains("limit, q, sort"), "{}", problem.faults()[3].detail);
    }

    #[test]
    fn a_list_is_several_values_however_it_is_written() {
        for written in ["brand=a&brand=b", "brand=a,b", "brand[]=a&brand[]=b", "brand%5B%5D=a&brand%5b%5d=b"] {
            let mut query = Query::parse(written).expect("well-formed");
            assert_eq!(query.list("brand").as_deref(), Some("a,b"), "{written}");
            query.finish().expect("no faults");
        }
    }

    #[test]
    fn values_are_compared_as_they_are_kept_and_typed_ones_are_as_they_were_typed() {
        let parse = || Query::parse("q=tea%20&brand=%20Nestle%CC%81%20&spec.e%CC%81=e%CC%81").expect("well-formed");
        assert_eq!(parse().typed("q").as_deref(), Some("tea "));
        assert_eq!(parse().text("q").as_deref(), Some("tea"));
        let typed = Query::parse("q=cafe%CC%81+").expect("well-formed").typed("q");
        assert_eq!(typed.as_deref(), Some("caf\u{e9} "), "in the form in which texts are kept");
        assert_eq!(parse().filled("brand").as_deref(), Some("Nestl\u{e9}"));
        assert_eq!(parse().members("spec"), [("\u{e9}".to_owned(), "\u{e9}".to_owned())]);
    }

    #[test]
    fn members_of_an_object_are_taken_together() {
        let mut query = Query::parse("spec.size=5+lb&spec%5Bcolour%5D=red%20brown&spec.=1&q=x").expect("well-formed");
        let specs = query.members("spec");
        assert_eq!(specs, [("colour".into(), "red brown".into()), ("size".into(), "5 lb".into())]);
    }

    #[test]
    fn a_list_has_commas_or_is_given_several_times() {
        let parse = |text| Query::parse(text).expect("well-formed");
        assert_eq!(parse("fields=id,title&fields=sku").list("fields").as_deref(), Some("id,title,sku"));
        assert_eq!(parse("brand=A,+B&brand=C").several("brand"), ["A, B", "C"]);
        let mut query = parse("fields=&brand=A");
        assert_eq!(query.list("fields"), None);
        assert!(query.has_fault_of("fields"));
    }

    proptest! {
        #[test]
        fn any_text_survives_percent_encoding(text in "[^\u{0}]{0,40}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let mut query = Query::parse(&format!("q={encoded}")).expect("well-formed");
            prop_assert_eq!(query.text("q"), Some(kept(&text).into_owned()));
        }

        #[test]
        fn no_query_string_panics(text in "\\PC{0,60}") {
            if let Ok(query) = Query::parse(&text) {
                let _refused_or_not = query.finish();
            }
        }
    }
}
