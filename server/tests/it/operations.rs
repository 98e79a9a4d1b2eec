//! The operations of the OpenAPI document, for tests that ask all of them, and a body for each that takes one.

use entrepot_testkit::{Request, SignedIn, TestServer};
use serde_json::{Value, json};

/// An id of nothing.
pub(crate) const NOTHING: &str = "00000000-0000-7000-8000-000000000000";
/// A type of bodies that are files.
const CSV: &str = "text/csv";
const GIF: &[u8] = b"GIF89a";

/// An operation.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    /// With the names of its parameters in braces.
    pub(crate) path: String,
    /// What it needs a permission for.
    pub(crate) action: Option<String>,
    /// The parameters of its query.
    pub(crate) parameters: Vec<String>,
    /// The type of its body.
    pub(crate) media: Option<String>,
    /// The members of its body, where that is JSON.
    pub(crate) members: Vec<String>,
}

/// All of them.
pub(crate) fn operations() -> Vec<Operation> {
    let document = entrepot_server::openapi_document().expect("it holds together");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, described) in item.as_object().expect("an item") {
            let Some(id) = described["operationId"].as_str() else { continue };
            let parameters = described["parameters"].as_array().into_iter().flatten();
            let content = described["requestBody"]["content"].as_object();
            let media =
                content.and_then(|content| content.keys().find(|media| *media == CSV).or(content.keys().next()));
            let schema = media.map_or(&Value::Null, |media| &described["requestBody"]["content"][media]["schema"]);
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                action: described["x-entrepot-action"].as_str().map(str::to_owned),
                parameters: parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
                    .collect(),
                media: media.cloned(),
                members: members(&document, schema),
            });
        }
    }
    operations
}

fn members(document: &Value, schema: &Value) -> Vec<String> {
    let named = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    let schema = named.map_or(schema, |name| &document["components"]["schemas"][name]);
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

impl Operation {
    /// Whether it reads.
    pub(crate) fn reads(&self) -> bool {
        self.method == "GET"
    }

    /// Whether its answer goes on for as long as anybody listens.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.id.as_str(), "open_web_socket" | "open_web_socket_v2" | "stream_events")
    }

    /// Whether its path names one of these.
    pub(crate) fn names(&self, parameters: &[&str]) -> bool {
        parameters.iter().any(|name| self.path.contains(&format!("{{{name}}}")))
    }

    /// Its path about these things; about [`NOTHING`] where they have none of its kind.
    pub(crate) fn about(&self, things: &[(&str, String)]) -> String {
        let mut path = self.path.clone();
        while let Some((start, end)) = path.find('{').zip(path.find('}')) {
            let name = path[start + 1..end].to_owned();
            let found = things.iter().find(|(kind, _)| *kind == name);
            path.replace_range(start..=end, found.map_or(NOTHING, |(_, id)| id));
        }
        path
    }

    /// A request of it by somebody.
    pub(crate) fn by(&self, caller: &SignedIn<'_>, path: &str) -> Request {
        caller.request(&self.method, path)
    }

    /// A request of it by a stranger.
    pub(crate) fn by_nobody(&self, server: &TestServer, path: &str) -> Request {
        server.request(&self.method, path)
    }

    /// Gives a request a body that the operation takes, about this store where it is about one.
    pub(crate) fn filled(&self, request: Request, store: &str, turn: &str) -> Request {
        match self.media.as_deref() {
            None => request,
            Some(CSV) => {
                let lines = format!("storeId,year,month,day,sales\n{store},2024,1,2,1\n");
                request.bytes(CSV, lines)
            }
            Some("application/merge-patch+json") => request.merge_patch(&self.body(store, turn)),
            Some("application/json") => request.json(&self.body(store, turn)),
            Some(media) => request.bytes(media, GIF),
        }
    }

    /// A body that the operation takes.
    fn body(&self, store: &str, turn: &str) -> Value {
        match self.id.as_str() {
            "create_product" | "update_product" => json!({"sku": format!("P-{turn}"), "title": "Tea"}),
            "upsert_products" => json!({"products": [{"sku": format!("B-{turn}"), "title": "Tea"}]}),
            "add_product_image" => json!({"url": format!("https://shop.example/{turn}.jpg")}),
            "add_product_review" => json!({"rating": 4, "author": turn}),
            "create_category" | "update_category" => json!({"name": format!("Shelf {turn}")}),
            "create_user" => json!({
                "email": format!("{turn}@shop.example"), "name": turn, "role": "admin", "stores": [store],
                "password": crate::house::PASSWORD,
            }),
            "update_user" => json!({"email": format!("changed-{turn}@shop.example")}),
            "update_me" => json!({"name": turn}),
            "create_api_key" | "update_api_key" => json!({"name": turn, "scopes": ["profile.read"]}),
            "create_block" => json!({"network": "203.0.113.7", "reason": turn}),
            "send_announcement" => json!({"message": turn}),
            "order_export" => json!({"kind": "sales", "parameters": {"storeId": store}}),
            "order_report" => {
                json!({"kind": "sales", "format": "xlsx", "parameters": {"storeId": store, "period": "this-month"}})
            }
            "create_report_schedule" => {
                json!({"kind": "sales", "parameters": {"storeId": store}, "pattern": "0 6 * * 1"})
            }
            "create_webhook" | "update_webhook" => {
                json!({"url": "https://shop.example/hook", "topics": [format!("sales-data-{store}")]})
            }
            "send_test_mail" => json!({"to": format!("{turn}@shop.example")}),
            "retry_jobs" => json!({"all": true}),
            "weigh_tenant" => json!({"tenant": turn, "weight": 2}),
            "invalidate_cache" => json!({"tags": ["x"]}),
            "put_store" | "update_store" => json!({"name": turn}),
            "put_sales" | "update_sales" => json!({"dailyData": {"1": {"sales": 1}}}),
            "upsert_sales" => json!({"salesDataArray": [
                {"storeId": store, "year": 2024, "month": 1, "dailyData": {"1": {"sales": 1}}},
            ]}),
            "delete_many_sales" => json!({"keys": [{"storeId": store, "year": 2024, "month": 1}]}),
            _ => json!({}),
        }
    }
}
