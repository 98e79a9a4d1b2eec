//! The OpenAPI document: the modules' own descriptions put together, and what is the same for every
//! operation said once, here.
//!
//! **Invariant:** every operation lists every status that it can answer with. [`assemble`] fails on
//! an operation that its module names no problems for, so a new endpoint cannot be forgotten.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ComponentsBuilder, ObjectBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::{Caching, Fault, Module, ProblemDocument, ProblemKind, kinds};

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
    /// The module does not declare how a GET may be cached.
    #[error("the module {module} does not declare how {operation} may be cached")]
    NoCaching {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
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

/// Puts the modules' descriptions into `document`.
///
/// # Errors
/// See [`AssembleError`].
pub fn assemble(mut document: OpenApi, modules: &[Module]) -> Result<OpenApi, AssembleError> {
    let mut seen = Vec::new();
    for module in modules {
        let mut part = module.openapi.clone();
        for (path, item) in &mut part.paths.paths {
            for (method, operation) in operations(item) {
                let id = operation.operation_id.clone().ok_or_else(|| AssembleError::NoOperationId(path.clone()))?;
                let Some((_, own)) = module.problems.iter().find(|(operation, _)| *operation == id) else {
                    return Err(AssembleError::NoProblems { module: module.name, operation: id });
                };
                describe(operation, &method, own);
                if let Some((_, caching)) = module.caching.iter().find(|(operation, _)| *operation == id) {
                    let told = match caching {
                        Caching::As(kind) => (*kind).to_owned(),
                        Caching::Never(why) => format!("never: {why}"),
                    };
                    let extension = ExtensionsBuilder::new().add("x-entrepot-caching", told).build();
                    operation.extensions = Some(extension);
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
        document.merge(part);
    }
    let schemas = ComponentsBuilder::new()
        .schema(ProblemDocument::name(), ProblemDocument::schema())
        .schema(Fault::name(), Fault::schema())
        .build();
    let mut extra = OpenApi::default();
    extra.components = Some(schemas);
    document.merge(extra);
    Ok(document)
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

/// The kinds that an operation can answer with, whatever it does.
fn common(method: &HttpMethod, has_body: bool) -> Vec<&'static ProblemKind> {
    let mut kinds = vec![
        &kinds::INVALID_QUERY,
        &kinds::INVALID_HEADER,
        &kinds::NOT_ACCEPTABLE,
        &kinds::INTERNAL,
        &kinds::UNAVAILABLE,
        &kinds::TIMEOUT,
    ];
    if has_body {
        kinds.extend([
            &kinds::MALFORMED_JSON,
            &kinds::JSON_TOO_DEEP,
            &kinds::INCOMPLETE_BODY,
            &kinds::BODY_TOO_LARGE,
            &kinds::UNSUPPORTED_MEDIA_TYPE,
            &kinds::INVALID_BODY,
        ]);
    }
    if matches!(method, HttpMethod::Patch | HttpMethod::Delete | HttpMethod::Put) {
        kinds.push(&kinds::PRECONDITION_FAILED);
    }
    kinds
}

/// Adds what every answer has to one operation: problem documents by status, an example for each
/// code, and the header fields.
fn describe(operation: &mut Operation, method: &HttpMethod, own: &[&'static ProblemKind]) {
    let mut by_status: BTreeMap<u16, Vec<&ProblemKind>> = BTreeMap::new();
    for kind in own.iter().copied().chain(common(method, operation.request_body.is_some())) {
        let kinds = by_status.entry(kind.status).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for (status, kinds) in by_status {
        let description =
            kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.meaning)).collect::<Vec<_>>().join("\n\n");
        let examples = kinds.iter().map(|kind| {
            let example = serde_json::json!({
                "type": format!("/problems/{}", kind.code),
                "title": kind.title,
                "status": kind.status,
                "detail": kind.meaning,
                "instance": "/api/v2/…",
                "code": kind.code,
                "requestId": "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
            });
            (kind.code, RefOr::T(utoipa::openapi::example::ExampleBuilder::new().value(Some(example)).build()))
        });
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(ProblemDocument::name())))
            .examples_from_iter(examples)
            .build();
        let mut response = ResponseBuilder::new().description(description).content("application/problem+json", content);
        if kinds.iter().any(|kind| matches!(kind.status, 429 | 503)) {
            let field = HeaderBuilder::new().description(Some("Seconds until a new attempt makes sense.")).build();
            response = response.header("Retry-After", field);
        }
        operation.responses.responses.insert(status.to_string(), response.into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let field = |text: &str| HeaderBuilder::new().description(Some(text)).build();
        response
            .headers
            .insert("X-Request-Id".to_owned(), field("The id of this request, on every log line about it.").into());
        if *method == HttpMethod::Get && status == "200" {
            let fields = &mut response.headers;
            fields.insert("ETag".to_owned(), field("For If-None-Match, and for If-Match of a change.").into());
            let text = "Whether the answer came from the server's cache (RFC 9211).";
            fields.insert("Cache-Status".to_owned(), field(text).into());
        }
        if *method != HttpMethod::Get && status.starts_with('2') {
            let text = "Where this write stands in the feed of changes: a read that sends it as Entrepot-At-Least is not older, on any instance.";
            response.headers.insert("Entrepot-Position".to_owned(), field(text).into());
        }
    }
    if *method == HttpMethod::Get {
        let position = ParameterBuilder::new()
            .name("Entrepot-At-Least")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "A position that a write answered (Entrepot-Position): the answer is not older than that write.",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))))
            .build();
        operation.parameters.get_or_insert_default().push(position.into());
        let unchanged =
            ResponseBuilder::new().description("`If-None-Match` names what you would get: you have it already.");
        operation.responses.responses.insert("304".to_owned(), unchanged.build().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
