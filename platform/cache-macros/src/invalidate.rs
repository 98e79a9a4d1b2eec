//! `#[cache_invalidate]`: a function that tells the caches what it changed, once it has.
//!
//! The expansion makes the names first, then runs the body as a block of its own, and speaks only
//! after an `Ok`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Error, Result, Signature};

use crate::arguments::Invalidate;
use crate::function::{
    bound, check, check_names, constants, is_shared_self, mentions, output, placed, plain, read, receiver, returns,
    shared, typed,
};
use crate::template::Template;
use crate::wording::Faults;

pub(crate) fn expand(given: TokenStream, tokens: &TokenStream) -> Result<TokenStream> {
    let mut function = read("cache_invalidate", tokens)?;
    let given: Invalidate = syn::parse2(given)?;
    let mut faults = Faults::default();
    let signature = &function.sig;
    check("cache_invalidate", signature, &mut faults);
    check_texts(&given, signature, &mut faults);
    let via = via(&given, signature, &mut faults);
    let Some(via) = faults.or(via)? else { return Ok(TokenStream::new()) };

    let here = Span::mixed_site();
    let marked = |templates: &[Template], mark: &TokenStream| -> Vec<TokenStream> {
        let texts = templates.iter().map(Template::expression);
        texts.map(|text| quote_spanned!(here=> ::std::format!("{}{}", ::entrepot_cache::#mark, #text))).collect()
    };
    let tags = given.tags.iter().map(Template::expression);
    let (keys, patterns) = (marked(&given.keys, &quote!(KEY)), marked(&given.patterns, &quote!(PATTERN)));
    let returns = returns(signature);
    let capture = capture(&via, signature);
    let invalidate = quote_spanned!(placed(&via)=> ::entrepot_cache::Invalidate::invalidate);
    let from = quote_spanned!(placed(output(signature))=> ::core::convert::From::from);
    let statements = &function.block.stmts;
    let body = quote_spanned! {here=> {
        let tags = ::std::vec::Vec::from([#(#tags,)* #(#keys,)* #(#patterns,)*]);
        let outcome = async #capture {
            #returns
            #(#statements)*
        }
        .await;
        match outcome {
            ::core::result::Result::Ok(value) => match #invalidate(&(#via), tags).await {
                ::core::result::Result::Ok(()) => ::core::result::Result::Ok(value),
                ::core::result::Result::Err(error) => ::core::result::Result::Err(#from(error)),
            },
            ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
        }
    }};
    *function.block = syn::parse2(body)?;
    Ok(function.into_token_stream())
}

fn check_texts(given: &Invalidate, signature: &Signature, faults: &mut Faults) {
    let arguments = typed(signature).flat_map(|argument| bound(&argument.pat));
    let known: Vec<String> = arguments.chain(constants(signature)).map(|name| name.unraw().to_string()).collect();
    if given.tags.is_empty() && given.keys.is_empty() && given.patterns.is_empty() {
        faults.add(Error::new(
            Span::call_site(),
            "#[cache_invalidate] says nothing that changed: add `tags(\"…\")`, `keys(\"…\")` or `patterns(\"…\")`",
        ));
    }
    for template in given.tags.iter().chain(&given.keys).chain(&given.patterns) {
        check_names(template, &known, signature, faults);
    }
    for key in given.keys.iter().filter(|key| !key.fixed.contains(':')) {
        let text = key.literal.value();
        faults.at(
            &key.literal,
            format!(
                "{text:?} has no namespace: write `<namespace>:<key>`, which is \"queries:{text}\" for a key of \
                 #[cacheable]"
            ),
        );
    }
}

/// What is told; `None` is a fault.
fn via(given: &Invalidate, signature: &Signature, faults: &mut Faults) -> Option<TokenStream> {
    if let Some(via) = &given.via {
        return Some(via.to_token_stream());
    }
    if let Some(receiver) = receiver(signature) {
        let keyword = receiver.self_token;
        return Some(quote_spanned!(placed(keyword)=> #keyword.cache));
    }
    let mut names = typed(signature).filter_map(|argument| plain(&argument.pat)).map(|plain| &plain.ident);
    match names.find(|name| *name == "cache") {
        Some(name) => Some(name.to_token_stream()),
        None => {
            faults.at(
                &signature.ident,
                format!(
                    "`{}` has nobody to tell: add the argument `cache: &Cache`, or say who is told with `via = \
                     <expression>`",
                    signature.ident
                ),
            );
            None
        }
    }
}

/// How the body takes what it uses: as a function's does, unless `via` needs something of that after
/// it. Shared references can be had twice.
fn capture(via: &TokenStream, signature: &Signature) -> TokenStream {
    let taken_self = receiver(signature).is_some_and(|receiver| !is_shared_self(receiver)) && mentions(via, "self");
    let mut taken = typed(signature).filter(|argument| shared(&argument.ty).is_none());
    let is_needed = taken_self
        || taken.any(|argument| bound(&argument.pat).iter().any(|name| mentions(via, &name.unraw().to_string())));
    if is_needed { TokenStream::new() } else { quote_spanned!(Span::mixed_site()=> move) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{faults, tokens};

    const FINE: &str = "async fn rename(cache: &Cache, id: u32) -> Result<User, E> { rename(id).await }";

    fn says(arguments: &str, function: &str, at: &str, sentence: &str) {
        let wanted = vec![(at.to_owned(), sentence.to_owned())];
        assert_eq!(faults(expand, arguments, function), wanted, "#[cache_invalidate({arguments})] {function}");
    }

    #[test]
    fn arguments_that_are_wrong() {
        for (arguments, at, sentence) in [
            (
                "",
                "",
                "#[cache_invalidate] says nothing that changed: add `tags(\"…\")`, `keys(\"…\")` or \
                 `patterns(\"…\")`",
            ),
            (
                "tags()",
                "",
                "#[cache_invalidate] says nothing that changed: add `tags(\"…\")`, `keys(\"…\")` or \
                 `patterns(\"…\")`",
            ),
            ("tag(\"a\")", "tag", "#[cache_invalidate] has no argument `tag`: did you mean `tags`?"),
            (
                "ttl = \"5m\"",
                "ttl",
                "#[cache_invalidate] has no argument `ttl`: it takes `tags`, `keys`, `patterns` and `via`",
            ),
            ("tags(\"a\"), tags(\"b\")", "tags", "`tags` is given twice: keep one of them"),
            ("keys = \"a:b\"", "keys", "`keys` is a list of texts: write `keys(\"users:{id}\", …)`"),
            ("patterns(5)", "5", "`patterns` is a list of texts: write `patterns(\"users:{id}:*\", …)`"),
            ("patterns(\"\")", "\"\"", "an empty text in `patterns` stands for nothing: take it away"),
            ("via", "via", "`via` is an expression: write `via = self.cache`"),
            (
                "tags(\"user:{di}\")",
                "\"user:{di}\"",
                "`{di}` in \"user:{di}\" is no argument of `rename`: did you mean `{id}`?",
            ),
            (
                "tags(\"user:{result.id}\")",
                "\"user:{result.id}\"",
                "`{result.id}` in \"user:{result.id}\" is not the name of an argument: give the function what it \
                 needs here as an argument of its own, and write its name",
            ),
            (
                "keys(\"{id}\")",
                "\"{id}\"",
                "\"{id}\" has no namespace: write `<namespace>:<key>`, which is \"queries:{id}\" for a key of \
                 #[cacheable]",
            ),
        ] {
            says(arguments, FINE, at, sentence);
        }
    }

    #[test]
    fn functions_that_are_wrong() {
        for (function, at, sentence) in [
            (
                "fn rename(cache: &Cache, id: u32) -> Result<User, E> { rename(id) }",
                "fn",
                "#[cache_invalidate] needs an async function: write `async fn rename`",
            ),
            (
                "async fn rename(cache: &Cache, id: u32) { rename(id).await; }",
                "rename",
                "#[cache_invalidate] needs a function that returns a `Result`: write `-> Result<(), E>`",
            ),
            (
                "async fn rename(cache: &Cache, id: u32) -> User { rename(id).await }",
                "User",
                "#[cache_invalidate] needs a function that returns a `Result`: write `-> Result<T, E>` around it",
            ),
            (
                "async fn rename(id: u32) -> Result<User, E> { rename(id).await }",
                "rename",
                "`rename` has nobody to tell: add the argument `cache: &Cache`, or say who is told with \
                 `via = <expression>`",
            ),
            (
                "async fn rename(&self, id: u32) -> Result<User, E>;",
                "async fn rename(&self, id: u32) -> Result<User, E>;",
                "#[cache_invalidate] needs a body: put it on the function where it is implemented",
            ),
            ("impl User {}", "impl User {}", "#[cache_invalidate] belongs on a function: put it on an `async fn`"),
        ] {
            says("tags(\"user:{id}\")", function, at, sentence);
        }
    }

    #[test]
    fn what_is_fine_is_accepted() {
        for (arguments, function) in [
            ("tags(\"user:{id}\", \"users\")", FINE),
            ("keys(\"users:{id}\"), patterns(\"*:{id}\"), via = feed()", "async fn a(id: &str) -> Result<&str, E> {}"),
            ("tags(\"user:{id}:{name}\")", "pub async fn a(&mut self, (id, User { name, .. }): A) -> R::Result { a }"),
            ("tags(\"a\")", "async fn a<'a, T>(&'a self, b: Option<&'a T>) -> Result<impl Sized, E> where T: B {}"),
        ] {
            let expansion = expand(tokens(arguments), &tokens(function)).unwrap();
            let expanded: syn::ItemFn = syn::parse2(expansion).unwrap();
            let written: syn::ItemFn = syn::parse_str(function).unwrap();
            assert_eq!(expanded.sig.to_token_stream().to_string(), written.sig.to_token_stream().to_string());
            assert_eq!(expanded.vis.to_token_stream().to_string(), written.vis.to_token_stream().to_string());
        }
    }

    #[test]
    fn the_body_takes_what_is_not_needed_after_it() {
        for (via, function, wanted) in [
            ("self.cache", "async fn a(&self, b: B) -> R {}", true),
            ("self.cache", "async fn a(&mut self) -> R {}", false),
            ("feed", "async fn a(self, feed: &Feed) -> R {}", true),
            ("feed", "async fn a(feed: Feed) -> R {}", false),
            ("feed", "async fn a(feed: &mut Feed) -> R {}", false),
            ("state.feed", "async fn a(State(state): State<All>) -> R {}", false),
        ] {
            let function: syn::ItemFn = syn::parse_str(function).unwrap();
            assert_eq!(!capture(&tokens(via), &function.sig).is_empty(), wanted, "{via} {}", function.sig.ident);
        }
    }
}
