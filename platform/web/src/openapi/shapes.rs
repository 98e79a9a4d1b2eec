//! What the schemas of all modules have in common: made alike here, so that no handler has to say it.
//!
//! **Invariants:**
//! - A member of an answer that may be null is always there, and one that may be missing is never null.
//! - A merge patch is a schema of its own: no member is required, and null takes back what need not be there.
//! - An object without named members says what its members are, if only that they may be anything.
//! - A parameter is never null: it is left out.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Components, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, Object, ObjectBuilder, OpenApi, Ref, RefOr};

use super::operations;

const MERGE_PATCH: &str = "application/merge-patch+json";
const PLACE: &str = "#/components/schemas/";

/// Brings all schemas of the document into these forms.
pub(super) fn shape(document: &mut OpenApi) {
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.values_mut().for_each(plain);
    open(document, &mut components);
    patches(document, &mut components);
    let (asked, answered) = used(document, &components);
    for (name, schema) in &mut components.schemas {
        if answered.contains(name) && !asked.contains(name) {
            visit(schema, &mut |object| {
                let nullable = object.properties.iter().filter(|(_, member)| may_be_null(member)).map(|(name, _)| name);
                let missing: Vec<_> = nullable.filter(|name| !object.required.contains(name)).cloned().collect();
                object.required.extend(missing);
            });
        }
    }
    document.components = Some(components);
}

/// A member whose type is described elsewhere comes as "all of" that type and an object with the member's description,
/// which nothing can be: the description goes to the type.
fn plain(schema: &mut RefOr<Schema>) {
    let RefOr::T(inner) = schema else { return };
    if let Schema::AllOf(of) = inner
        && let [of_type, RefOr::T(Schema::Object(said))] = of.items.as_mut_slice()
        && said.properties.is_empty()
        && said.additional_properties.is_none()
    {
        let description = said.description.take();
        let mut of_type = std::mem::replace(of_type, RefOr::Ref(Ref::new("")));
        match &mut of_type {
            RefOr::T(Schema::Object(object)) => object.description = description,
            RefOr::Ref(of) => of.description = description.unwrap_or_default(),
            RefOr::T(_) => {}
        }
        *schema = of_type;
        return;
    }
    parts(inner).into_iter().for_each(plain);
}

/// Objects of which nothing is said may have any members, and parameters are not null.
fn open(document: &mut OpenApi, components: &mut Components) {
    let mut open = |object: &mut Object| {
        let is_object = matches!(&object.schema_type, SchemaType::Type(Type::Object))
            || matches!(&object.schema_type, SchemaType::Array(types) if types.contains(&Type::Object));
        if is_object && object.properties.is_empty() && object.additional_properties.is_none() {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
        }
    };
    for schema in components.schemas.values_mut() {
        visit(schema, &mut open);
    }
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema {
                    not_null(&mut object.schema_type);
                }
            }
            for content in contents(operation) {
                if let Some(schema) = &mut content.schema {
                    visit(schema, &mut open);
                }
            }
        }
    }
}

/// Gives merge patches schemas of their own, and lets them be sent as plain JSON too.
fn patches(document: &mut OpenApi, components: &mut Components) {
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
            let Some(RefOr::T(content)) = body.content.get_mut(MERGE_PATCH) else { continue };
            if let Some(RefOr::Ref(input)) = &mut content.schema
                && let Some(name) = input.ref_location.strip_prefix(PLACE)
            {
                input.ref_location = format!("{PLACE}{}", patch_of(name, components));
            }
            let plain = content.clone();
            body.content.insert("application/json".to_owned(), RefOr::T(plain));
        }
    }
}

/// The name of the schema of the patches of another.
fn patch_of(name: &str, components: &mut Components) -> String {
    let stem = ["Input", "Body", "In", "Patch"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let patch = format!("{stem}Patch");
    if patch != name && components.schemas.contains_key(&patch) {
        return patch;
    }
    let Some(RefOr::T(Schema::Object(input))) = components.schemas.get(name) else { return name.to_owned() };
    let mut made = input.clone();
    let required = made.required.clone();
    if patch != name {
        made.required.clear();
    }
    // An example of nothing is none.
    let has_other = made.properties.iter().any(|(member, schema)| !required.contains(member) && has_example(schema));
    for schema in made.properties.values_mut() {
        let mut values = schema;
        // Of what is a map each value may be patched, too.
        while let RefOr::T(Schema::Object(map)) = values
            && let Some(AdditionalProperties::RefOr(value)) = map.additional_properties.as_deref_mut()
        {
            nullable(value);
            values = value;
        }
    }
    for (member, schema) in &mut made.properties {
        if !required.contains(member) {
            nullable(schema);
        } else if has_other && let RefOr::T(Schema::Object(named)) = schema {
            // What a thing is called by is seldom changed, and not by who tries an example.
            named.example = None;
        }
    }
    if patch != name {
        let told = "As a JSON merge patch (RFC 7396): what is left out stays, null takes a member back to its default.";
        made.description = Some(match made.description.take() {
            Some(text) => format!("{text}\n\n{told}"),
            None => told.to_owned(),
        });
    }
    components.schemas.insert(patch.clone(), RefOr::T(Schema::Object(made)));
    patch
}

fn has_example(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::T(Schema::Object(object)) => object.example.is_some() || object.default.is_some(),
        RefOr::T(Schema::Array(array)) => array.example.is_some(),
        _ => false,
    }
}

/// The contents of an operation's bodies, asked and answered.
fn contents(operation: &mut utoipa::openapi::path::Operation) -> impl Iterator<Item = &mut Content> {
    let asked = operation.request_body.iter_mut().filter_map(|body| match body {
        RefOr::T(body) => Some(body.content.values_mut()),
        RefOr::Ref(_) => None,
    });
    let answered = operation.responses.responses.values_mut().filter_map(|answer| match answer {
        RefOr::T(answer) => Some(answer.content.values_mut()),
        RefOr::Ref(_) => None,
    });
    asked.flatten().chain(answered.flatten()).filter_map(|content| match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    })
}

/// Calls `f` with every object of a schema, from the outside in.
fn visit(schema: &mut RefOr<Schema>, f: &mut impl FnMut(&mut Object)) {
    let RefOr::T(schema) = schema else { return };
    if let Schema::Object(object) = schema {
        f(object);
    }
    for part in parts(schema) {
        visit(part, f);
    }
}

/// The schemas that a schema is made of.
fn parts(schema: &mut Schema) -> Vec<&mut RefOr<Schema>> {
    match schema {
        Schema::Object(object) => {
            let values = match object.additional_properties.as_deref_mut() {
                Some(AdditionalProperties::RefOr(value)) => Some(value),
                _ => None,
            };
            object.properties.values_mut().chain(values).collect()
        }
        Schema::Array(array) => match &mut array.items {
            ArrayItems::RefOrSchema(items) => vec![items],
            _ => Vec::new(),
        },
        Schema::OneOf(of) => of.items.iter_mut().collect(),
        Schema::AllOf(of) => of.items.iter_mut().collect(),
        Schema::AnyOf(of) => of.items.iter_mut().collect(),
        _ => Vec::new(),
    }
}

fn is_null(kind: &SchemaType) -> bool {
    match kind {
        SchemaType::Type(kind) => *kind == Type::Null,
        SchemaType::Array(kinds) => kinds.contains(&Type::Null),
        SchemaType::AnyValue => false,
    }
}

fn may_be_null(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::T(Schema::Object(object)) => is_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => is_null(&array.schema_type),
        RefOr::T(Schema::OneOf(of)) => of.items.iter().any(may_be_null),
        RefOr::T(Schema::AnyOf(of)) => of.items.iter().any(may_be_null),
        _ => false,
    }
}

fn not_null(kind: &mut SchemaType) {
    if let SchemaType::Array(kinds) = kind {
        kinds.retain(|kind| *kind != Type::Null);
        if let [only] = kinds.as_slice() {
            *kind = SchemaType::Type(only.clone());
        }
    }
}

/// Lets a schema take null too.
fn nullable(schema: &mut RefOr<Schema>) {
    if may_be_null(schema) {
        return;
    }
    let with_null = |kind: &mut SchemaType| {
        if let SchemaType::Type(one) = kind {
            *kind = SchemaType::Array(vec![one.clone(), Type::Null]);
        }
    };
    match schema {
        RefOr::T(Schema::Object(object)) if object.enum_values.is_none() => with_null(&mut object.schema_type),
        RefOr::T(Schema::Array(array)) => with_null(&mut array.schema_type),
        other => {
            let null = ObjectBuilder::new().schema_type(Type::Null).build();
            let both = OneOfBuilder::new().item(null).item(std::mem::replace(other, RefOr::Ref(Ref::new(""))));
            *other = RefOr::T(Schema::OneOf(both.build()));
        }
    }
}

/// The schemas that requests are made of, and those that answers are made of.
fn used(document: &OpenApi, components: &Components) -> (BTreeSet<String>, BTreeSet<String>) {
    let named: HashMap<&str, BTreeSet<String>> =
        components.schemas.iter().map(|(name, schema)| (name.as_str(), references(schema))).collect();
    let closed = |first: BTreeSet<String>| {
        let (mut seen, mut todo) = (BTreeSet::new(), Vec::from_iter(first));
        while let Some(name) = todo.pop() {
            todo.extend(named.get(name.as_str()).into_iter().flatten().filter(|next| !seen.contains(*next)).cloned());
            seen.insert(name);
        }
        seen
    };
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    let operations = |item: &PathItem| {
        [&item.get, &item.post, &item.put, &item.patch, &item.delete].into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    for operation in document.paths.paths.values().flat_map(operations) {
        asked.append(&mut references(&operation.request_body));
        asked.append(&mut references(&operation.parameters));
        answered.append(&mut references(&operation.responses));
    }
    (closed(asked), closed(answered))
}

/// The names of the schemas that something refers to.
fn references(part: &impl serde::Serialize) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(PLACE)) {
                    found.insert(name.to_owned());
                }
                members.values().for_each(|member| collect(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::to_value(part) {
        collect(&value, &mut found);
    }
    found
}
