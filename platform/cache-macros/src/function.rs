//! The function below an attribute: what both attributes ask of it, and what they read from it.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::visit::{Visit, visit_pat_ident};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    Error, FnArg, GenericParam, Ident, ItemFn, Pat, PatIdent, PatType, Receiver, Result, ReturnType, Signature,
    TraitItemFn, Type, TypeInfer, TypeReference,
};

use crate::template::Template;
use crate::wording::{Faults, listed, nearest, quoted};

/// The function, if it is one and has a body.
pub(crate) fn read(attribute: &str, tokens: &TokenStream) -> Result<ItemFn> {
    let fault = match syn::parse2(tokens.clone()) {
        Ok(function) => return Ok(function),
        Err(fault) => fault,
    };
    if let Ok(function) = syn::parse2::<TraitItemFn>(tokens.clone()) {
        let sentence = format!("#[{attribute}] needs a body: put it on the function where it is implemented");
        return Err(Error::new_spanned(function, sentence));
    }
    if tokens.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn")) {
        return Err(fault);
    }
    Err(Error::new_spanned(tokens, format!("#[{attribute}] belongs on a function: put it on an `async fn`")))
}

/// It must be async and return a `Result`.
pub(crate) fn check(attribute: &str, signature: &Signature, faults: &mut Faults) {
    if signature.asyncness.is_none() {
        let sentence = format!("#[{attribute}] needs an async function: write `async fn {}`", signature.ident);
        faults.at(signature.fn_token, sentence);
    }
    match output(signature) {
        None => faults.at(
            &signature.ident,
            format!("#[{attribute}] needs a function that returns a `Result`: write `-> Result<(), E>`"),
        ),
        Some(output) if !is_result(output) => faults.at(
            output,
            format!("#[{attribute}] needs a function that returns a `Result`: write `-> Result<T, E>` around it"),
        ),
        Some(_) => {}
    }
}

/// What it returns, if anything.
pub(crate) fn output(signature: &Signature) -> Option<&Type> {
    match &signature.output {
        ReturnType::Type(_, output) => Some(output),
        ReturnType::Default => None,
    }
}

/// Aliases count if they are called so: `io::Result<T>`, `StoreResult<T>`.
fn is_result(output: &Type) -> bool {
    match bare(output) {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result")),
        _ => false,
    }
}

/// The type without the brackets and invisible groups around it.
pub(crate) fn bare(mut of: &Type) -> &Type {
    loop {
        of = match of {
            Type::Paren(inner) => &inner.elem,
            Type::Group(inner) => &inner.elem,
            _ => return of,
        };
    }
}

/// The type as a reference that is not `&mut`.
pub(crate) fn shared(of: &Type) -> Option<&TypeReference> {
    match bare(of) {
        Type::Reference(reference) if reference.mutability.is_none() => Some(reference),
        _ => None,
    }
}

pub(crate) fn receiver(signature: &Signature) -> Option<&Receiver> {
    signature.receiver()
}

/// Whether it is `&self`, however written.
pub(crate) fn is_shared_self(receiver: &Receiver) -> bool {
    let is_self = |of: &Type| matches!(bare(of), Type::Path(path) if path.path.is_ident("Self"));
    shared(&receiver.ty).is_some_and(|reference| is_self(&reference.elem))
}

/// The arguments but `self`.
pub(crate) fn typed(signature: &Signature) -> impl Iterator<Item = &PatType> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}

/// An argument's pattern, if it is a plain name.
pub(crate) fn plain(pattern: &Pat) -> Option<&PatIdent> {
    match pattern {
        Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => Some(plain),
        _ => None,
    }
}

/// All names that a pattern binds.
pub(crate) fn bound(pattern: &Pat) -> Vec<&Ident> {
    struct Bound<'a>(Vec<&'a Ident>);
    impl<'a> Visit<'a> for Bound<'a> {
        fn visit_pat_ident(&mut self, pattern: &'a PatIdent) {
            self.0.push(&pattern.ident);
            visit_pat_ident(self, pattern);
        }
    }
    let mut found = Bound(Vec::new());
    found.visit_pat(pattern);
    found.0
}

/// The constants among its generics.
pub(crate) fn constants(signature: &Signature) -> impl Iterator<Item = &Ident> {
    signature.generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Const(constant) => Some(&constant.ident),
        _ => None,
    })
}

/// Whether a name may be meant by these tokens. It errs on the side of yes: texts count, as they may
/// be formats.
pub(crate) fn mentions(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(word) => word.unraw() == name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(literal) => literal.to_string().contains(name),
        TokenTree::Punct(_) => false,
    })
}

/// Every name in the text must be known.
pub(crate) fn check_names(template: &Template, known: &[String], signature: &Signature, faults: &mut Faults) {
    for name in &template.names {
        if !known.contains(name) {
            let subject = format!("`{{{name}}}` in {:?}", template.literal.value());
            let braced = |name: &str| format!("{{{name}}}");
            faults.add(Error::new(template.literal.span(), unknown(&subject, name, known, braced, signature)));
        }
    }
}

/// The sentence about a name that is none, with the one that was meant, in the form of `shown`.
pub(crate) fn unknown(
    subject: &str,
    name: &str,
    known: &[String],
    shown: impl Fn(&str) -> String,
    signature: &Signature,
) -> String {
    let instead = match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{}`?", shown(meant)),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", listed(&quoted(known.iter().map(|name| shown(name))))),
    };
    format!("{subject} is no argument of `{}`: {instead}", signature.ident)
}

/// A statement that tells an async block what it returns, which `?` and `return` in it must know.
pub(crate) fn returns(signature: &Signature) -> TokenStream {
    struct Unnamed;
    impl VisitMut for Unnamed {
        fn visit_type_mut(&mut self, of: &mut Type) {
            match of {
                // It cannot be named here; the compiler knows it.
                Type::ImplTrait(_) => *of = Type::Infer(TypeInfer { underscore_token: Default::default() }),
                _ => visit_type_mut(self, of),
            }
        }
    }
    let Some(mut output) = output(signature).cloned() else { return TokenStream::new() };
    Unnamed.visit_type_mut(&mut output);
    quote_spanned! {Span::mixed_site()=>
        if let ::core::option::Option::Some(outcome) = ::core::option::Option::None::<#output> {
            return outcome;
        }
    }
}

/// A span whose names are the macro's and whose place is where these tokens begin.
pub(crate) fn placed(tokens: impl ToTokens) -> Span {
    let first = tokens.into_token_stream().into_iter().next();
    first.map_or_else(Span::mixed_site, |first| Span::mixed_site().located_at(first.span()))
}
