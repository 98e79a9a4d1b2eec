//! `#[cacheable]`: a function that answers from the cache, with its body as the query.
//!
//! The expansion makes the key and the tags first, then copies what the body needs of `self` and of
//! borrowed arguments, then asks. So the body, which may go on without its caller, owns all it uses.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::visit::{Visit, visit_trait_bound, visit_type_reference};
use syn::{
    Block, Error, Expr, FnArg, GenericParam, Ident, Lifetime, ParenthesizedGenericArguments, Pat, Result, Signature,
    Token, TraitBound, Type, TypeBareFn, TypeReference,
};

use crate::arguments::Cacheable;
use crate::function::{
    bare, check, check_names, constants, is_shared_self, mentions, output, placed, plain, read, receiver, returns,
    shared, typed, unknown,
};
use crate::receiver::rewrite;
use crate::template::Template;
use crate::wording::Faults;

const THIS: &str = "this";

/// An argument of the function.
struct Argument<'a> {
    name: &'a Ident,
    mutability: Option<Token![mut]>,
    of: &'a Type,
}

impl Argument<'_> {
    /// What it refers to, if the body is to get it lent: `&T`, but not `&'static T`.
    fn lent(&self) -> Option<&TypeReference> {
        shared(self.of).filter(|reference| !reference.lifetime.as_ref().is_some_and(is_static))
    }
}

/// Where the cache is.
struct Asked {
    expression: TokenStream,
    /// The argument that it is, if it is one.
    argument: Option<Ident>,
}

pub(crate) fn expand(given: TokenStream, tokens: &TokenStream) -> Result<TokenStream> {
    let mut function = read("cacheable", tokens)?;
    let given: Cacheable = syn::parse2(given)?;
    let mut faults = Faults::default();
    check("cacheable", &function.sig, &mut faults);
    check_self(&function.sig, &mut faults);
    check_lifetimes(&function.sig, &mut faults);
    check_output(&function.sig, &mut faults);
    let arguments = arguments(&function.sig, &mut faults);
    let asked = asked(&given, &function.sig, &arguments, &mut faults);
    check_key(&given, &function.sig, &arguments, asked.as_ref(), &mut faults);
    let uses_self = receiver(&function.sig).is_some() && rewrite(&mut function.block, THIS, &mut faults);
    let (Some(asked), Some(ttl_ms), Some(key)) = (asked, given.ttl_ms, &given.key) else {
        // Whatever is missing has been told.
        return faults.or(TokenStream::new());
    };
    faults.or(())?;

    let here = Span::mixed_site();
    let (key, tags) = (key.expression(), given.tags.iter().map(Template::expression));
    let queries = queries(&asked, &arguments);
    let Copies { keeping, lending, lent } = copies(&function.sig, &arguments, &function.block, uses_self);
    let returns = returns(&function.sig);
    let statements = &function.block.stmts;
    // What this asks of the body and of the answer is told at the name, and what it asks of the error
    // at the output.
    let answer = quote_spanned! {placed(&function.sig.ident)=>
        ::entrepot_cache::cached_query(queries, &key, options, move || async move {
            #returns
            #(#lending)*
            #(#statements)*
        })
        .await
    };
    let told = quote_spanned! {placed(output(&function.sig))=>
        ::core::result::Result::map_err(answer, ::entrepot_cache::FromFill::from_fill)
    };
    let body = quote_spanned! {here=> {
        #queries
        let key = #key;
        let options = ::entrepot_cache::QueryOptions {
            ttl: ::core::time::Duration::from_millis(#ttl_ms),
            tags: ::std::vec::Vec::from([#(#tags),*]),
        };
        #(#keeping)*
        let answer = #answer;
        #told
    }};
    *function.block = syn::parse2(body)?;
    for name in lent {
        make_immutable(&mut function.sig, &name);
    }
    Ok(function.into_token_stream())
}

/// How a body gets what it cannot keep as it is: owned before it runs, and lent to it again.
#[derive(Default)]
struct Copies {
    keeping: Vec<TokenStream>,
    lending: Vec<TokenStream>,
    /// The arguments that it has as locals of its own.
    lent: Vec<Ident>,
}

fn copies(signature: &Signature, arguments: &[Argument<'_>], body: &Block, uses_self: bool) -> Copies {
    let here = Span::mixed_site();
    let body = body.to_token_stream();
    let mut copies = Copies::default();
    if let Some(receiver) = receiver(signature).filter(|_| uses_self) {
        let (this, keyword) = (Ident::new(THIS, here), receiver.self_token);
        let clone = quote_spanned!(placed(keyword)=> <Self as ::core::clone::Clone>::clone(#keyword));
        copies.keeping.push(quote_spanned!(here=> let kept_self = #clone;));
        copies.lending.push(quote_spanned!(here=> let #this = &kept_self;));
    }
    for argument in arguments.iter().filter(|argument| mentions(&body, &argument.name.unraw().to_string())) {
        let Some(reference) = argument.lent() else { continue };
        let (name, mutability) = (argument.name, argument.mutability);
        let kept = format_ident!("kept_{}", name, span = here);
        let owned = quote_spanned!(placed(&reference.elem)=> ::entrepot_cache::Kept::of(#name));
        copies.keeping.push(quote_spanned!(here=> let #kept = #owned;));
        copies.lending.push(quote_spanned! {here=>
            #[allow(
                unused_variables,
                clippy::shadow_unrelated,
                reason = "it is the argument once more, and the body may only seem to use it"
            )]
            let #mutability #name = #kept.lend();
        });
        copies.lent.push(name.clone());
    }
    copies
}

fn is_static(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static"
}

fn check_self(signature: &Signature, faults: &mut Faults) {
    if let Some(receiver) = receiver(signature).filter(|receiver| !is_shared_self(receiver)) {
        faults.at(receiver, "a cached method takes `self` by reference and works on a clone of it: write `&self`");
    }
}

fn check_lifetimes(signature: &Signature, faults: &mut Faults) {
    for parameter in &signature.generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter
            && !lifetime.bounds.iter().any(is_static)
        {
            let name = &lifetime.lifetime;
            faults.at(
                name,
                format!(
                    "`{name}` may end before the body does, which goes on when its caller gives up: take it away and \
                     write `&T` for `&{name} T`"
                ),
            );
        }
    }
}

fn check_output(signature: &Signature, faults: &mut Faults) {
    if let Some(culprit) = output(signature).and_then(Borrowed::find) {
        faults.at(culprit, "an answer that is kept cannot borrow: return what owns it, such as `String` for `&str`");
    }
}

/// The arguments that are plain names; the others are faults.
fn arguments<'a>(signature: &'a Signature, faults: &mut Faults) -> Vec<Argument<'a>> {
    let mut found = Vec::new();
    for argument in typed(signature) {
        match plain(&argument.pat) {
            Some(plain) => found.push(Argument { name: &plain.ident, mutability: plain.mutability, of: &argument.ty }),
            None => faults.at(
                &argument.pat,
                "an argument of a cached function needs a name, which its key can use: write one, and take it apart \
                 in the body",
            ),
        }
        if let Some(fault) = borrow_fault(&argument.ty) {
            faults.add(fault);
        }
    }
    found
}

/// What is wrong with the type of an argument that the body must be able to own.
fn borrow_fault(of: &Type) -> Option<Error> {
    let Type::Reference(reference) = bare(of) else {
        let sentence = "a reference inside of an argument's type cannot be made owned: take an owned type, such as \
                        `Option<String>` for `Option<&str>`";
        return Borrowed::find(of).map(|culprit| Error::new_spanned(culprit, sentence));
    };
    if reference.mutability.is_some() {
        let sentence = "a cached function cannot change its argument, as its body does not run every time: take `&T` \
                        or `T`";
        return Some(Error::new_spanned(of, sentence));
    }
    let is_static = reference.lifetime.as_ref().is_some_and(is_static);
    if matches!(bare(&reference.elem), Type::TraitObject(_)) && !is_static {
        let sentence = "what is behind a reference to a `dyn` cannot be made owned: take an `Arc<dyn …>`";
        return Some(Error::new_spanned(of, sentence));
    }
    let sentence = "a reference behind a reference cannot be made owned: take what it refers to, such as `&[String]` \
                    for `&[&str]`";
    Borrowed::find(&reference.elem).map(|culprit| Error::new_spanned(culprit, sentence))
}

/// Finds what borrows in a type: references and lifetimes but `'static`, and not those that a
/// function's type has of its own.
#[derive(Default)]
struct Borrowed {
    culprit: Option<TokenStream>,
}

impl Borrowed {
    fn find(of: &Type) -> Option<TokenStream> {
        let mut finding = Self::default();
        finding.visit_type(of);
        finding.culprit
    }
}

impl Visit<'_> for Borrowed {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        if reference.lifetime.as_ref().is_some_and(is_static) {
            visit_type_reference(self, reference);
        } else {
            self.culprit.get_or_insert(reference.to_token_stream());
        }
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if !is_static(lifetime) {
            self.culprit.get_or_insert(lifetime.to_token_stream());
        }
    }

    fn visit_type_bare_fn(&mut self, _: &TypeBareFn) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}

    fn visit_trait_bound(&mut self, bound: &TraitBound) {
        if bound.lifetimes.is_none() {
            visit_trait_bound(self, bound);
        }
    }
}

fn asked(given: &Cacheable, signature: &Signature, arguments: &[Argument<'_>], faults: &mut Faults) -> Option<Asked> {
    if let Some(expression) = &given.cache {
        let argument = match expression {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        let argument = argument.filter(|name| arguments.iter().any(|argument| argument.name == *name)).cloned();
        return Some(Asked { expression: expression.to_token_stream(), argument });
    }
    if let Some(receiver) = receiver(signature) {
        let keyword = receiver.self_token;
        return Some(Asked { expression: quote_spanned!(placed(keyword)=> #keyword.queries), argument: None });
    }
    let is_queries = |of: &Type| match bare(of) {
        Type::Reference(reference) => last_is_queries(&reference.elem),
        other => last_is_queries(other),
    };
    match arguments.iter().find(|argument| argument.name == "queries") {
        Some(argument) if is_queries(argument.of) => {
            let name = argument.name;
            Some(Asked { expression: quote!(#name), argument: Some(name.clone()) })
        }
        Some(argument) => {
            faults.at(
                argument.of,
                "the argument `queries` is to be the cache: make it a `&Queries`, or say where the cache is with \
                 `cache = <expression>`",
            );
            None
        }
        None => {
            faults.at(
                &signature.ident,
                format!(
                    "`{}` has no cache to ask: add the argument `queries: &Queries`, or say where the cache is with \
                     `cache = <expression>`",
                    signature.ident
                ),
            );
            None
        }
    }
}

fn last_is_queries(of: &Type) -> bool {
    matches!(bare(of), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Queries"))
}

fn check_key(
    given: &Cacheable,
    signature: &Signature,
    arguments: &[Argument<'_>],
    asked: Option<&Asked>,
    faults: &mut Faults,
) {
    let is_cache = |name: &Ident| asked.is_some_and(|asked| asked.argument.as_ref() == Some(name));
    let inputs: Vec<&Ident> = arguments.iter().map(|argument| argument.name).chain(constants(signature)).collect();
    let inputs: Vec<&Ident> = inputs.into_iter().filter(|name| !is_cache(name)).collect();
    let known: Vec<String> = inputs.iter().map(|name| name.unraw().to_string()).collect();
    let types: Vec<&Ident> = signature.generics.type_params().map(|parameter| &parameter.ident).collect();
    let ignored = |name: &Ident| given.ignore.iter().any(|ignored| ignored == name);

    if given.ttl_ms.is_none() {
        faults.add(Error::new(Span::call_site(), "#[cacheable] needs a time to live: add `ttl = \"5m\"`"));
    }
    match &given.key {
        None => {
            let sentence = format!("#[cacheable] needs a key: add `key = {:?}`", whole_key(signature, &known));
            faults.add(Error::new(Span::call_site(), sentence));
        }
        Some(key) if key.is_empty() => {
            let whole = whole_key(signature, &known);
            faults.at(&key.literal, format!("an empty key sets nothing apart: write `key = {whole:?}`"));
        }
        Some(key) => {
            check_names(key, &known, signature, faults);
            for name in &inputs {
                let text = name.unraw().to_string();
                if key.names.contains(&text) || ignored(name) {
                    continue;
                }
                let longer = format!("{}:{{{text}}}", key.literal.value());
                faults.at(
                    name,
                    format!(
                        "`{text}` is not in the key, so calls that differ in it would share one answer: write \
                         `key = {longer:?}`, or `ignore({text})` if it does not change the answer"
                    ),
                );
            }
        }
    }
    for tag in &given.tags {
        check_names(tag, &known, signature, faults);
    }
    for name in &given.ignore {
        let text = name.unraw().to_string();
        if is_cache(name) {
            faults.at(name, format!("`{text}` is the cache itself and in no key: take it out of `ignore`"));
        } else if !known.contains(&text) && !types.contains(&name) {
            let shown = |name: &str| name.to_owned();
            faults.at(name, unknown(&format!("`{text}` in `ignore`"), &text, &known, shown, signature));
        } else if given.key.as_ref().is_some_and(|key| key.names.contains(&text)) {
            faults.at(name, format!("`{text}` is in the key, so it is not ignored: take it out of `ignore`"));
        }
    }
    for name in types {
        let is_named = arguments.iter().any(|argument| mentions(&argument.of.to_token_stream(), &name.to_string()));
        if !is_named && !ignored(name) {
            faults.at(
                name,
                format!(
                    "no argument's type names `{name}`, so calls for different types would share one answer: write a \
                     function for each, or `ignore({name})` if it does not change the answer"
                ),
            );
        }
    }
}

/// A key with everything in it.
fn whole_key(signature: &Signature, known: &[String]) -> String {
    let mut key = signature.ident.unraw().to_string();
    key.extend(known.iter().map(|name| format!(":{{{name}}}")));
    key
}

/// The statements that find the cache. It is copied where it is in something that the body may take.
fn queries(asked: &Asked, arguments: &[Argument<'_>]) -> TokenStream {
    let here = Span::mixed_site();
    let expression = &asked.expression;
    let borrow = quote_spanned! {placed(expression)=>
        <_ as ::core::borrow::Borrow<::entrepot_cache::Queries>>::borrow
    };
    let may_be_taken = arguments.iter().filter(|argument| shared(argument.of).is_none());
    let mut may_be_taken = may_be_taken.map(|argument| argument.name.to_string());
    if may_be_taken.any(|name| mentions(expression, &name)) {
        quote_spanned! {here=>
            let queries = ::core::clone::Clone::clone(#borrow(&(#expression)));
            let queries = &queries;
        }
    } else {
        quote_spanned! {here=>
            let queries = &(#expression);
            let queries = #borrow(queries);
        }
    }
}

/// Takes the `mut` off an argument that the body gets as a local of its own.
fn make_immutable(signature: &mut Signature, name: &Ident) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(argument) = input
            && let Pat::Ident(plain) = &mut *argument.pat
            && plain.ident == *name
        {
            plain.mutability = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{faults, tokens};

    const FINE: &str = "async fn user(queries: &Queries, id: u32) -> Result<User, E> { find(id).await }";

    /// Each fault of the attribute with these arguments on this function: where, and what it says.
    fn says(arguments: &str, function: &str, wanted: &[(&str, &str)]) {
        let wanted: Vec<(String, String)> =
            wanted.iter().map(|(at, says)| (at.to_string(), says.to_string())).collect();
        assert_eq!(faults(expand, arguments, function), wanted, "#[cacheable({arguments})] {function}");
    }

    fn of_arguments(arguments: &str, at: &str, sentence: &str) {
        says(arguments, FINE, &[(at, sentence)]);
    }

    fn of_function(function: &str, at: &str, sentence: &str) {
        says(r#"ttl = "5m", key = "user:{id}""#, function, &[(at, sentence)]);
    }

    #[test]
    fn arguments_that_are_missing() {
        of_arguments(r#"key = "user:{id}""#, "", r#"#[cacheable] needs a time to live: add `ttl = "5m"`"#);
        of_arguments(r#"ttl = "5m""#, "", r#"#[cacheable] needs a key: add `key = "user:{id}"`"#);
        says(
            "",
            FINE,
            &[
                ("", r#"#[cacheable] needs a time to live: add `ttl = "5m"`"#),
                ("", r#"#[cacheable] needs a key: add `key = "user:{id}"`"#),
            ],
        );
        of_arguments(
            r#"ttl = "5m", key = """#,
            "\"\"",
            r#"an empty key sets nothing apart: write `key = "user:{id}"`"#,
        );
        of_arguments(
            r#"ttl = "5m", key = " ""#,
            "\" \"",
            r#"an empty key sets nothing apart: write `key = "user:{id}"`"#,
        );
    }

    #[test]
    fn arguments_that_are_not_known_or_stand_twice() {
        of_arguments(
            r#"tll = "5m", key = "user:{id}""#,
            "tll",
            "#[cacheable] has no argument `tll`: did you mean `ttl`?",
        );
        of_arguments(
            r#"ttl = "5m", condition = id > 5"#,
            "condition",
            "#[cacheable] has no argument `condition`: it takes `ttl`, `key`, `tags`, `ignore` and `cache`",
        );
        of_arguments(r#"ttl = "5m", ttl = "6m""#, "ttl", "`ttl` is given twice: keep one of them");
        of_arguments(r#"tags("a"), key = "user:{id}", tags("b")"#, "tags", "`tags` is given twice: keep one of them");
        of_arguments(
            r#""5m""#,
            "\"5m\"",
            "the name of an argument belongs here: one of `ttl`, `key`, `tags`, `ignore` and `cache`",
        );
    }

    #[test]
    fn arguments_of_another_form() {
        for (arguments, at, sentence) in [
            ("ttl", "ttl", "`ttl` is a text: write `ttl = \"5m\"`"),
            ("ttl =", "ttl", "`ttl` is a text: write `ttl = \"5m\"`"),
            ("ttl = 300", "300", "`ttl` is a text: write `ttl = \"5m\"`"),
            ("ttl(\"5m\")", "ttl", "`ttl` is a text: write `ttl = \"5m\"`"),
            ("key = id", "id", "`key` is a text: write `key = \"user:{id}\"`"),
            ("tags = \"users\"", "tags", "`tags` is a list of texts: write `tags(\"user:{id}\", …)`"),
            ("tags(users)", "users", "`tags` is a list of texts: write `tags(\"user:{id}\", …)`"),
            ("tags(\"\")", "\"\"", "an empty text in `tags` stands for nothing: take it away"),
            ("tags(\"a\" \"b\")", "\"b\"", "a comma belongs here, between two entries of `tags`"),
            ("ignore = id", "ignore", "`ignore` is a list of arguments' names: write `ignore(trace, …)`"),
            ("ignore(\"id\")", "\"id\"", "`ignore` is a list of arguments' names: write `ignore(trace, …)`"),
            ("cache", "cache", "`cache` is an expression: write `cache = &self.queries`"),
            ("cache = , ttl = \"5m\"", "cache", "`cache` is an expression: write `cache = &self.queries`"),
            ("ttl = \"5m\" key = \"a\"", "key", "a comma belongs here, between two arguments"),
        ] {
            of_arguments(arguments, at, sentence);
        }
    }

    #[test]
    fn texts_that_are_wrong() {
        of_arguments(
            r#"ttl = "5 minutes", key = "user:{id}""#,
            r#""5 minutes""#,
            "\"5 minutes\" is no duration: ` minutes` is no unit; write one such as `250ms`, `30s`, `5m`, `2h`, `1d` \
             or `1h30m`",
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{}""#,
            r#""user:{}""#,
            r#"`{}` in "user:{}" has no name: write that of an argument, such as `{id}`"#,
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{id}", tags("user:{self.id}")"#,
            r#""user:{self.id}""#,
            "`{self.id}` in \"user:{self.id}\" is not the name of an argument: give the function what it needs here \
             as an argument of its own, and write its name",
        );
    }

    #[test]
    fn names_that_are_no_arguments() {
        of_arguments(
            r#"ttl = "5m", key = "user:{id}", tags("user:{idd}")"#,
            r#""user:{idd}""#,
            "`{idd}` in \"user:{idd}\" is no argument of `user`: did you mean `{id}`?",
        );
        says(
            r#"ttl = "5m", key = "user:{di}""#,
            FINE,
            &[
                (r#""user:{di}""#, "`{di}` in \"user:{di}\" is no argument of `user`: did you mean `{id}`?"),
                (
                    "id",
                    "`id` is not in the key, so calls that differ in it would share one answer: write \
                     `key = \"user:{di}:{id}\"`, or `ignore(id)` if it does not change the answer",
                ),
            ],
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{id}:{language}""#,
            r#""user:{id}:{language}""#,
            "`{language}` in \"user:{id}:{language}\" is no argument of `user`: it has `{id}`",
        );
        says(
            r#"ttl = "5m", key = "users:{id}""#,
            "async fn users(queries: &Queries) -> Result<Vec<User>, E> { all().await }",
            &[(r#""users:{id}""#, "`{id}` in \"users:{id}\" is no argument of `users`: it has none")],
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{id}", ignore(trace)"#,
            "trace",
            "`trace` in `ignore` is no argument of `user`: it has `id`",
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{id}", ignore(id)"#,
            "id",
            "`id` is in the key, so it is not ignored: take it out of `ignore`",
        );
        of_arguments(
            r#"ttl = "5m", key = "user:{id}", ignore(queries)"#,
            "queries",
            "`queries` is the cache itself and in no key: take it out of `ignore`",
        );
    }

    #[test]
    fn arguments_that_the_key_leaves_out() {
        let function = "async fn user(queries: &Queries, id: u32, r#as: &str) -> Result<User, E> { find(id).await }";
        says(
            r#"ttl = "5m", key = "user:{id}", tags("role:{as}")"#,
            function,
            &[(
                "r#as",
                "`as` is not in the key, so calls that differ in it would share one answer: write \
                 `key = \"user:{id}:{as}\"`, or `ignore(as)` if it does not change the answer",
            )],
        );
        let function = "async fn page<const N: usize, T>(&self) -> Result<Vec<T>, E> { find(N).await }";
        says(
            r#"ttl = "5m", key = "page""#,
            function,
            &[
                (
                    "N",
                    "`N` is not in the key, so calls that differ in it would share one answer: write \
                     `key = \"page:{N}\"`, or `ignore(N)` if it does not change the answer",
                ),
                (
                    "T",
                    "no argument's type names `T`, so calls for different types would share one answer: write a \
                     function for each, or `ignore(T)` if it does not change the answer",
                ),
            ],
        );
    }

    #[test]
    fn a_cache_that_is_not_there() {
        of_function(
            "async fn user(id: u32) -> Result<User, E> { find(id).await }",
            "user",
            "`user` has no cache to ask: add the argument `queries: &Queries`, or say where the cache is with \
             `cache = <expression>`",
        );
        says(
            r#"ttl = "5m", key = "user:{id}:{queries}""#,
            "async fn user(queries: Vec<String>, id: u32) -> Result<User, E> { find(id).await }",
            &[(
                "Vec<String>",
                "the argument `queries` is to be the cache: make it a `&Queries`, or say where the cache is with \
                 `cache = <expression>`",
            )],
        );
    }

    #[test]
    fn what_is_no_such_function() {
        of_function(
            "fn user(queries: &Queries, id: u32) -> Result<User, E> { find(id) }",
            "fn",
            "#[cacheable] needs an async function: write `async fn user`",
        );
        of_function(
            "async fn user(queries: &Queries, id: u32) { find(id).await; }",
            "user",
            "#[cacheable] needs a function that returns a `Result`: write `-> Result<(), E>`",
        );
        of_function(
            "async fn user(queries: &Queries, id: u32) -> Option<User> { find(id).await }",
            "Option<User>",
            "#[cacheable] needs a function that returns a `Result`: write `-> Result<T, E>` around it",
        );
        of_function(
            "async fn user(&self, id: u32) -> Result<User, E>;",
            "async fn user(&self, id: u32) -> Result<User, E>;",
            "#[cacheable] needs a body: put it on the function where it is implemented",
        );
        of_function(
            "struct User { id: u32 }",
            "struct User { id: u32 }",
            "#[cacheable] belongs on a function: put it on an `async fn`",
        );
    }

    #[test]
    fn receivers_that_cannot_be_kept() {
        for receiver in ["self", "mut self", "&mut self", "self: Arc<Self>", "self: &Arc<Self>", "self: Box<Self>"] {
            of_function(
                &format!("async fn user({receiver}, id: u32) -> Result<User, E> {{ find(id).await }}"),
                receiver,
                "a cached method takes `self` by reference and works on a clone of it: write `&self`",
            );
        }
        of_function(
            "async fn user(&self, id: u32) -> Result<User, E> { tracing::info!(id, \"for {self:?}\"); find(id).await }",
            "\"for {self:?}\"",
            "`self` in this format is not the one that the body gets: write `{}` and give `self` after the text",
        );
    }

    #[test]
    fn arguments_that_cannot_be_kept() {
        let with = |argument: &str| format!("async fn user(&self, id: u32, {argument}) -> Result<User, E> {{ a() }}");
        let ignoring = r#"ttl = "5m", key = "user:{id}", ignore(other)"#;
        for (argument, at, sentence) in [
            (
                "other: &mut Vec<u8>",
                "&mut Vec<u8>",
                "a cached function cannot change its argument, as its body does not run every time: take `&T` or `T`",
            ),
            (
                "other: Option<&str>",
                "&str",
                "a reference inside of an argument's type cannot be made owned: take an owned type, such as \
                 `Option<String>` for `Option<&str>`",
            ),
            (
                "other: Cow<'_, str>",
                "'_",
                "a reference inside of an argument's type cannot be made owned: take an owned type, such as \
                 `Option<String>` for `Option<&str>`",
            ),
            (
                "other: &[&str]",
                "&str",
                "a reference behind a reference cannot be made owned: take what it refers to, such as `&[String]` for \
                 `&[&str]`",
            ),
            (
                "other: &dyn Source",
                "&dyn Source",
                "what is behind a reference to a `dyn` cannot be made owned: take an `Arc<dyn …>`",
            ),
            (
                "other: &(dyn Source + Sync)",
                "&(dyn Source + Sync)",
                "what is behind a reference to a `dyn` cannot be made owned: take an `Arc<dyn …>`",
            ),
        ] {
            says(ignoring, &with(argument), &[(at, sentence)]);
        }
        for pattern in ["(a, b)", "_", "User { name, .. }", "ref name", "all @ (a, b)"] {
            of_function(
                &with(&format!("{pattern}: Of")),
                pattern,
                "an argument of a cached function needs a name, which its key can use: write one, and take it apart \
                 in the body",
            );
        }
    }

    #[test]
    fn lifetimes_that_may_end() {
        of_function(
            "async fn user<'a>(&'a self, id: u32) -> Result<User, E> { find(id).await }",
            "'a",
            "`'a` may end before the body does, which goes on when its caller gives up: take it away and write `&T` \
             for `&'a T`",
        );
        for output in ["Result<&str, E>", "Result<Vec<&str>, E>"] {
            of_function(
                &format!("async fn user(&self, id: u32) -> {output} {{ find(id).await }}"),
                "&str",
                "an answer that is kept cannot borrow: return what owns it, such as `String` for `&str`",
            );
        }
    }

    #[test]
    fn what_is_fine_is_accepted() {
        for (arguments, function) in [
            ("ttl = \"5m\", key = \"user:{id}\",", FINE),
            ("key = \"user:{id:?}\", tags(), ttl = \"1h30m\", ignore()", FINE),
            (
                "ttl = \"5m\", key = \"user:{id}\", cache = store",
                "async fn user(store: &Queries, id: u32) -> io::Result<User> { find(id).await }",
            ),
            (
                "ttl = \"5m\", key = \"user:{id}\", cache = &db.queries, ignore(db)",
                "async fn user(db: Arc<Db>, id: u32) -> StoreResult<User> { db.find(id).await }",
            ),
            (
                "ttl = \"5m\", key = \"user:{id}:{N}:{as}\", ignore(T, of, f, g)",
                "pub(crate) async fn user<'a: 'static, T: User, const N: usize>(self: &Self, id: &'a str, r#as: \
                 &'static str, of: Option<&'static str>, f: fn(&str) -> &str, g: impl for<'b> Fn(&'b str)) -> \
                 Result<T, E> where T: Sized { #![allow(unused)] self.find(id).await }",
            ),
        ] {
            let expansion = expand(tokens(arguments), &tokens(function)).unwrap();
            let expanded: syn::ItemFn = syn::parse2(expansion).unwrap();
            let written: syn::ItemFn = syn::parse_str(function).unwrap();
            assert_eq!(expanded.sig.to_token_stream().to_string(), written.sig.to_token_stream().to_string());
            let attributes = |of: &syn::ItemFn| of.attrs.iter().map(|one| quote!(#one).to_string()).collect::<Vec<_>>();
            assert_eq!(attributes(&expanded), attributes(&written));
            assert_eq!(expanded.vis.to_token_stream().to_string(), written.vis.to_token_stream().to_string());
        }
    }
}
