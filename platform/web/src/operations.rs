//! All operations of the program by method and path, with the rule of each.
//!
//! **Invariant:** an operation that is in the OpenAPI document is in this table with a rule, and the
//! other way round; [`Operations::new`] fails where that does not hold.

use std::sync::Arc;

use http::Method;
use utoipa::openapi::path::HttpMethod;

use crate::openapi::operations;
use crate::{Access, Caching, Module, Rule};

/// Why the table cannot be put together; each is a defect of a module.
#[derive(Debug, thiserror::Error)]
pub enum OperationsError {
    /// An operation without a rule.
    #[error("the module {module} has no rule for {operation}: say who may call it")]
    NoRule {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: String,
    },
    /// A rule for an operation that there is not.
    #[error("the module {module} has a rule for {operation}, which is no operation of it")]
    NoOperation {
        /// The module.
        module: &'static str,
        /// The operation.
        operation: &'static str,
    },
    /// An answer that is not for everybody is declared to be kept for everybody.
    #[error("{operation} demands a permission, so its answers cannot be cached for everybody")]
    CachedForAll {
        /// The operation.
        operation: String,
    },
    /// Two paths are one.
    #[error("the path {path} cannot be routed")]
    Path {
        /// The path.
        path: String,
        /// What the router said.
        #[source]
        source: matchit::InsertError,
    },
}

/// The rules of one path, by method.
#[derive(Clone, Copy, Debug, Default)]
struct Methods([Option<Rule>; 5]);

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    routes: Arc<matchit::Router<Methods>>,
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Operations {
    /// The operations of these modules.
    ///
    /// # Errors
    /// See [`OperationsError`].
    pub fn new(modules: &[Module]) -> Result<Self, OperationsError> {
        let mut routes = matchit::Router::new();
        for module in modules {
            let mut seen = Vec::new();
            let mut described = module.openapi.clone();
            for (path, item) in &mut described.paths.paths {
                let mut methods = Methods::default();
                for (method, operation) in operations(item) {
                    let id = operation.operation_id.clone().unwrap_or_default();
                    let Some((name, rule)) = module.rules.iter().find(|(name, _)| *name == id) else {
                        return Err(OperationsError::NoRule { module: module.name, operation: id });
                    };
                    let is_kept =
                        module.caching.iter().any(|(kept, how)| kept == name && matches!(how, Caching::As(_)));
                    if is_kept && rule.access != Access::Public {
                        return Err(OperationsError::CachedForAll { operation: id });
                    }
                    seen.push(*name);
                    if let Some(slot) = slot_described(&method) {
                        methods.0[slot] = Some(*rule);
                    }
                }
                routes
                    .insert(path.clone(), methods)
                    .map_err(|source| OperationsError::Path { path: path.clone(), source })?;
            }
            if let Some((operation, _)) = module.rules.iter().find(|(name, _)| !seen.contains(name)) {
                return Err(OperationsError::NoOperation { module: module.name, operation });
            }
        }
        Ok(Self { routes: Arc::new(routes) })
    }

    /// The rule for this method and path.
    pub(crate) fn rule(&self, method: &Method, path: &str) -> Option<Rule> {
        self.routes.at(path).ok()?.value.0[slot(method)?]
    }
}

fn slot(method: &Method) -> Option<usize> {
    Some(match *method {
        Method::GET | Method::HEAD => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::PATCH => 3,
        Method::DELETE => 4,
        _ => return None,
    })
}

fn slot_described(method: &HttpMethod) -> Option<usize> {
    Some(match method {
        HttpMethod::Get => 0,
        HttpMethod::Post => 1,
        HttpMethod::Put => 2,
        HttpMethod::Patch => 3,
        HttpMethod::Delete => 4,
        _ => return None,
    })
}
