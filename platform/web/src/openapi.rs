//! The OpenAPI document: the modules' own descriptions put together, and what is the same for every
//! operation said once, here.
//!
//! **Invariant:** every operation lists every status that it can answer with. [`assemble`] fails on
//! an operation that its module names no problems for, so a new endpoint cannot be forgotten.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, ObjectBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::rule::{Access, Counted};
use crate::{Caching, Fault, Module, ProblemDocument, ProblemKind, Rule, kinds};

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
                describe(operation, &method, own, &rule);
                describe_access(operation, &rule, who_may);
                if let Some((_, caching)) = module.caching.iter().find(|(operation, _)| *operation == id) {
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
    let schemas = ComponentsBuilder::new()
        .security_scheme("bearer", bearer())
        .security_scheme(
            "apiKey",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "X-Api-Key",
                "A key that `POST /api/v2/api-keys` made; it may be used for the actions that it names.",
            ))),
        )
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
fn common(method: &HttpMethod, has_body: bool, rule: &Rule) -> Vec<&'static ProblemKind> {
    let mut kinds = vec![
        &kinds::INVALID_CREDENTIALS,
        &kinds::BLOCKED,
        &kinds::INVALID_QUERY,
        &kinds::INVALID_HEADER,
        &kinds::NOT_ACCEPTABLE,
        &kinds::URI_TOO_LONG,
        &kinds::INTERNAL,
        &kinds::UNAVAILABLE,
        &kinds::TIMEOUT,
    ];
    if has_body {
        kinds.extend([
            &kinds::MALFORMED_JSON,
            &kinds::JSON_TOO_DEEP,
            &kinds::INCOMPLETE_BODY,
            &kinds::BODY_TIMEOUT,
            &kinds::BODY_TOO_LARGE,
            &kinds::UNSUPPORTED_MEDIA_TYPE,
            &kinds::INVALID_BODY,
        ]);
    }
    if rule.counted != Counted::Never {
        kinds.push(&kinds::TOO_MANY_REQUESTS);
    }
    if !rule.is_essential {
        kinds.push(&kinds::OVERLOADED);
    }
    if matches!(rule.access, Access::Needs(_)) {
        kinds.extend([&kinds::NOT_SIGNED_IN, &kinds::FORBIDDEN]);
    }
    if rule.is_in_person {
        kinds.push(&kinds::NEEDS_SESSION);
    }
    if *method != HttpMethod::Get {
        kinds.push(&kinds::FOREIGN_PAGE);
    }
    if *method == HttpMethod::Post {
        kinds.push(&kinds::INVALID_IDEMPOTENCY_KEY);
        if !rule.is_secret {
            kinds.extend([&kinds::IDEMPOTENCY_IN_PROGRESS, &kinds::IDEMPOTENCY_KEY_REUSED]);
        }
    }
    if matches!(method, HttpMethod::Patch | HttpMethod::Delete | HttpMethod::Put) {
        kinds.push(&kinds::PRECONDITION_FAILED);
    }
    kinds
}

/// Adds what every answer has to one operation: problem documents by status, an example for each
/// code, and the header fields.
fn describe(operation: &mut Operation, method: &HttpMethod, own: &[&'static ProblemKind], rule: &Rule) {
    let mut by_status: BTreeMap<u16, Vec<&ProblemKind>> = BTreeMap::new();
    for kind in own.iter().copied().chain(common(method, operation.request_body.is_some(), rule)) {
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
        if status == "201" && *method == HttpMethod::Post {
            response.headers.insert(
                "Location".to_owned(),
                field("Where the new resource is, where it has a place of its own.").into(),
            );
        }
        if *method != HttpMethod::Get && status.starts_with('2') {
            let text = "Where this write stands in the feed of changes: a read that sends it as Entrepot-At-Least is not older, on any instance.";
            response.headers.insert("Entrepot-Position".to_owned(), field(text).into());
        }
    }
    if *method == HttpMethod::Post && !rule.is_secret && !rule.is_lasting {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "A key of your own for this request. Sent again with the same key within 24 hours it does nothing again and gets the first answer, with `Idempotent-Replayed: true` (or 422, if your role or stores have changed since).",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)).pattern(Some("^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$"))))
            .build();
        operation.parameters.get_or_insert_default().push(key.into());
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

/// Says who may call an operation, how it is counted, and that it takes an idempotency key.
fn describe_access(operation: &mut Operation, rule: &Rule, who_may: &dyn Fn(Access) -> Vec<(String, String)>) {
    let extensions = operation.extensions.get_or_insert_default();
    let counted = match rule.counted {
        Counted::As(cost) => serde_json::json!(cost),
        Counted::SignIn => "sign-in".into(),
        Counted::Never => "never".into(),
    };
    extensions.insert("x-entrepot-counted".to_owned(), counted);
    let Access::Needs(action) = rule.access else {
        operation.security = Some(Vec::new());
        return;
    };
    let roles = who_may(rule.access);
    let listed: Vec<String> = roles.iter().map(|(role, scope)| format!("{role} ({scope})")).collect();
    let map: serde_json::Map<String, serde_json::Value> =
        roles.into_iter().map(|(role, scope)| (role, scope.into())).collect();
    extensions.insert("x-entrepot-action".to_owned(), action.into());
    extensions.insert("x-entrepot-roles".to_owned(), map.into());
    let told = format!("Needs a permission for `{action}`: {}.", listed.join(", "));
    operation.description = Some(match operation.description.take() {
        Some(description) if !description.is_empty() => format!("{description}\n\n{told}"),
        _ => told,
    });
    let none: [String; 0] = [];
    let mut ways = vec![SecurityRequirement::new("bearer", none.clone())];
    if !rule.is_in_person {
        ways.push(SecurityRequirement::new("apiKey", none));
    }
    operation.security = Some(ways);
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token that `POST /api/v2/auth/login` gives."));
    SecurityScheme::Http(scheme.build())
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
