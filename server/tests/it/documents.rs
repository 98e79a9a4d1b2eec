//! The OpenAPI document: kept as a snapshot, in step with what handlers really take and give.

use std::collections::BTreeSet;

use serde_json::Value;

fn document() -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let text = runtime.block_on(async { entrepot_server::openapi_document().expect("it holds together") });
    serde_json::from_str(&text).expect("JSON")
}

/// The committed document is the one that the code gives. After a change that is meant:
/// `cargo run -- openapi > docs/openapi.json`.
#[test]
fn the_committed_document_is_up_to_date() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let committed: Value =
        serde_json::from_str(&std::fs::read_to_string(committed).expect("it is committed")).expect("JSON");
    let fresh = document();
    if committed == fresh {
        return;
    }
    let paths = |document: &Value| -> BTreeSet<String> {
        document["paths"].as_object().into_iter().flatten().map(|(path, _)| path.clone()).collect()
    };
    panic!(
        "docs/openapi.json is out of date: run `cargo run -- openapi > docs/openapi.json` and read the difference.\npaths added: {:?}, gone: {:?}",
        paths(&fresh).difference(&paths(&committed)).collect::<Vec<_>>(),
        paths(&committed).difference(&paths(&fresh)).collect::<Vec<_>>()
    );
}

#[test]
fn every_operation_says_what_it_does_and_how_it_fails() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            operations += 1;
            let at = format!("{method} {path}");
            let is_title = |text: &str| (5..=90).contains(&text.len()) && !text.ends_with('.') && !text.contains('\n');
            assert!(operation["summary"].as_str().is_some_and(is_title), "{at} has no title");
            assert!(id.contains('_'), "{at}: the id is the function's name");
            let responses = operation["responses"].as_object().expect("responses");
            for status in ["400", "500", "503"] {
                assert!(responses.contains_key(status), "{at} does not say {status}");
            }
            for (status, response) in responses {
                let response = resolved(&document, response);
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{at} {status}");
                let number: u16 = status.parse().expect("a status");
                if number >= 400 {
                    let content = &response["content"];
                    assert!(
                        content.get("application/problem+json").is_some() || path.starts_with("/health"),
                        "{at} {status}"
                    );
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = resolved(&document, parameter);
                assert!(parameter["description"].as_str().is_some_and(|text| text.ends_with('.')), "{at}: {parameter}");
            }
        }
    }
    assert_eq!(operations, 127, "an operation came or went: look at its problems and permissions");
}

#[test]
fn the_fields_to_choose_from_are_the_fields_that_there_are() {
    fn leaves(document: &Value, schema: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        let reference = schema["$ref"].as_str().or_else(|| {
            let variants = schema["oneOf"].as_array()?;
            variants.iter().find_map(|variant| variant["$ref"].as_str())
        });
        let schema = match reference {
            Some(reference) => &document["components"]["schemas"][reference.rsplit('/').next().expect("a name")],
            None => schema,
        };
        let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
        if schema.get("$ref").is_some() {
            return leaves(document, schema, prefix, found);
        }
        match schema["properties"].as_object() {
            Some(members) => {
                for (name, member) in members {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    leaves(document, member, &path, found);
                }
            }
            None if schema["type"] == "object" => drop(found.insert(format!("{prefix}.*"))),
            None => drop(found.insert(prefix.to_owned())),
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    leaves(&document, &document["components"]["schemas"]["Product"], "", &mut found);
    let named: BTreeSet<String> = entrepot_catalog::PRODUCT_FIELDS.0.iter().map(ToString::to_string).collect();
    assert_eq!(found, named);
}

#[test]
fn problem_codes_are_known_by_one_meaning() {
    let document = document();
    let mut meanings = std::collections::BTreeMap::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("an item").values() {
            for response in operation["responses"].as_object().into_iter().flat_map(|responses| responses.values()) {
                let examples = &resolved(&document, response)["content"]["application/problem+json"]["examples"];
                for (code, example) in examples.as_object().into_iter().flatten() {
                    let example = resolved(&document, example);
                    let told = (example["value"]["status"].clone(), example["value"]["title"].clone());
                    let known = meanings.entry(code.clone()).or_insert_with(|| told.clone());
                    assert_eq!(*known, told, "{code}");
                }
            }
        }
    }
    assert!(meanings.len() > 20, "{}", meanings.len());
}

/// What a part of the document stands for, where it only names it.
fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).expect("what is named is there"),
        None => part,
    }
}

#[test]
fn pages_elsewhere_can_read_every_field_that_is_told() {
    let document = document();
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("an item").values());
    let answers = operations.filter_map(|operation| operation["responses"].as_object()).flat_map(|all| all.values());
    let fields = answers.filter_map(|answer| resolved(&document, answer)["headers"].as_object());
    let told: BTreeSet<String> = fields.flatten().map(|(name, _)| name.to_ascii_lowercase()).collect();
    assert!(told.len() > 8, "{told:?}");
    let exposed: BTreeSet<&str> = entrepot_web::CorsPolicy::exposed().collect();
    // A cookie is for the browser, and no script reads it.
    for name in told.iter().filter(|name| *name != "set-cookie") {
        assert!(exposed.contains(name.as_str()), "{name} is told in the document and hidden from pages elsewhere");
    }
}
