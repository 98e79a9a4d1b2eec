//! The OpenAPI document: the modules' own descriptions put together, and what is the same for every
//! operation said once, here.
//!
//! **Invariant:** every operation lists every status that it can answer with. [`assemble`] fails on
//! an operation that its module names no problems for, so a new endpoint cannot be forgotten.

mod access;
mod answers;
mod choices;
mod examples;
mod shapes;

pub use choices::{File, Upload, one_of};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::schema::Components;

use crate::rule::Access;
use crate::{Caching, Module};

/// Why the document cannot be put together; each is a defect of a module.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Two modules, or one, use an operation id twice.
    #[error("the operation id {0} is used twice")]
    TwiceUsed(String),
    /// An operation has no id.
    #[error("{0} has no operation id")]
    NoOperationId(String),
    /// The module lists no problems for an operation.
    #[error("the module {module} lists no problems for the operation {operation}")]
    NoProblems {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
    },
    /// The module has no rule for an operation.
    #[error("the module {module} has no rule for {operation}: say who may call it")]
    NoRule {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
    },
    /// The module does not declare how a GET may be cached.
    #[error("the module {module} does not declare how {operation} may be cached")]
    NoCaching {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
    },
    /// Two modules name different schemas alike: of the two one would stand for both.
    #[error("the module {module} has a schema {schema}, which another module has otherwise")]
    TwoSchemas {
        /// The module.
        module: &'static str,
        /// The schema.
        schema: String,
    },
    /// The module lists problems for an operation that there is not.
    #[error("the module {module} lists problems for {operation}, which is no operation of it")]
    NoOperation {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: &'static str,
    },
}

/// Puts the modules' descriptions into `document`. `who_may` tells roles and scopes of a permission.
///
/// # Errors
/// See [`AssembleError`].
pub fn assemble(
    mut document: OpenApi,
    modules: &[Module],
    who_may: &dyn Fn(Access) -> Vec<(String, String)>,
) -> Result<OpenApi, AssembleError> {
    let mut seen = Vec::new();
    let mut shared = Components::default();
    for module in modules {
        let mut part = module.openapi.clone();
        for (path, item) in &mut part.paths.paths {
            for (method, operation) in operations(item) {
                let id = operation.operation_id.clone().ok_or_else(|| AssembleError::NoOperationId(path.clone()))?;
                let Some((_, own)) = module.problems.iter().find(|(operation, _)| *operation == id) else {
                    return Err(AssembleError::NoProblems { module: module.name, operation: id });
                };
                let rule = module.rules.iter().find(|(operation, _)| *operation == id).map(|(_, rule)| *rule);
                let rule = rule.ok_or_else(|| AssembleError::NoRule { module: module.name, operation: id.clone() })?;
                title(operation);
                let caching = module.caching.iter().find(|(operation, _)| *operation == id);
                let is_streamed = matches!(caching, Some((_, Caching::Streamed(_))));
                answers::describe(operation, &method, own, &rule, is_streamed, &mut shared);
                access::describe(operation, &method, &rule, who_may);
                if let Some((_, caching)) = caching {
                    let told = match caching {
                        Caching::As(kind) => (*kind).to_owned(),
                        Caching::Never(why) | Caching::Streamed(why) => format!("never: {why}"),
                    };
                    operation.extensions.get_or_insert_default().insert("x-entrepot-caching".to_owned(), told.into());
                } else if method == HttpMethod::Get {
                    return Err(AssembleError::NoCaching { module: module.name, operation: id });
                }
                if seen.contains(&id) {
                    return Err(AssembleError::TwiceUsed(id));
                }
                seen.push(id);
            }
        }
        for (operation, _) in module.problems {
            if !seen.iter().any(|id| id == operation) {
                return Err(AssembleError::NoOperation { module: module.name, operation });
            }
        }
        let known = document.components.as_ref().map(|components| &components.schemas);
        for (name, schema) in part.components.iter().flat_map(|components| &components.schemas) {
            if known.and_then(|known| known.get(name)).is_some_and(|other| other != schema) {
                return Err(AssembleError::TwoSchemas { module: module.name, schema: name.clone() });
            }
        }
        document.merge(part);
    }
    answers::shared(&mut shared);
    for (name, scheme) in access::schemes() {
        shared.add_security_scheme(name, scheme);
    }
    let components = document.components.get_or_insert_default();
    components.schemas.append(&mut shared.schemas);
    components.responses.append(&mut shared.responses);
    components.parameters.append(&mut shared.parameters);
    components.examples.append(&mut shared.examples);
    components.headers.append(&mut shared.headers);
    components.security_schemes.append(&mut shared.security_schemes);
    answers::versions(&mut document);
    shapes::shape(&mut document);
    examples::add(&mut document);
    Ok(document)
}

/// What a title has at the most: a line of a list.
const LONGEST_TITLE: usize = 90;

/// Makes an operation's first sentence its title, in one line; the others go to its description. Of one that is too long
/// for a title the beginning is, and all of it is the description.
fn title(operation: &mut Operation) {
    let Some(summary) = operation.summary.take() else { return };
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut title, mut rest) = cut(&summary, &['.']);
    if title.len() > LONGEST_TITLE {
        (title, rest) = (cut(title, &[':', ';', ',']).0, &summary);
    }
    operation.summary = Some(title.trim_end_matches('.').to_owned());
    if !rest.is_empty() {
        let more = operation.description.take().filter(|more| !more.is_empty());
        operation.description =
            Some([Some(rest.to_owned()), more].into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    }
}

/// A text up to the first of these marks that has a space behind it, and what is behind that. In parentheses and in code
/// a mark ends nothing.
fn cut<'t>(text: &'t str, marks: &[char]) -> (&'t str, &'t str) {
    let (mut depth, mut is_code) = (0_i32, false);
    for (at, char) in text.char_indices() {
        match char {
            '(' if !is_code => depth += 1,
            ')' if !is_code => depth -= 1,
            '`' => is_code = !is_code,
            mark if marks.contains(&mark) && depth == 0 && !is_code && text[at + 1..].starts_with(' ') => {
                return (&text[..at], &text[at + 2..]);
            }
            _ => {}
        }
    }
    (text, "")
}

/// The operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, item.get.as_mut()),
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Patch, item.patch.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn a_title_is_a_sentence_and_no_longer_than_a_line() {
        let told = |text: &str| {
            let mut operation = Operation::new();
            operation.summary = Some(text.to_owned());
            title(&mut operation);
            (operation.summary.unwrap_or_default(), operation.description.unwrap_or_default())
        };
        let of = |title: &str, more: &str| (title.to_owned(), more.to_owned());
        assert_eq!(told("One product, by its id."), of("One product, by its id", ""));
        assert_eq!(told("Ends it\n(e.g. by `a. b`). It is\ngone."), of("Ends it (e.g. by `a. b`)", "It is gone."));
        let long = format!("Searches products: ranked by {}. More.", "how well they match, ".repeat(5));
        assert_eq!(told(&long), of("Searches products", &long));
    }

    #[test]
    fn the_common_codes_are_unique_and_dotted() {
        let mut codes: Vec<_> = kinds::ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(codes.iter().all(|code| code.starts_with("web.")));
    }
}
