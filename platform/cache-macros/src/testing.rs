//! What the tests of the attributes share. A fault is told as the piece of the source that it stands
//! at and its sentence; one that stands at the attribute as a whole has no piece.

use proc_macro2::TokenStream;
use syn::Result;

pub(crate) fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap()
}

/// What an attribute says about a function.
pub(crate) fn faults(
    expand: fn(TokenStream, &TokenStream) -> Result<TokenStream>,
    arguments: &str,
    function: &str,
) -> Vec<(String, String)> {
    match expand(tokens(arguments), &tokens(function)) {
        Ok(expansion) => panic!("it is accepted: #[…({arguments})] {function}\nas {expansion}"),
        Err(error) => {
            let told = error.into_iter();
            told.map(|fault| (fault.span().source_text().unwrap_or_default(), fault.to_string())).collect()
        }
    }
}
