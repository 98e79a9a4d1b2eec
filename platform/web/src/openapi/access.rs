//! Who may call an operation: from its rule into the document.
//!
//! **Invariant:** an operation names the action, the roles and the ways of signing in that the door holds it to: all
//! are of the one [`Rule`].

use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use crate::rule::{Access, Counted};
use crate::{COOKIES, Rule};

/// Says who may call an operation, in which ways they say who they are, and as what it is counted.
pub(super) fn describe(
    operation: &mut Operation,
    method: &HttpMethod,
    rule: &Rule,
    who_may: &dyn Fn(Access) -> Vec<(String, String)>,
) {
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
    let none = || -> [String; 0] { [] };
    let mut ways = vec![SecurityRequirement::new("bearer", none())];
    if !rule.is_in_person {
        ways.push(SecurityRequirement::new("apiKey", none()));
    }
    ways.push(match method {
        HttpMethod::Get => SecurityRequirement::new("cookie", none()),
        _ => SecurityRequirement::new("cookie", none()).add("csrf", none()),
    });
    operation.security = Some(ways);
}

/// The ways to say who one is.
pub(super) fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token that `POST /api/v2/auth/login` gives."));
    let key = ApiKeyValue::with_description(
        "X-Api-Key",
        "A key that `POST /api/v2/api-keys` made; it may be used for the actions that it names.",
    );
    let [secure, local] = COOKIES;
    let cookie = ApiKeyValue::with_description(
        secure,
        &format!(
            "The cookie that `POST /api/v2/auth/login` sets with `\"cookie\": true`; without TLS it is `{local}`."
        ),
    );
    let csrf = ApiKeyValue::with_description(
        "X-Csrf-Token",
        "With the cookie, on every change: the `csrfToken` that the sign-in answered.",
    );
    [
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key))),
        ("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
        ("csrf", SecurityScheme::ApiKey(ApiKey::Header(csrf))),
    ]
}
