//! What a domain hands to the server.

use axum::Router;
use entrepot_cache::Counters;
use futures_util::future::BoxFuture;

use crate::{Caching, ProblemKind, Rule, TopicRule};

/// Names the paths of GETs that people will ask for.
pub type Paths =
    Box<dyn Fn() -> BoxFuture<'static, Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>> + Send + Sync>;

/// Something that is worth having in the caches before anyone asks for it.
pub struct Warmer {
    /// What it warms, such as `popular-products`.
    pub name: &'static str,
    /// The paths to be asked for, in the background, never on the path of a request.
    pub paths: Paths,
}

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
    /// Who may call each operation, and how that is counted, by operation id: all of them.
    pub rules: &'static [(&'static str, Rule)],
    /// How the answers of each GET may be cached, by operation id: all of them.
    pub caching: &'static [(&'static str, Caching)],
    /// What counts how often the answers of an operation are sent, by operation id. All are flushed
    /// when the server has stopped taking requests.
    pub counters: Vec<(&'static str, Counters)>,
    /// What warms the caches.
    pub warmers: Vec<Warmer>,
    /// What can be followed live, and by whom.
    pub topics: Vec<TopicRule>,
}
