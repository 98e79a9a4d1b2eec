//! What a domain hands to the server.

use axum::Router;

use crate::ProblemKind;

/// One domain's part of the program: a plain list of what it registers.
pub struct Module {
    /// The domain's name, as in its folder.
    pub name: &'static str,
    /// Its routes, with their full paths.
    pub routes: Router,
    /// The OpenAPI description of those routes.
    pub openapi: utoipa::openapi::OpenApi,
    /// The kinds of problem that each operation can answer with, by operation id, beyond those
    /// that any operation can.
    pub problems: &'static [(&'static str, &'static [&'static ProblemKind])],
}
