//! Analytics over HTTP: routes, and what they take and give.
//!
//! **Invariant:** an answer is narrowed to what its caller may see, so none is kept for others.

mod sales;

use entrepot_pg::Error;
use entrepot_web::{Caching, Module, Problem, ProblemKind, Rule};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Dependencies;

/// Who may call what.
const RULES: &[(&str, Rule)] = &[
    ("get_sales_today", Rule::needs("analytics.read")),
    ("get_sales_week", Rule::needs("analytics.read")),
    ("get_sales_month", Rule::needs("analytics.read").costs(5)),
];

const CACHING: &[(&str, Caching)] = &[
    ("get_sales_today", Caching::Never("narrowed to the caller's stores")),
    ("get_sales_week", Caching::Never("narrowed to the caller's stores")),
    ("get_sales_month", Caching::Never("narrowed to the caller's stores")),
];

/// None beyond those that any operation can answer with.
const PROBLEMS: &[(&str, &[&ProblemKind])] =
    &[("get_sales_today", &[]), ("get_sales_week", &[]), ("get_sales_month", &[])];

pub(crate) fn module(to: Dependencies) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(sales::get_sales_today))
        .routes(routes!(sales::get_sales_week))
        .routes(routes!(sales::get_sales_month))
        .with_state(to)
        .split_for_parts();
    Module {
        name: "analytics",
        routes,
        openapi,
        problems: PROBLEMS,
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
