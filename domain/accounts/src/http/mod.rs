//! Accounts over HTTP: routes, what they take and give, and which problem each error is.

mod admin;
mod api_keys;
mod audit;
mod auth;
mod me;
mod problems;
mod users;

use std::sync::Arc;

use entrepot_pg::Error;
use entrepot_web::{Caching, Cursor, Module, Problem, Rule};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Accounts;
use crate::ops::PasswordError;
use crate::store::ListError;
use problems::{BUSY, TOO_MANY_ATTEMPTS};

/// Who may call what. What proves who one is, is open to all and counted as an attempt.
const RULES: &[(&str, Rule)] = &[
    ("register_customer", Rule::public().sign_in().quiet()),
    ("sign_in", Rule::public().sign_in().secret().essential()),
    ("refresh_tokens", Rule::public().secret().essential().passes_blocks()),
    ("sign_out", Rule::needs("profile.write").in_person().essential()),
    ("verify_email", Rule::public().sign_in()),
    ("ask_for_verification", Rule::needs("profile.write").in_person().costs(10).small()),
    ("ask_for_password_reset", Rule::public().sign_in().quiet()),
    ("reset_password", Rule::public().sign_in()),
    ("get_me", Rule::needs("profile.read")),
    ("update_me", Rule::needs("profile.write").in_person()),
    ("change_password", Rule::needs("profile.write").in_person().costs(20)),
    ("list_my_sessions", Rule::needs("profile.read")),
    ("end_my_other_sessions", Rule::needs("profile.write").in_person()),
    ("end_my_session", Rule::needs("profile.write").in_person()),
    ("list_users", Rule::needs("users.read").noted("users-listed")),
    ("create_user", Rule::needs("users.write").in_person()),
    ("get_user", Rule::needs("users.read")),
    ("update_user", Rule::needs("users.write").in_person().essential().takes(64 * 1024)),
    ("delete_user", Rule::needs("users.write")),
    ("end_user_sessions", Rule::needs("users.write").essential()),
    ("list_api_keys", Rule::needs("keys.read")),
    ("create_api_key", Rule::needs("keys.write").in_person().secret()),
    ("get_api_key", Rule::needs("keys.read")),
    ("update_api_key", Rule::needs("keys.write").in_person()),
    ("delete_api_key", Rule::needs("keys.write").in_person().essential()),
    ("list_audit", Rule::needs("audit.read").essential()),
    ("export_audit", Rule::needs("audit.read").costs(20).lasting().noted("audit-exported")),
    ("list_blocks", Rule::needs("blocks.read").essential()),
    ("create_block", Rule::needs("blocks.write").essential()),
    ("lift_block", Rule::needs("blocks.write").essential()),
    ("list_public_keys", Rule::public()),
    ("rotate_signing_key", Rule::needs("tokens.rotate").essential()),
];

const PERSONAL: Caching = Caching::Never("about a person");
const CACHING: &[(&str, Caching)] = &[
    ("get_me", PERSONAL),
    ("list_my_sessions", PERSONAL),
    ("list_users", PERSONAL),
    ("get_user", PERSONAL),
    ("list_api_keys", Caching::Never("about credentials")),
    ("get_api_key", Caching::Never("about credentials")),
    ("list_audit", PERSONAL),
    ("export_audit", Caching::Streamed("as long as it likes")),
    ("list_public_keys", Caching::Never("a key may be replaced at any moment")),
    ("list_blocks", Caching::Never("what is in force at this moment")),
];

pub(crate) fn module(accounts: Accounts) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(auth::register_customer))
        .routes(routes!(auth::sign_in))
        .routes(routes!(auth::refresh_tokens))
        .routes(routes!(auth::sign_out))
        .routes(routes!(auth::verify_email))
        .routes(routes!(auth::ask_for_verification))
        .routes(routes!(auth::ask_for_password_reset))
        .routes(routes!(auth::reset_password))
        .routes(routes!(me::get_me, me::update_me))
        .routes(routes!(me::change_password))
        .routes(routes!(me::list_my_sessions, me::end_my_other_sessions))
        .routes(routes!(me::end_my_session))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::get_user, users::update_user, users::delete_user))
        .routes(routes!(users::end_user_sessions))
        .routes(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .routes(routes!(api_keys::get_api_key, api_keys::update_api_key, api_keys::delete_api_key))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::export_audit))
        .routes(routes!(admin::list_blocks, admin::create_block))
        .routes(routes!(admin::lift_block))
        .routes(routes!(admin::rotate_signing_key))
        .routes(routes!(admin::list_public_keys))
        .with_state(Arc::new(accounts))
        .split_for_parts();
    Module {
        name: "accounts",
        routes,
        openapi,
        problems: problems::BY_OPERATION,
        rules: RULES,
        caching: CACHING,
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

/// A failure of the database, as a client may know it.
fn database_problem(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

fn list_problem(error: ListError) -> Problem {
    match error {
        ListError::BadCursor => Cursor::invalid(),
        ListError::Database(error) => database_problem(error),
    }
}

fn password_problem(error: PasswordError) -> Problem {
    match error {
        PasswordError::Busy => Problem::new(&BUSY, "too many sign-ins are being checked at this moment").retry_after(2),
        PasswordError::Failed(error) => Problem::failure(error, false),
    }
}
