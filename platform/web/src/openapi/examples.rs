//! An example of every body and every answer, made from the examples of their members.
//!
//! **Invariant:** an example fits its schema: what has no example of its own gets a value of its type, its format and
//! its list of choices.

use serde_json::{Map, Value, json};
use utoipa::Number;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Components, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Content, Object, OpenApi, Ref, RefOr};

use super::operations;

const PLACE: &str = "#/components/schemas/";
/// Adds an example to every content that has none.
pub(super) fn add(document: &mut OpenApi) {
    let mut components = document.components.take().unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(|content| add_to(content, &mut components, true));
            }
            for answer in operation.responses.responses.values_mut() {
                let RefOr::T(answer) = answer else { continue };
                answer.content.values_mut().for_each(|content| add_to(content, &mut components, false));
            }
        }
    }
    document.components = Some(components);
}

fn add_to(content: &mut RefOr<Content>, components: &mut Components, is_asked: bool) {
    let RefOr::T(content) = content else { return };
    if content.example.is_some() || !content.examples.is_empty() {
        return;
    }
    match &content.schema {
        Some(RefOr::Ref(of)) => {
            let Some(name) = of.ref_location.strip_prefix(PLACE).map(ToOwned::to_owned) else { return };
            let made = Maker { components, is_asked }.of(&RefOr::Ref(of.clone()), &mut Vec::new());
            let example = ExampleBuilder::new().value(Some(made)).build();
            components.examples.entry(name.clone()).or_insert_with(|| example.into());
            let place = RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
            content.examples.insert("example".to_owned(), place);
        }
        Some(schema @ RefOr::T(inline)) if !is_plain_text(inline) => {
            content.example = Some(Maker { components, is_asked }.of(schema, &mut Vec::new()));
        }
        _ => {}
    }
}

/// Texts and files of any content: whoever describes them gives an example, or there is none.
fn is_plain_text(schema: &Schema) -> bool {
    matches!(schema, Schema::Object(object)
        if matches!(object.schema_type, SchemaType::Type(Type::String) | SchemaType::AnyValue) && object.example.is_none())
}

/// Makes examples.
struct Maker<'a> {
    components: &'a Components,
    /// For a body: what is null unless somebody thought of more is left to answers.
    is_asked: bool,
}

impl Maker<'_> {
    /// An example of this. `within`: the schemas that it is a part of; a tree ends where it would begin anew.
    fn of(&self, schema: &RefOr<Schema>, within: &mut Vec<String>) -> Value {
        let schema = match schema {
            RefOr::T(schema) => schema,
            RefOr::Ref(of) => {
                let name = of.ref_location.strip_prefix(PLACE).unwrap_or_default();
                let Some(named) = self.components.schemas.get(name).filter(|_| !within.iter().any(|it| it == name))
                else {
                    return Value::Null;
                };
                within.push(name.to_owned());
                let made = self.of(named, within);
                within.pop();
                return made;
            }
        };
        match schema {
            Schema::Object(object) => self.of_object(object, within),
            Schema::Array(array) => match (&array.example, &array.items) {
                (Some(example), _) => example.clone(),
                (None, ArrayItems::RefOrSchema(items)) => match self.of(items, within) {
                    Value::Null => json!([]),
                    item => json!([item]),
                },
                _ => json!([]),
            },
            Schema::AllOf(of) => of.example.clone().unwrap_or_else(|| self.of_all(&of.items, within)),
            Schema::OneOf(of) => of.example.clone().unwrap_or_else(|| self.of_first(&of.items, within)),
            Schema::AnyOf(of) => of.example.clone().unwrap_or_else(|| self.of_first(&of.items, within)),
            _ => Value::Null,
        }
    }

    fn of_first(&self, items: &[RefOr<Schema>], within: &mut Vec<String>) -> Value {
        items.iter().map(|item| self.of(item, within)).find(|made| !made.is_null()).unwrap_or_default()
    }

    fn of_all(&self, items: &[RefOr<Schema>], within: &mut Vec<String>) -> Value {
        let mut all = Map::new();
        for item in items {
            match self.of(item, within) {
                Value::Object(mut members) => all.append(&mut members),
                // What is said of one that is no object.
                other => return other,
            }
        }
        Value::Object(all)
    }

    fn of_object(&self, object: &Object, within: &mut Vec<String>) -> Value {
        let given = object.example.as_ref().or(object.examples.first()).or(object.default.as_ref());
        if let Some(given) = given.or_else(|| object.enum_values.as_ref().and_then(|words| words.first())) {
            return given.clone();
        }
        let kind = match &object.schema_type {
            SchemaType::Type(kind) => kind,
            SchemaType::Array(kinds) if kinds.contains(&Type::Null) && !self.is_asked => return Value::Null,
            SchemaType::Array(kinds) => kinds.iter().find(|kind| **kind != Type::Null).unwrap_or(&Type::Null),
            SchemaType::AnyValue => return Value::Null,
        };
        match kind {
            Type::Object => {
                let mut made = Map::new();
                for (name, member) in &object.properties {
                    // Of what may be left out there is what somebody thought of an example for.
                    if object.required.contains(name) || is_thought_of(member) {
                        made.insert(name.clone(), self.of(member, within));
                    }
                }
                if let Some(AdditionalProperties::RefOr(value)) = object.additional_properties.as_deref() {
                    made.insert("name".to_owned(), self.of(value, within));
                }
                Value::Object(made)
            }
            Type::String => text(object),
            Type::Integer => json!(object.minimum.as_ref().map_or(1, whole)),
            Type::Number => json!(1.5),
            Type::Boolean => json!(true),
            Type::Array => json!([]),
            Type::Null => Value::Null,
        }
    }
}

/// A limit of whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "limits of the API's own are small")]
fn whole(limit: &Number) -> isize {
    match limit {
        Number::Int(limit) => *limit,
        Number::UInt(limit) => limit.cast_signed(),
        Number::Float(limit) => *limit as isize,
    }
}

fn is_thought_of(member: &RefOr<Schema>) -> bool {
    match member {
        RefOr::T(Schema::Object(object)) => object.example.is_some(),
        RefOr::T(Schema::Array(array)) => array.example.is_some(),
        _ => false,
    }
}

/// Where nobody thought of an example.
const TEXT: &str = "text";

fn text(object: &Object) -> Value {
    let format = match &object.format {
        Some(SchemaFormat::KnownFormat(format)) => json!(format),
        Some(SchemaFormat::Custom(format)) => json!(format),
        None => return TEXT.into(),
    };
    match format.as_str() {
        Some("uuid") => "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
        Some("date-time") => "2024-03-31T12:00:00Z",
        Some("date") => "2024-03-31",
        Some("uri") => "https://shop.example/",
        Some("email") => "mira@shop.example",
        _ => TEXT,
    }
    .into()
}
