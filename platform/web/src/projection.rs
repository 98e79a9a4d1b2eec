//! Projection: `fields=` keeps members of an answer, `exclude=` drops some.
//!
//! It is applied while the value is written, by a serializer that passes everything on and skips
//! the members that are not wanted, so nothing is built only to be thrown away. What a list does
//! not need at all its store does not even read: see [`Projection::wants`].
//!
//! **Invariant:** only names that the endpoint knows are accepted; its [`FieldNames`] are compared
//! with the OpenAPI schema by a test of each domain.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{self, Serializer};

use crate::Query;

/// The members that an endpoint's resource has: dotted paths such as `category.name`, sorted as the
/// resource has them. A path that ends in `.*` is a free object whose members are not known.
#[derive(Clone, Copy, Debug)]
pub struct FieldNames(pub &'static [&'static str]);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    children: BTreeMap<String, Node>,
    /// The path was named itself, with all below it.
    whole: bool,
}

/// Which members of a resource an answer has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    keep: Option<Node>,
    drop: Option<Node>,
}

impl FieldNames {
    /// Whether `path` is one of the names, leads to one, or lies in a free object.
    fn knows(self, path: &str) -> bool {
        self.0.iter().any(|known| match known.strip_suffix(".*") {
            Some(open) => path == open || path.strip_prefix(open).is_some_and(|rest| rest.starts_with('.')),
            None => *known == path || known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')),
        })
    }

    fn listed(self) -> String {
        self.0.join(", ")
    }
}

impl Projection {
    /// Reads `fields` and `exclude` out of a query; faults are noted there.
    pub fn from_query(query: &mut Query, names: FieldNames) -> Self {
        let mut read = |parameter: &'static str| {
            let text = query.list(parameter)?;
            let mut root = Node::default();
            for path in text.split(',').map(str::trim).filter(|path| !path.is_empty()) {
                let path = camel_case(path);
                if names.knows(&path) {
                    root.insert(&path);
                } else {
                    query.fault(
                        parameter,
                        "unknown_field",
                        format!("{path:?} is not a field; there are {}", names.listed()),
                    );
                }
            }
            Some(root)
        };
        Self { keep: read("fields"), drop: read("exclude") }
    }

    /// Whether everything is kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.keep.is_none() && self.drop.is_none()
    }

    /// Whether any of a member is in the answer: what is not wanted need not be read.
    #[must_use]
    pub fn wants(&self, path: &str) -> bool {
        let kept = self.keep.as_ref().is_none_or(|keep| keep.touches(path));
        let dropped = self.drop.as_ref().is_some_and(|drop| drop.covers(path));
        kept && !dropped
    }

    /// The names that are kept, for `meta.fields`.
    #[must_use]
    pub fn kept(&self, names: FieldNames) -> Vec<&'static str> {
        names.0.iter().map(|name| name.strip_suffix(".*").unwrap_or(name)).filter(|name| self.wants(name)).collect()
    }
}

impl Node {
    fn insert(&mut self, path: &str) {
        let mut node = self;
        for part in path.split('.') {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.whole = true;
    }

    /// Whether something at, above or below `path` was named.
    fn touches(&self, path: &str) -> bool {
        let mut node = self;
        for part in path.split('.') {
            match node.children.get(part) {
                None => return false,
                Some(child) if child.whole => return true,
                Some(child) => node = child,
            }
        }
        true
    }

    /// Whether all of `path` was named.
    fn covers(&self, path: &str) -> bool {
        let mut node = self;
        for part in path.split('.') {
            match node.children.get(part) {
                None => return false,
                Some(child) if child.whole => return true,
                Some(child) => node = child,
            }
        }
        false
    }
}

/// `created_at` as `createdAt`; what is camel case already stays.
fn camel_case(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut raise = false;
    for char in path.chars() {
        match char {
            '_' if !name.is_empty() && !name.ends_with('.') => raise = true,
            _ if raise => {
                name.extend(char.to_uppercase());
                raise = false;
            }
            _ => name.push(char),
        }
    }
    name
}

/// What becomes of the members at one level.
#[derive(Clone, Copy)]
enum Rule<'a> {
    All,
    Only(&'a Node),
    Except(&'a Node),
}

impl<'a> Rule<'a> {
    /// The rule below a member, or `None` when the member is left out.
    fn below(self, name: &str) -> Option<Rule<'a>> {
        match self {
            Self::All => Some(Self::All),
            Self::Only(node) => {
                node.children.get(name).map(|child| if child.whole { Self::All } else { Self::Only(child) })
            }
            Self::Except(node) => match node.children.get(name) {
                None => Some(Self::All),
                Some(child) if child.whole => None,
                Some(child) => Some(Self::Except(child)),
            },
        }
    }
}

/// A value together with what of it is to be written.
pub struct Projected<'a, T: ?Sized> {
    value: &'a T,
    projection: &'a Projection,
}

impl<'a, T: Serialize + ?Sized> Projected<'a, T> {
    /// `value`, to be written as `projection` says.
    pub fn new(value: &'a T, projection: &'a Projection) -> Self {
        Self { value, projection }
    }
}

impl<T: Serialize + ?Sized> Serialize for Projected<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.projection.keep, &self.projection.drop) {
            (None, None) => self.value.serialize(serializer),
            (Some(keep), None) => Ruled(self.value, Rule::Only(keep)).serialize(serializer),
            (None, Some(drop)) => Ruled(self.value, Rule::Except(drop)).serialize(serializer),
            (Some(keep), Some(drop)) => {
                Ruled(&Ruled(self.value, Rule::Only(keep)), Rule::Except(drop)).serialize(serializer)
            }
        }
    }
}

/// A value under a rule.
struct Ruled<'a, T: ?Sized>(&'a T, Rule<'a>);

impl<T: Serialize + ?Sized> Serialize for Ruled<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            Rule::All => self.0.serialize(serializer),
            rule => self.0.serialize(Sieve { inner: serializer, rule }),
        }
    }
}

/// A serializer that lets through what its rule lets through.
struct Sieve<'a, S> {
    inner: S,
    rule: Rule<'a>,
}

/// The same for something with members or elements.
struct Open<'a, C> {
    inner: C,
    rule: Rule<'a>,
    /// The rule for the value of the key that was just written; `None`: its value is skipped.
    pending: Option<Rule<'a>>,
}

/// How serde_json hands over JSON text that is to be written as it is.
const RAW_JSON: &str = "$serde_json::private::RawValue";

macro_rules! pass_on {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> { self.inner.$method(value) })*
    };
}

impl<'a, S: Serializer> Serializer for Sieve<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Open<'a, S::SerializeSeq>;
    type SerializeTuple = Open<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Open<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Open<'a, S::SerializeTupleVariant>;
    type SerializeMap = Open<'a, S::SerializeMap>;
    type SerializeStruct = OpenStruct<'a, S>;
    type SerializeStructVariant = Open<'a, S::SerializeStructVariant>;

    pass_on! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_f32(f32),
        serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str),
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Ruled(value, self.rule))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Ruled(value, self.rule))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, &Ruled(value, self.rule))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Open { inner: self.inner.serialize_seq(length)?, rule: self.rule, pending: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Open { inner: self.inner.serialize_tuple(length)?, rule: self.rule, pending: None })
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Open { inner: self.inner.serialize_tuple_struct(name, length)?, rule: self.rule, pending: None })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, length)?;
        Ok(Open { inner, rule: self.rule, pending: None })
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Open { inner: self.inner.serialize_map(None)?, rule: self.rule, pending: None })
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        if name == RAW_JSON {
            return Ok(OpenStruct::Raw { inner: self.inner, rule: self.rule, text: None });
        }
        Ok(OpenStruct::Members { inner: self.inner.serialize_struct(name, length)?, rule: self.rule })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, length)?;
        Ok(Open { inner, rule: self.rule, pending: None })
    }
}

/// Elements of a list share their list's rule: paths reach into lists.
macro_rules! elements {
    ($($trait:ident::$method:ident),*) => {
        $(impl<C: ser::$trait> ser::$trait for Open<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.inner.$method(&Ruled(value, self.rule))
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}

elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl<C: ser::SerializeStructVariant> ser::SerializeStructVariant for Open<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
        match self.rule.below(key) {
            Some(rule) => self.inner.serialize_field(key, &Ruled(value, rule)),
            None => self.inner.skip_field(key),
        }
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeMap> ser::SerializeMap for Open<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        // Keys of JSON objects are texts; what writes as something else cannot be named by a path.
        let name = serde_json::to_value(key).ok();
        let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        self.pending = self.rule.below(name);
        if self.pending.is_some() { self.inner.serialize_key(key) } else { Ok(()) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        match self.pending.take() {
            Some(rule) => self.inner.serialize_value(&Ruled(value, rule)),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// A struct's members, or JSON text that must be taken apart first.
enum OpenStruct<'a, S: Serializer> {
    Members { inner: S::SerializeStruct, rule: Rule<'a> },
    Raw { inner: S, rule: Rule<'a>, text: Option<serde_json::Value> },
}

impl<S: Serializer> ser::SerializeStruct for OpenStruct<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        match self {
            Self::Members { inner, rule } => match rule.below(key) {
                Some(rule) => inner.serialize_field(key, &Ruled(value, rule)),
                None => inner.skip_field(key),
            },
            Self::Raw { text, .. } => {
                let raw = serde_json::to_value(value).map_err(ser::Error::custom)?;
                let raw = raw.as_str().ok_or_else(|| ser::Error::custom("raw JSON is text"))?;
                *text = Some(serde_json::from_str(raw).map_err(ser::Error::custom)?);
                Ok(())
            }
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Self::Members { inner, .. } => inner.end(),
            Self::Raw { inner, rule, text } => Ruled(&text.unwrap_or_default(), rule).serialize(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, value::RawValue};

    const NAMES: FieldNames = FieldNames(&[
        "id",
        "title",
        "category.id",
        "category.name",
        "images.url",
        "images.alt",
        "specifications.*",
        "createdAt",
    ]);

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Thing {
        id: u32,
        title: &'static str,
        category: Option<serde_json::Value>,
        images: Vec<serde_json::Value>,
        specifications: Box<RawValue>,
        created_at: &'static str,
    }

    fn thing() -> Thing {
        Thing {
            id: 7,
            title: "Tea",
            category: Some(json!({"id": 1, "name": "Drinks"})),
            images: vec![json!({"url": "a", "alt": "b"}), json!({"url": "c", "alt": "d"})],
            specifications: RawValue::from_string(r#"{"weight": {"net": 100, "unit": "g"}, "leaf": true}"#.to_owned())
                .expect("JSON"),
            created_at: "now",
        }
    }

    fn check(query: &str, wanted: &serde_json::Value) {
        let mut query_read = Query::parse(query).expect("well-formed");
        let projection = Projection::from_query(&mut query_read, NAMES);
        query_read.finish().unwrap_or_else(|problem| panic!("{query}: {:?}", problem.faults()));
        let written = serde_json::to_string(&Projected::new(&thing(), &projection)).expect("JSON");
        let value: serde_json::Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(&value, wanted, "{query}");
    }

    #[test]
    fn members_are_kept_and_dropped_at_every_depth() {
        check("fields=id,title", &json!({"id": 7, "title": "Tea"}));
        check("fields=id,created_at", &json!({"id": 7, "createdAt": "now"}));
        check("fields=category.name", &json!({"category": {"name": "Drinks"}}));
        check("fields=category.name,category", &json!({"category": {"id": 1, "name": "Drinks"}}));
        check("fields=images.url", &json!({"images": [{"url": "a"}, {"url": "c"}]}));
        check("fields=specifications.weight.unit", &json!({"specifications": {"weight": {"unit": "g"}}}));
        check("fields=specifications", &json!({"specifications": {"weight": {"net": 100, "unit": "g"}, "leaf": true}}));
        check("fields=id,category&exclude=category.id", &json!({"id": 7, "category": {"name": "Drinks"}}));
        check(
            "exclude=createdAt,images,specifications.weight,category.id",
            &json!({"id": 7, "title": "Tea", "category": {"name": "Drinks"}, "specifications": {"leaf": true}}),
        );
    }

    #[test]
    fn an_unknown_field_is_told_with_those_that_there_are() {
        let mut query = Query::parse("fields=id,colour&exclude=category.slug").expect("well-formed");
        Projection::from_query(&mut query, NAMES);
        let problem = query.finish().expect_err("two faults");
        assert_eq!(problem.faults().len(), 2);
        assert!(problem.faults()[0].detail.starts_with("\"colour\" is not a field; there are id, title, category.id"));
    }

    #[test]
    fn what_is_not_wanted_is_known_before_it_is_read() {
        let projection = |query: &str| Projection::from_query(&mut Query::parse(query).expect("well-formed"), NAMES);
        let only = projection("fields=id,category.name");
        assert!(only.wants("id") && only.wants("category") && only.wants("category.name"));
        assert!(!only.wants("title") && !only.wants("category.id"));
        let except = projection("exclude=title,category.id");
        assert!(!except.wants("title") && !except.wants("category.id") && except.wants("category"));
        assert_eq!(only.kept(NAMES), ["id", "category.name"]);
    }
}
