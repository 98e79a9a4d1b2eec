//! Texts with names of arguments in braces, as `format!` takes them: `user:{id}`, `{day:02}`.
//!
//! Only names stand in the braces, also in a format (`{id:>width$}`): no numbers, fields or nothing.
//! What comes after the name is for `format!` itself to judge.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Error, LitStr, Result};

/// A text that was read.
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    /// The names in it, in order, each as often as it stands there.
    pub(crate) names: Vec<String>,
    /// What stands outside of the braces.
    pub(crate) fixed: String,
}

impl Template {
    pub(crate) fn read(literal: LitStr) -> Result<Self> {
        let (names, fixed) = parts(&literal.value()).map_err(|sentence| Error::new(literal.span(), sentence))?;
        Ok(Self { literal, names, fixed })
    }

    /// Whether nothing stands in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.fixed.trim().is_empty()
    }

    /// An expression that makes the text, a `String`.
    pub(crate) fn expression(&self) -> TokenStream {
        let here = Span::mixed_site();
        let (literal, fixed) = (&self.literal, &self.fixed);
        if self.names.is_empty() {
            quote_spanned!(here=> ::std::string::String::from(#fixed))
        } else {
            quote_spanned!(here=> ::std::format!(#literal))
        }
    }
}

/// The names in a text and what stands around them; or what is wrong with it.
pub(crate) fn parts(text: &str) -> std::result::Result<(Vec<String>, String), String> {
    let (mut names, mut fixed) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        fixed.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            fixed.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(format!("a `}}` in {text:?} closes nothing: write `}}}}` where the text is to have a brace"));
        }
        rest = placeholder(text, after, &mut names)?;
    }
    fixed.push_str(rest);
    Ok((names, fixed))
}

/// Reads what follows an opening brace; gives what is left after the closing one.
fn placeholder<'a>(text: &str, after: &'a str, names: &mut Vec<String>) -> std::result::Result<&'a str, String> {
    let open = || format!("a `{{` in {text:?} is not closed: write `{{{{` where the text is to have a brace");
    let end = after.find([':', '}']).ok_or_else(open)?;
    let (name, rest) = after.split_at(end);
    names.push(named(text, name.trim())?);
    let Some(format) = rest.strip_prefix(':') else { return Ok(&rest[1..]) };
    // The fill, which may be a brace itself.
    let mut letters = format.chars();
    let fill = letters.next().filter(|_| matches!(letters.next(), Some('<' | '^' | '>')));
    let format = &format[fill.map_or(0, char::len_utf8)..];
    let end = format.find('}').ok_or_else(open)?;
    let (format, rest) = format.split_at(end);
    if format.contains(".*") {
        return Err(format!("`.*` in {text:?} takes a value without a name: write the name of an argument, `.name$`"));
    }
    let mut before_dollar: Vec<&str> = format.split('$').collect();
    before_dollar.pop();
    for part in before_dollar {
        let start = part
            .rfind(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .map_or(0, |at| at + part[at..].chars().next().map_or(1, char::len_utf8));
        let width = &part[start..];
        // A leading zero is a flag, not a part of the name.
        names.push(named(text, width.strip_prefix('0').filter(|rest| !rest.is_empty()).unwrap_or(width))?);
    }
    Ok(&rest[1..])
}

/// The name in a pair of braces, if it is one.
fn named(text: &str, name: &str) -> std::result::Result<String, String> {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_alphabetic() || letter == '_');
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{{{name}}}` in {text:?} has no name: write that of an argument, such as `{{id}}`"));
    }
    if let Some(bare) = name.strip_prefix("r#") {
        return Err(format!("`{{{name}}}` in {text:?} needs no mark: write `{{{bare}}}`"));
    }
    if name == "self" || !begins || !letters.all(|letter| letter.is_alphanumeric() || letter == '_') {
        return Err(format!(
            "`{{{name}}}` in {text:?} is not the name of an argument: give the function what it needs here as an \
             argument of its own, and write its name"
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        let read = |text: &str| parts(text).unwrap();
        for (text, names, fixed) in [
            ("", &[][..], ""),
            ("users", &[], "users"),
            ("user:{id}", &["id"], "user:"),
            ("{a}{ b }-{a:?}", &["a", "b", "a"], "-"),
            ("{{id}}:{id}", &["id"], "{id}:"),
            ("{{{id}}}", &["id"], "{}"),
            ("{day:02}", &["day"], ""),
            ("{a:>width$}", &["a", "width"], ""),
            ("{a:0width$.digits$}", &["a", "width", "digits"], ""),
            ("{a:}>5}:{b:{^5}", &["a", "b"], ":"),
            ("{größe}", &["größe"], ""),
            ("{_a1}", &["_a1"], ""),
        ] {
            assert_eq!(read(text), (names.iter().map(ToString::to_string).collect(), fixed.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_told() {
        for (text, wanted) in [
            ("user:{}", r#"`{}` in "user:{}" has no name: write that of an argument, such as `{id}`"#),
            ("{:?}", r#"`{}` in "{:?}" has no name: write that of an argument, such as `{id}`"#),
            ("{0}", r#"`{0}` in "{0}" has no name: write that of an argument, such as `{id}`"#),
            ("{a:5$}", r#"`{5}` in "{a:5$}" has no name: write that of an argument, such as `{id}`"#),
            (
                "{self.id}",
                "`{self.id}` in \"{self.id}\" is not the name of an argument: give the function what it needs here \
                 as an argument of its own, and write its name",
            ),
            (
                "{self}",
                "`{self}` in \"{self}\" is not the name of an argument: give the function what it needs here as an \
                 argument of its own, and write its name",
            ),
            (
                "{user.id}",
                "`{user.id}` in \"{user.id}\" is not the name of an argument: give the function what it needs here \
                 as an argument of its own, and write its name",
            ),
            ("{r#as}", r##"`{r#as}` in "{r#as}" needs no mark: write `{as}`"##),
            ("{a:.*}", r#"`.*` in "{a:.*}" takes a value without a name: write the name of an argument, `.name$`"#),
            ("user:{id", r#"a `{` in "user:{id" is not closed: write `{{` where the text is to have a brace"#),
            ("{id:02", r#"a `{` in "{id:02" is not closed: write `{{` where the text is to have a brace"#),
            ("a}b", r#"a `}` in "a}b" closes nothing: write `}}` where the text is to have a brace"#),
        ] {
            assert_eq!(parts(text), Err(wanted.to_owned()));
        }
    }
}
