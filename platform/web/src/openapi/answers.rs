//! What any operation answers beside its own: problem documents, header fields, "not modified".
//!
//! **Invariant:** an answer of this kind stands in the document once, under `components`, however many operations
//! give it; its `code` is of the codes that these operations can give there, and no other.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, Components, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::rule::{Access, Counted};
use crate::{Fault, ProblemDocument, ProblemKind, Rule, kinds};

/// The kinds that an operation with a body can answer with.
const OF_BODIES: [&ProblemKind; 8] = [
    &kinds::MALFORMED_JSON,
    &kinds::JSON_TOO_DEEP,
    &kinds::INCOMPLETE_BODY,
    &kinds::BODY_TIMEOUT,
    &kinds::BODY_TOO_LARGE,
    &kinds::UNSUPPORTED_MEDIA_TYPE,
    &kinds::INVALID_BODY,
    &kinds::INEXACT_NUMBER,
];

/// The kinds that every operation can answer with.
const OF_ALL: [&ProblemKind; 9] = [
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

/// The header fields of answers: name, whether it is a number, what it says.
const FIELDS: [(&str, bool, &str); 14] = [
    ("X-Request-Id", false, "The id of this request, on every log line about it."),
    (
        "ETag",
        false,
        "What this answer is, as it is: for `If-None-Match` of a later read, and for `If-Match` of a change.",
    ),
    ("Cache-Status", false, "Whether the answer came from the server's cache (RFC 9211)."),
    ("Accept-Ranges", false, "`bytes`: parts of it may be asked for by `Range`."),
    ("Content-Disposition", false, "That it is a file, and its name."),
    ("Content-Range", false, "Which bytes these are, and of how many."),
    ("Repr-Digest", false, "The SHA-256 of the whole file (RFC 9530)."),
    ("Location", false, "Where the new resource is, where it has a place of its own."),
    (
        "Entrepot-Position",
        false,
        "Where this write stands in the feed of changes, if it changed anything that is in it: a read that sends it as `Entrepot-At-Least` is not older, on any instance.",
    ),
    ("Retry-After", true, "Seconds until a new attempt makes sense."),
    ("RateLimit", false, "What is left of each limit, and the seconds until it is whole again."),
    ("RateLimit-Policy", false, "The limits that the request was counted by: requests, and the seconds they are for."),
    ("Idempotent-Replayed", false, "`true`: the answer to the first request with this `Idempotency-Key`, once more."),
    ("WWW-Authenticate", false, "How to say who you are."),
];

/// The kinds that an operation can answer with, whatever it does.
fn common(method: &HttpMethod, has_body: bool, rule: &Rule) -> Vec<&'static ProblemKind> {
    let mut kinds = OF_ALL.to_vec();
    if has_body {
        kinds.extend(OF_BODIES);
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

/// Adds what every answer has to one operation, and what they share to the components.
pub(super) fn describe(
    operation: &mut Operation,
    method: &HttpMethod,
    own: &[&'static ProblemKind],
    rule: &Rule,
    is_streamed: bool,
    components: &mut Components,
) {
    let mut by_status: BTreeMap<u16, Vec<&'static ProblemKind>> = BTreeMap::new();
    for kind in own.iter().copied().chain(common(method, operation.request_body.is_some(), rule)) {
        let kinds = by_status.entry(kind.status).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let is_read = *method == HttpMethod::Get;
    let has_parts = operation.responses.responses.contains_key("206");
    // What is sent as it is made has no version, unless it says so itself.
    let has_version = is_read && (has_parts || !is_streamed || operation.responses.responses.contains_key("304"));
    let has_key = *method == HttpMethod::Post && !rule.is_secret && !rule.is_lasting;
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut told = vec!["X-Request-Id"];
        if has_version && matches!(status.as_str(), "200" | "206") {
            told.push("ETag");
        }
        if is_read && !is_streamed && status == "200" {
            told.push("Cache-Status");
        }
        if has_parts && matches!(status.as_str(), "200" | "206") {
            told.extend(["Accept-Ranges", "Content-Disposition", "Repr-Digest"]);
        }
        if status == "206" {
            told.push("Content-Range");
        }
        if is_streamed && response.content.contains_key("text/csv") && !told.contains(&"Content-Disposition") {
            told.push("Content-Disposition");
        }
        if !is_read && status.starts_with('2') {
            told.push("Entrepot-Position");
        }
        if status == "201" || (status == "202" && *method == HttpMethod::Post) {
            told.push("Location");
        }
        if has_key && status.starts_with('2') {
            told.push("Idempotent-Replayed");
        }
        if rule.counted != Counted::Never && status.starts_with('2') {
            told.extend(["RateLimit", "RateLimit-Policy"]);
        }
        for name in told {
            response.headers.insert(name.to_owned(), field(name));
        }
    }
    for (status, mut kinds) in by_status {
        kinds.sort_by_key(|kind| kind.code);
        let (name, problems) = (name_of(status, &kinds), problems(&kinds));
        for kind in kinds {
            components.examples.entry(kind.code.to_owned()).or_insert_with(|| example(kind).into());
        }
        // Where the operation answers with this status itself, a problem is the other thing that it may be.
        if let Some(RefOr::T(own)) = operation.responses.responses.get_mut(&status.to_string()) {
            own.content.extend(problems.content);
            continue;
        }
        components.responses.entry(name.clone()).or_insert_with(|| problems.into());
        operation.responses.responses.insert(status.to_string(), RefOr::Ref(Ref::from_response_name(name)));
    }
    let mut shared = Vec::new();
    if is_read {
        shared.push("Entrepot-At-Least");
    }
    if has_version {
        shared.push("If-None-Match");
        let not_modified = RefOr::Ref(Ref::from_response_name("NotModified"));
        operation.responses.responses.insert("304".to_owned(), not_modified);
    }
    if has_key {
        shared.push("Idempotency-Key");
    }
    for name in shared {
        let parameter = Ref::new(format!("#/components/parameters/{name}"));
        operation.parameters.get_or_insert_default().push(RefOr::Ref(parameter));
    }
}

/// Adds the version to the answers of writes: where a resource takes `If-Match`, whoever has just written it knows its
/// ETag from the answer.
pub(super) fn versions(document: &mut OpenApi) {
    let paths = &mut document.paths.paths;
    let takes_if_match = |operation: &Operation| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .filter_map(|parameter| if let RefOr::T(it) = parameter { Some(it) } else { None })
            .any(|it| it.name == "If-Match")
    };
    let versioned: Vec<String> = paths
        .iter()
        .filter(|(_, item)| item.patch.as_ref().is_some_and(takes_if_match))
        .map(|(path, _)| path.clone())
        .collect();
    for path in versioned {
        let collection = path.rsplit_once('/').map_or("", |(before, _)| before).to_owned();
        let own = paths.get_mut(&path).into_iter().flat_map(|item| [item.put.as_mut(), item.patch.as_mut()]);
        let mut writes: Vec<&mut Operation> = own.flatten().collect();
        for operation in &mut writes {
            name_version(operation);
        }
        // What is answered with a secret is not what is read later.
        let is_secret = |operation: &Operation| !operation.parameters.iter().flatten().any(is_key);
        let makes = paths.get_mut(&collection).and_then(|item| item.post.as_mut());
        if let Some(operation) = makes.filter(|operation| !is_secret(operation)) {
            name_version(operation);
        }
    }
}

/// Whether it is that of a request that may be sent again.
fn is_key(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::Ref(at) if at.ref_location.ends_with("/Idempotency-Key"))
}

fn name_version(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && matches!(status.as_str(), "200" | "201")
        {
            answer.headers.insert("ETag".to_owned(), field("ETag"));
        }
    }
}

/// What all operations refer to, whatever they are.
pub(super) fn shared(components: &mut Components) {
    for (name, is_number, text) in FIELDS {
        let schema = ObjectBuilder::new().schema_type(if is_number { Type::Integer } else { Type::String });
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build();
        components.headers.insert(name.to_owned(), header.into());
    }
    for parameter in parameters() {
        components.parameters.insert(parameter.name.clone(), parameter.into());
    }
    let text = "`If-None-Match` names what you would get: you have it already.";
    let mut not_modified = ResponseBuilder::new().description(text).build();
    for name in ["ETag", "X-Request-Id"] {
        not_modified.headers.insert(name.to_owned(), field(name));
    }
    components.responses.insert("NotModified".to_owned(), not_modified.into());
    let mut codes: Vec<String> = components.examples.keys().cloned().collect();
    codes.extend(kinds::ALL.iter().map(|kind| kind.code.to_owned()));
    codes.sort();
    codes.dedup();
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The stable code of a kind of problem. There may be more of them in a later version."))
        .enum_values(Some(codes))
        .build();
    components.schemas.insert("ProblemCode".to_owned(), code.into());
    let mut document = ProblemDocument::schema();
    if let RefOr::T(Schema::Object(document)) = &mut document {
        document.properties.insert("code".to_owned(), RefOr::Ref(Ref::from_schema_name("ProblemCode")));
    }
    components.schemas.insert(ProblemDocument::name().into_owned(), document);
    components.schemas.insert(Fault::name().into_owned(), Fault::schema());
}

/// The header fields that a request may have.
fn parameters() -> [Parameter; 3] {
    let named = |name: &str, text: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .description(Some(text))
            .schema(Some(schema))
            .build()
    };
    let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    [
        named(
            "Entrepot-At-Least",
            "A position that a write answered (`Entrepot-Position`): the answer is not older than that write.",
            text().pattern(Some("^[1-9][0-9]{0,18}$")),
        ),
        named("If-None-Match", "ETags of answers that you have: 304 where it would be one of them.", text()),
        named(
            "Idempotency-Key",
            "A key of your own for this request. Sent again with the same key within 24 hours it does nothing again and gets the first answer, with `Idempotent-Replayed: true` (or 422, if your role or stores have changed since).",
            text()
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$")),
        ),
    ]
}

/// A header field of an answer.
fn field<T>(name: &str) -> RefOr<T> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// Where problems of these kinds stand among the components: `Error404CatalogProductNotFound`. What every operation can
/// answer is not named, and what every operation with a body can is `Body`.
fn name_of(status: u16, kinds: &[&ProblemKind]) -> String {
    let mut name = format!("Error{status}");
    if kinds.iter().any(|kind| OF_BODIES.contains(kind)) {
        name.push_str("Body");
    }
    for kind in kinds.iter().filter(|kind| !OF_ALL.contains(kind) && !OF_BODIES.contains(kind)) {
        // What is of no domain is named without one.
        let word = kind.code.strip_prefix("web.").unwrap_or(kind.code);
        for part in word.split(['.', '_']) {
            let mut letters = part.chars();
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
    }
    name
}

/// The header fields of an answer with one of these problems.
fn fields_of(kinds: &[&ProblemKind]) -> Vec<&'static str> {
    let mut fields = vec!["X-Request-Id"];
    if kinds.iter().any(|kind| kind.status == 416) {
        fields.push("Content-Range");
    }
    let may_pass = |kind: &ProblemKind| matches!(kind.status, 429 | 503) || kind.code.ends_with("not_ready");
    if kinds.iter().any(|kind| may_pass(kind)) {
        fields.push("Retry-After");
    }
    if kinds.iter().any(|kind| kind.status == 401) {
        fields.push("WWW-Authenticate");
    }
    if kinds.iter().any(|kind| kind.status == 429) {
        fields.extend(["RateLimit", "RateLimit-Policy"]);
    }
    fields
}

/// The answer with one of these problems.
fn problems(kinds: &[&ProblemKind]) -> Response {
    let description =
        kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.meaning)).collect::<Vec<_>>().join("\n\n");
    let codes: Vec<&str> = kinds.iter().map(|kind| kind.code).collect();
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name(ProblemDocument::name()))
        .item(ObjectBuilder::new().property("code", code).required("code"))
        .build();
    let examples = kinds.iter().map(|kind| {
        let example = Ref::new(format!("#/components/examples/{}", kind.code));
        (kind.code, RefOr::Ref(example))
    });
    let content = ContentBuilder::new().schema(Some(Schema::from(schema))).examples_from_iter(examples).build();
    let mut response =
        ResponseBuilder::new().description(description).content("application/problem+json", content).build();
    for name in fields_of(kinds) {
        response.headers.insert(name.to_owned(), field(name));
    }
    response
}

fn example(kind: &ProblemKind) -> utoipa::openapi::example::Example {
    let value = serde_json::json!({
        "type": format!("/problems/{}", kind.code),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "instance": "/api/v2/…",
        "code": kind.code,
        "requestId": "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
    });
    ExampleBuilder::new().value(Some(value)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_named_by_what_not_every_operation_answers() {
        assert_eq!(name_of(500, &[&kinds::INTERNAL]), "Error500");
        assert_eq!(name_of(400, &[&kinds::INVALID_QUERY, &kinds::MALFORMED_JSON]), "Error400Body");
        assert_eq!(name_of(403, &[&kinds::BLOCKED, &kinds::FOREIGN_PAGE]), "Error403ForeignPage");
    }
}
