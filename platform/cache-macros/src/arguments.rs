//! What stands in the brackets of an attribute. Each argument stands once, in any order, in the form
//! that is its own: `name = "text"`, `name = <expression>`, `name("text", …)` or `name(name, …)`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::token::Paren;
use syn::{Error, Expr, Ident, LitStr, Result, Token, parenthesized};

use crate::duration::milliseconds;
use crate::template::Template;
use crate::wording::{listed, nearest, quoted};

/// The arguments of `#[cacheable]`.
#[derive(Default)]
pub(crate) struct Cacheable {
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) key: Option<Template>,
    pub(crate) tags: Vec<Template>,
    pub(crate) ignore: Vec<Ident>,
    pub(crate) cache: Option<Expr>,
}

impl Parse for Cacheable {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut given = Self::default();
        each(input, "cacheable", &["ttl", "key", "tags", "ignore", "cache"], |name, at| {
            match name {
                "ttl" => given.ttl_ms = Some(milliseconds(&text(input, at, "5m")?)?),
                "key" => given.key = Some(Template::read(text(input, at, "user:{id}")?)?),
                "tags" => given.tags = templates(input, at, "user:{id}")?,
                "ignore" => given.ignore = names(input, at)?,
                _ => given.cache = Some(expression(input, at, "&self.queries")?),
            }
            Ok(())
        })?;
        Ok(given)
    }
}

/// The arguments of `#[cache_invalidate]`.
#[derive(Default)]
pub(crate) struct Invalidate {
    pub(crate) tags: Vec<Template>,
    pub(crate) keys: Vec<Template>,
    pub(crate) patterns: Vec<Template>,
    pub(crate) via: Option<Expr>,
}

impl Parse for Invalidate {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut given = Self::default();
        each(input, "cache_invalidate", &["tags", "keys", "patterns", "via"], |name, at| {
            match name {
                "tags" => given.tags = templates(input, at, "user:{id}")?,
                "keys" => given.keys = templates(input, at, "users:{id}")?,
                "patterns" => given.patterns = templates(input, at, "users:{id}:*")?,
                _ => given.via = Some(expression(input, at, "self.cache")?),
            }
            Ok(())
        })?;
        Ok(given)
    }
}

/// Has each argument read by `read`, which gets its name.
fn each(
    input: ParseStream<'_>,
    attribute: &str,
    known: &[&str],
    mut read: impl FnMut(&str, &Ident) -> Result<()>,
) -> Result<()> {
    let takes = || listed(&quoted(known));
    let mut seen: Vec<String> = Vec::new();
    while !input.is_empty() {
        let here = input.span();
        let at = input
            .call(Ident::parse_any)
            .map_err(|_| Error::new(here, format!("the name of an argument belongs here: one of {}", takes())))?;
        let name = at.to_string();
        if !known.contains(&name.as_str()) {
            let instead = match nearest(&name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it takes {}", takes()),
            };
            return Err(Error::new(at.span(), format!("#[{attribute}] has no argument `{name}`: {instead}")));
        }
        if seen.contains(&name) {
            return Err(Error::new(at.span(), format!("`{name}` is given twice: keep one of them")));
        }
        read(&name, &at)?;
        seen.push(name);
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            return Err(Error::new(input.span(), "a comma belongs here, between two arguments"));
        }
    }
    Ok(())
}

/// Where something is missing: here, or at the name if nothing follows it.
fn missing(input: ParseStream<'_>, at: &Ident) -> Span {
    if input.is_empty() { at.span() } else { input.span() }
}

fn text(input: ParseStream<'_>, at: &Ident, example: &str) -> Result<LitStr> {
    let wrong = |span| Error::new(span, format!("`{at}` is a text: write `{at} = \"{example}\"`"));
    input.parse::<Token![=]>().map_err(|_| wrong(at.span()))?;
    let here = missing(input, at);
    input.parse().map_err(|_| wrong(here))
}

fn expression(input: ParseStream<'_>, at: &Ident, example: &str) -> Result<Expr> {
    let wrong = |span| Error::new(span, format!("`{at}` is an expression: write `{at} = {example}`"));
    input.parse::<Token![=]>().map_err(|_| wrong(at.span()))?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(wrong(at.span()));
    }
    input.parse()
}

fn templates(input: ParseStream<'_>, at: &Ident, example: &str) -> Result<Vec<Template>> {
    let wrong = |span| Error::new(span, format!("`{at}` is a list of texts: write `{at}(\"{example}\", …)`"));
    list(input, at, wrong, |content| {
        let here = content.span();
        let template = Template::read(content.parse().map_err(|_| wrong(here))?)?;
        if template.is_empty() {
            let sentence = format!("an empty text in `{at}` stands for nothing: take it away");
            return Err(Error::new(template.literal.span(), sentence));
        }
        Ok(template)
    })
}

fn names(input: ParseStream<'_>, at: &Ident) -> Result<Vec<Ident>> {
    let wrong = |span| Error::new(span, format!("`{at}` is a list of arguments' names: write `{at}(trace, …)`"));
    list(input, at, wrong, |content| content.parse().map_err(|_| wrong(content.span())))
}

fn list<T>(
    input: ParseStream<'_>,
    at: &Ident,
    wrong: impl Fn(Span) -> Error,
    one: impl Fn(ParseStream<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if !input.peek(Paren) {
        return Err(wrong(at.span()));
    }
    let content;
    parenthesized!(content in input);
    let mut all = Vec::new();
    while !content.is_empty() {
        all.push(one(&content)?);
        if !content.is_empty() && content.parse::<Token![,]>().is_err() {
            return Err(Error::new(content.span(), format!("a comma belongs here, between two entries of `{at}`")));
        }
    }
    Ok(all)
}
