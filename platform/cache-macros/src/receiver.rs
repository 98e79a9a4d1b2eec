//! `self` in a body that runs away from its method: there it is a local with a name of its own.
//!
//! Expressions and the tokens of macros are rewritten. Items within the body have a `self` of their
//! own and stay as they are. `{self}` in a format cannot be rewritten without changing the text, so
//! it is a fault.

use proc_macro2::{Group, Ident, Literal, Spacing, Span, TokenStream, TokenTree};
use syn::visit_mut::{VisitMut, visit_expr_mut, visit_macro_mut};
use syn::{Block, Error, Expr, Item, LitStr, Macro};

use crate::template::parts;
use crate::wording::Faults;

/// Macros whose texts are formats.
const FORMATS: &str = "anyhow assert assert_eq assert_ne bail debug debug_assert debug_assert_eq debug_assert_ne \
                       debug_span ensure eprint eprintln error event format format_args info info_span panic print \
                       println span todo trace trace_span unimplemented unreachable warn write writeln";

/// Rewrites `self` in the block to `name`; tells whether there was any.
pub(crate) fn rewrite(block: &mut Block, name: &str, faults: &mut Faults) -> bool {
    let mut rewriting = Rewriting { name, found: false, faults };
    rewriting.visit_block_mut(block);
    rewriting.found
}

struct Rewriting<'a> {
    name: &'a str,
    found: bool,
    faults: &'a mut Faults,
}

impl Rewriting<'_> {
    fn local(&mut self, at: Span) -> Ident {
        self.found = true;
        Ident::new(self.name, Span::mixed_site().located_at(at))
    }

    fn tokens(&mut self, tokens: TokenStream, formats: bool) -> TokenStream {
        let mut rewritten = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            rewritten.push(match token {
                // `self::name` is a module's path.
                TokenTree::Ident(word) if word == "self" && !is_colon(tokens.peek()) => {
                    TokenTree::Ident(self.local(word.span()))
                }
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), self.tokens(group.stream(), formats));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                TokenTree::Literal(literal) => {
                    if formats && captures_self(&literal) {
                        self.faults.add(Error::new(
                            literal.span(),
                            "`self` in this format is not the one that the body gets: write `{}` and give `self` \
                             after the text",
                        ));
                    }
                    TokenTree::Literal(literal)
                }
                other => other,
            });
        }
        rewritten.into_iter().collect()
    }
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint)
}

fn captures_self(literal: &Literal) -> bool {
    let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) else { return false };
    let text = text.value();
    // What stands before it must be whole: in `{{self}}` it is text.
    let mut captures = ["{self}", "{self:"].iter().flat_map(|capture| text.match_indices(capture));
    captures.any(|(at, _)| parts(&text[..at]).is_ok())
}

impl VisitMut for Rewriting<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Path(path) if path.qself.is_none() && path.path.is_ident("self") => {
                let at = path.path.segments[0].ident.span();
                path.path.segments[0].ident = self.local(at);
            }
            Expr::Verbatim(tokens) => *tokens = self.tokens(std::mem::take(tokens), false),
            _ => visit_expr_mut(self, expression),
        }
    }

    fn visit_macro_mut(&mut self, called: &mut Macro) {
        let last = called.path.segments.last();
        let formats = last.is_some_and(|last| FORMATS.split_whitespace().any(|name| last.ident == name));
        called.tokens = self.tokens(std::mem::take(&mut called.tokens), formats);
        visit_macro_mut(self, called);
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn rewritten(text: &str) -> (String, bool) {
        let mut block: Block = syn::parse_str(text).unwrap();
        let mut faults = Faults::default();
        let found = rewrite(&mut block, "this", &mut faults);
        faults.or(()).unwrap();
        (block.into_token_stream().to_string(), found)
    }

    #[test]
    fn it_is_found_where_it_means_the_receiver() {
        for (text, wanted) in [
            ("{ self.a(self.b)?; *self }", "{ this.a(this.b)?; *this }"),
            ("{ let f = move || async { &self.a }; }", "{ let f = move || async { &this.a }; }"),
            ("{ format!(\"{}\", self.a) }", "{ format!(\"{}\", this.a) }"),
            ("{ join!(async { self.a() }, [self]) }", "{ join!(async { this.a() }, [this]) }"),
            (
                "{ format!(\"{{self}}\"); json!(\"{self}\"); self }",
                "{ format!(\"{{self}}\"); json!(\"{self}\"); this }",
            ),
        ] {
            let wanted: Block = syn::parse_str(wanted).unwrap();
            assert_eq!(rewritten(text), (wanted.into_token_stream().to_string(), true), "{text}");
        }
    }

    #[test]
    fn it_is_left_where_it_means_something_else() {
        for text in [
            "{ self::module::function() }",
            "{ call!(self::module::function()) }",
            "{ use std::fmt::{self, Write}; }",
            "{ struct A; impl A { fn a(&self) -> &Self { self } } }",
            "{ macro_rules! m { ($a:expr) => { $a.self } } }",
        ] {
            let same: Block = syn::parse_str(text).unwrap();
            assert_eq!(rewritten(text), (same.into_token_stream().to_string(), false), "{text}");
        }
    }

    #[test]
    fn a_format_that_captures_it_is_told() {
        for text in ["{ format!(\"a {self}\") }", "{ tracing::info!(a = 1, \"{self:?}\") }"] {
            let mut block: Block = syn::parse_str(text).unwrap();
            let mut faults = Faults::default();
            rewrite(&mut block, "this", &mut faults);
            assert_eq!(
                faults.or(()).unwrap_err().to_string(),
                "`self` in this format is not the one that the body gets: write `{}` and give `self` after the text"
            );
        }
    }
}
