//! What receivers of webhooks are sent, as the OpenAPI document's `webhooks` have it.
//!
//! **Invariant:** an event whose payload is a contract between domains is described by that very type.

use entrepot_contracts::{CatalogReplaced, CategoryChanged, ProductChanged, SalesChanged, StoreChanged};
use entrepot_notifications::TEST_EVENT;
use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathItemBuilder, Paths,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, Components, Schema, SchemaType, Type};
use utoipa::openapi::{
    ContentBuilder, KnownFormat, Object, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, SchemaFormat,
};

/// The events whose payloads are contracts, and where those stand.
fn contracts(components: &mut Components) -> [(&'static [&'static str], String); 5] {
    fn described<T: ToSchema>(components: &mut Components) -> String {
        let mut needed = Vec::new();
        T::schemas(&mut needed);
        for (name, schema) in needed {
            components.schemas.entry(name).or_insert(schema);
        }
        let name = T::name().into_owned();
        components.schemas.entry(name.clone()).or_insert_with(T::schema);
        name
    }
    [
        (&[ProductChanged::NAME], described::<ProductChanged>(components)),
        (&[CategoryChanged::NAME], described::<CategoryChanged>(components)),
        (&[CatalogReplaced::NAME], described::<CatalogReplaced>(components)),
        (&[SalesChanged::CREATED, SalesChanged::UPDATED, SalesChanged::DELETED], described::<SalesChanged>(components)),
        (
            &[StoreChanged::CREATED, StoreChanged::UPDATED, StoreChanged::STATUS_CHANGED, StoreChanged::DELETED],
            described::<StoreChanged>(components),
        ),
    ]
}

/// The other events on topics that webhooks can follow.
const OTHERS: [&str; 14] = [
    "catalog.views-counted",
    "export-ordered",
    "export-progress",
    "export-done",
    "export-failed",
    "export-cancelled",
    "report-ordered",
    "report-progress",
    "report-done",
    "report-failed",
    "report-cancelled",
    "report-schedule-created",
    "report-schedule-deleted",
    "system-announcement",
];

/// Adds the one webhook, whose body is one of the events.
pub(crate) fn add(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let mut events = AnyOfBuilder::new().description(Some("What happened."));
    for (names, data) in contracts(components) {
        let event = format!("{data}Event");
        let of = event_of(names, RefOr::Ref(Ref::from_schema_name(data)));
        components.schemas.insert(event.clone(), Schema::Object(of).into());
        events = events.item(Ref::from_schema_name(event));
    }
    let any = || ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true))).build();
    let mut other = event_of(&OTHERS, any().into());
    other.description = Some("Something else. There may be more kinds of events in a later version.".to_owned());
    let mut test = event_of(&[TEST_EVENT], any().into());
    test.description = Some("Somebody wanted to see whether it arrives: it happened nowhere.".to_owned());
    test.properties.shift_remove("position");
    test.required.retain(|member| member != "position");
    for (name, event) in [("OtherEvent", other), ("TestEvent", test)] {
        components.schemas.insert(name.to_owned(), Schema::Object(event).into());
        events = events.item(Ref::from_schema_name(name));
    }
    components.schemas.insert("WebhookEvent".to_owned(), Schema::AnyOf(events.build()).into());
    let example = serde_json::json!({
        "type": SalesChanged::UPDATED, "timestamp": "2026-11-21T17:26:27.120Z", "topic": "sales-data-330", "position": "8123",
        "data": {"storeId": "330", "year": 2026, "month": 11, "days": {"1": {"sales": 1000}}, "totals": null, "before": null},
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("WebhookEvent"))).example(Some(example)).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
    let field = |name: &str, text: &str| {
        let schema = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let field = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::True);
        field.description(Some(text)).schema(Some(schema)).build()
    };
    let taken =
        ResponseBuilder::new().description("It was taken. Anything but a 2xx is sent again, less and less often.");
    let operation = OperationBuilder::new()
        .operation_id(Some("receive_event"))
        .summary(Some("Something happened on a topic that the webhook follows"))
        .description(Some(
            "Signed as Standard Webhooks have it. It may come twice, and in another order than it happened.",
        ))
        .parameter(field("webhook-id", "Of the delivery: the same at every attempt."))
        .parameter(field("webhook-timestamp", "Of the attempt, in seconds since 1970."))
        .parameter(field("webhook-signature", "`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`."))
        .request_body(Some(body))
        .response("204", taken.build())
        .build();
    let item: PathItem = PathItemBuilder::new().operation(HttpMethod::Post, operation).build();
    let mut webhooks = Paths::new();
    webhooks.paths.insert("event".to_owned(), item);
    document.webhooks = Some(webhooks);
}

/// An event of one of these names.
fn event_of(names: &[&str], data: RefOr<Schema>) -> Object {
    let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    let kind = text().description(Some("What happened.")).enum_values(Some(names.to_vec()));
    let time = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let event = ObjectBuilder::new()
        .property("type", kind)
        .property("timestamp", time)
        .property("topic", text().description(Some("Where it happened.")))
        .property("position", text().description(Some("The event's position in the feed.")))
        .property("data", data);
    let event =
        ["type", "timestamp", "topic", "position", "data"].iter().fold(event, |event, name| event.required(*name));
    event.build()
}
