//! What admins do beside people: blocks, and the keys that tokens are signed with.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_web::body::JsonBody;
use entrepot_web::{CacheClass, ListMeta, Page, PageRequest, Permit, Problem, Projection, Query, Reply, list_reply};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::BLOCK_NOT_FOUND;
use super::{database_problem, list_problem};
use crate::Accounts;
use crate::model::{BLOCK_FIELDS, Block, BlockInput};
use crate::ops;
use crate::store::{self, Filter};

/// A page of the blocks.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockList {
    data: Vec<Block>,
    page: Page,
    meta: ListMeta,
}

/// The key that signs from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct Rotated {
    #[schema(example = "q0Yb1c2dE3fG4h5i")]
    kid: String,
}

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub(super) struct Jwk {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    for_what: &'static str,
    kid: String,
    x: String,
}

/// Public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(super) struct JwkSet {
    keys: Vec<Jwk>,
}

/// The public keys by which others can verify access tokens: those of EdDSA. There are none while HS256
/// signs, as whoever could verify then could sign too.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "accounts",
    responses((status = 200, description = "The keys, those that were replaced and still verify among them.", body = JwkSet)),
)]
pub(super) async fn list_public_keys(State(accounts): State<Arc<Accounts>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let keys = accounts.signer.published().await.map_err(database_problem)?;
    let jwk = |(kid, x)| Jwk { kty: "OKP", crv: "Ed25519", alg: "EdDSA", for_what: "sig", kid, x };
    Reply::json(&JwkSet { keys: keys.into_iter().map(jwk).collect() }, CacheClass::Never)
}

/// Which networks are blocked, or were; the newest first.
#[utoipa::path(
    get, path = "/api/admin/blocks", tag = "admin",
    params(
        ("inForce" = Option<bool>, Query, description = "Only those in force, or only those that are over."),
        ("address" = Option<String>, Query, description = "Only those that hold for this address.", example = "203.0.113.7"),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,network,expiresAt"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the blocks.", body = BlockList)),
)]
pub(super) async fn list_blocks(State(accounts): State<Arc<Accounts>>, mut query: Query) -> Result<Reply, Problem> {
    let mut filters = Vec::new();
    match query.one_of("inForce", &[("true", true), ("false", false)]) {
        Some(true) => filters.push(Filter::Time("lifted_at IS NULL AND expires_at > {}", accounts.clock.now())),
        Some(false) => filters.push(Filter::Time("(lifted_at IS NOT NULL OR expires_at <= {})", accounts.clock.now())),
        None => {}
    }
    if let Some(address) = query.filled("address") {
        match address.parse::<std::net::IpAddr>() {
            Ok(address) => filters.push(Filter::Text("network >>= {}::inet", address.to_canonical().to_string())),
            Err(_) => query.fault("address", "not_an_address", "must be an address such as 203.0.113.7"),
        }
    }
    let projection = Projection::from_query(&mut query, BLOCK_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let found = store::block_list(&filters, &page)?.blocks(&accounts.database).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, BLOCK_FIELDS, "-createdAt".to_owned());
    list_reply(&found.rows, &found.page, &meta, &projection, CacheClass::Never)
}

/// Blocks a network, on every instance, until its time is over.
#[utoipa::path(
    post, path = "/api/admin/blocks", tag = "admin",
    request_body(content = BlockInput),
    responses((status = 201, description = "It is kept out.", body = Block)),
)]
pub(super) async fn create_block(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = BlockInput::read(&body).map_err(Problem::invalid_body)?;
    if permit.address().is_some_and(|own| input.network.contains(&own.to_canonical())) {
        let fault = entrepot_web::Fault::at("/network", "own_network", "is your own: you would lock yourself out");
        return Err(Problem::invalid_body(vec![fault]));
    }
    let by = permit.caller().map(|caller| caller.id);
    let block = ops::block_network(&accounts, input.network, &input.reason, by, Some(input.minutes)).await;
    let block = block.map_err(database_problem)?;
    let location = format!("/api/admin/blocks/{}", block.id);
    Ok(Reply::json(&block, CacheClass::Never)?.created_at(&location))
}

/// Lifts a block before its time.
#[utoipa::path(
    delete, path = "/api/admin/blocks/{block}", tag = "admin",
    params(("block" = Uuid, Path, description = "The block's id.")),
    responses((status = 204, description = "The network is let in again.")),
)]
pub(super) async fn lift_block(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(block): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let not_found = || Problem::new(&BLOCK_NOT_FOUND, "no block in force has this id");
    let id: Uuid = block.parse().map_err(|_| not_found())?;
    let by = permit.caller().map(|caller| caller.id);
    let lifted = ops::lift_block(&accounts, id, by).await.map_err(database_problem)?.ok_or_else(not_found)?;
    crate::subscribers::let_in(&accounts, &lifted).await.map_err(database_problem)?;
    Ok(Reply::no_content())
}

/// Has access tokens signed with a new key. Nobody is signed out: what the old key signed stays good
/// until it expires.
#[utoipa::path(
    post, path = "/api/admin/signing-keys/rotate", tag = "admin",
    responses((status = 200, description = "The new key's id.", body = Rotated)),
)]
pub(super) async fn rotate_signing_key(State(accounts): State<Arc<Accounts>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let kid = accounts.signer.rotate().await.map_err(database_problem)?;
    Reply::json(&Rotated { kid }, CacheClass::Never)
}
