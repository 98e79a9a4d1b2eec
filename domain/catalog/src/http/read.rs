//! What list and search read out of a query, and how they answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use entrepot_web::{
    CacheClass, ListMeta, Page, PageRequest, Permit, Position, Problem, Projection, Query, Reply, kinds, list_reply,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

use super::{Catalog, database_problem};
use crate::events::{CATALOG, CATEGORIES, PRODUCTS, shelf_tag};
use crate::model::{PRODUCT_FIELDS, Product};
use crate::store::{
    self, Columns, Facet, FacetField, Filters, Found, ListConnection, ListError, ListQuery, SortField, SortKey,
};

/// For so long other texts are tried in place of one that nothing matches.
const TRIED_FOR: Duration = Duration::from_millis(500);

/// The most keys of an order.
const MOST_SORT_KEYS: usize = 3;
/// The most specifications to filter by.
const MOST_SPECIFICATIONS: usize = 10;
/// The most brands and the most ids to filter by.
const MOST_BRANDS: usize = 20;
const MOST_IDS: usize = 200;
const LONGEST_VALUE: usize = 200;
/// The longest search text, in characters.
const LONGEST_TEXT: usize = 200;

const SORT_FIELDS: &[(&str, SortField)] = &[
    ("createdAt", SortField::CreatedAt),
    ("updatedAt", SortField::UpdatedAt),
    ("price", SortField::Price),
    ("title", SortField::Title),
    ("rating", SortField::Rating),
    ("relevance", SortField::Relevance),
];

/// The parameters of lists of products, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, style = Form, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `read_list` reads by hand, so that all faults are told at once")]
pub(super) struct ListParameters {
    /// Only this category and those below it: a slug or an id.
    #[param(example = "grocery")]
    category: Option<String>,
    /// Only this brand, as written; may be given several times: of any of them.
    #[param(value_type = Option<SeveralTexts>, inline, style = Form, explode, example = "Private")]
    brand: Option<Vec<String>>,
    /// Only these products: at most 200 ids, with commas between them.
    #[param(value_type = Option<Vec<Uuid>>, style = Form, explode = false)]
    ids: Option<Vec<Uuid>>,
    /// Only what was changed then or later, to follow the catalog: what was deleted is told by events alone.
    #[param(value_type = Option<String>, format = DateTime, example = "2024-03-31T12:00:00Z")]
    updated_since: Option<String>,
    /// `false`: what is not offered. Only for those who may write products: all, or their own.
    active: Option<bool>,
    /// Only this seller's products.
    seller: Option<Uuid>,
    /// Only from this price on; amounts are compared, whatever their currency. Products without a price are left out.
    #[param(value_type = Option<String>, example = "2.50")]
    min_price: Option<String>,
    /// Only up to this price.
    #[param(value_type = Option<String>, example = "10")]
    max_price: Option<String>,
    /// Only rated at least so well, 0 to 5.
    #[param(minimum = 0, maximum = 5)]
    min_rating: Option<f32>,
    /// Only those that are in stock (`true`), or that are not (`false`).
    in_stock: Option<bool>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only with these specifications: `spec.material=oak`, or `spec[material]=oak`. At most 10 names.
    #[param(value_type = Option<BTreeMap<String, String>>, style = DeepObject, explode)]
    spec: Option<BTreeMap<String, String>>,
    /// Fields to sort by, `-` before one for descending: `createdAt`, `updatedAt`, `price`, `title`, `rating`, and with a text `relevance`. `-createdAt` unless told, with a text `-relevance`.
    #[param(value_type = Option<OrderOfProducts>, inline, style = Form, explode = false, example = "-price")]
    sort: Option<String>,
    /// Count these members among the matches; empty: none.
    #[param(value_type = Option<FacetNames>, inline, example = "brand,category")]
    facets: Option<String>,
    /// Only these fields, nested ones with dots.
    #[param(example = "id,title,price.amount,category.name")]
    fields: Option<String>,
    /// All fields but these.
    #[param(example = "description,specifications")]
    exclude: Option<String>,
    /// Rows in a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `nextCursor` or `prevCursor` of another page of the same list.
    cursor: Option<String>,
    /// A page by its number, for people; a cursor is as fast on the last page as on the first.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Count the whole list: `exact`, or `estimate` from the planner's statistics. Nothing is counted unless told.
    #[param(inline)]
    count: Option<Count>,
}

entrepot_web::choices! {
    FieldToSortBy = "createdAt" | "-createdAt" | "updatedAt" | "-updatedAt" | "price" | "-price" | "title" | "-title"
        | "rating" | "-rating" | "relevance" | "-relevance";
    FacetNames = "" | "brand" | "category" | "brand,category" | "category,brand";
}

/// A text, or several.
enum SeveralTexts {}

impl PartialSchema for SeveralTexts {
    fn schema() -> RefOr<Schema> {
        let several = ArrayBuilder::new().items(String::schema());
        RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(String::schema()).item(several).build()))
    }
}

impl ToSchema for SeveralTexts {}

/// One field to sort by, or several.
enum OrderOfProducts {}

impl PartialSchema for OrderOfProducts {
    fn schema() -> RefOr<Schema> {
        let several = ArrayBuilder::new().items(FieldToSortBy::schema());
        RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(FieldToSortBy::schema()).item(several).build()))
    }
}

impl ToSchema for OrderOfProducts {}

/// How a list is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Count {
    /// Every row.
    Exact,
    /// What the planner expects.
    Estimate,
}

/// A list of products: the shape of what `list_reply` writes.
#[derive(Serialize, ToSchema)]
pub(super) struct ProductList {
    data: Vec<Product>,
    page: Page,
    meta: ProductListMeta,
}

/// What is known about a list of products beside its rows.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductListMeta {
    #[serde(flatten)]
    list: ListMeta,
    /// The text that was searched instead, where nothing matched what was typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "apple sauce")]
    corrected_to: Option<String>,
    /// By facet, the most frequent values among the matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    facets: Option<BTreeMap<&'static str, FacetCounts>>,
}

/// The counts of one facet.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FacetCounts {
    /// The most frequent first, 25 at most.
    values: Vec<FacetCount>,
    /// Whether only 5,000 matches were counted, there being more.
    is_partial: bool,
}

/// How many matches have a value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FacetCount {
    /// What to filter by.
    #[schema(example = "grocery")]
    value: String,
    /// What to show.
    #[schema(example = "Grocery")]
    label: String,
    count: i64,
}

/// A list as it was asked for, before anything was looked up.
pub(super) struct ListRequest {
    filters: Filters,
    category: Option<String>,
    sort: Vec<SortKey>,
    projection: Projection,
    page: PageRequest,
    count: Option<Count>,
    facets: Vec<FacetField>,
}

/// Reads a list out of a query, telling all faults at once.
pub(super) fn read_list(mut query: Query, needs_text: bool) -> Result<ListRequest, Problem> {
    let typed = query.typed("q");
    if needs_text && typed.is_none() {
        query.fault("q", "required", "is required");
    }
    if typed.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
        query.fault("q", "length", format!("must have at most {LONGEST_TEXT} characters"));
    }
    // While nothing is typed that could be looked for, everything is listed.
    let text = typed.map(|typed| entrepot_text::Query::parse(&typed)).filter(|text| !text.is_empty());
    let category = short(&mut query, "category");
    let brands = brands(&mut query);
    let ids = ids(&mut query);
    let updated_since: Option<Timestamp> = query.value("updatedSince", "a time such as 2024-03-31T12:00:00Z");
    let active = query.one_of("active", &[("true", true), ("false", false)]).unwrap_or(true);
    let tag = short(&mut query, "tag");
    let seller = query.value("seller", "a UUID");
    let min_price = amount(&mut query, "minPrice");
    let max_price = amount(&mut query, "maxPrice");
    if let (Some(min), Some(max)) = (min_price, max_price)
        && min > max
    {
        query.fault("maxPrice", "out_of_range", "must not be below minPrice");
    }
    let min_rating = query.value::<Decimal>("minRating", "a number from 0 to 5");
    if min_rating.is_some_and(|rating| rating < Decimal::ZERO || rating > Decimal::from(5)) {
        query.fault("minRating", "out_of_range", "must be from 0 to 5");
    }
    let in_stock = query.one_of("inStock", &[("true", true), ("false", false)]);
    let specifications = query.members("spec");
    if specifications.len() > MOST_SPECIFICATIONS {
        query.fault("spec.<name>", "too_many", format!("may be given for {MOST_SPECIFICATIONS} names"));
    }
    let filters = Filters {
        text: text.clone(),
        category: None,
        brands,
        ids,
        updated_since,
        is_draft: !active,
        seller,
        min_price,
        max_price,
        min_rating: min_rating.map(|rating| rating.round_dp(2)),
        in_stock,
        tag,
        specifications,
    };
    let sort = sort(&mut query, text.is_some());
    let facets = facets(&mut query, needs_text);
    let count = query.one_of("count", &[("exact", Count::Exact), ("estimate", Count::Estimate)]);
    let projection = Projection::from_query(&mut query, PRODUCT_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    Ok(ListRequest { filters, category, sort, projection, page: page?, count, facets })
}

/// The brands that a list is narrowed to.
fn brands(query: &mut Query) -> Vec<String> {
    let mut brands = query.several("brand");
    if brands.iter().any(|brand| brand.chars().count() > LONGEST_VALUE) {
        query.fault("brand", "length", format!("must have at most {LONGEST_VALUE} characters"));
    }
    if brands.len() > MOST_BRANDS {
        query.fault("brand", "too_many", format!("may be given {MOST_BRANDS} times"));
    }
    brands.sort();
    brands.dedup();
    brands
}

fn ids(query: &mut Query) -> Option<Vec<Uuid>> {
    let text = query.list("ids")?;
    let mut ids = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        match id.parse() {
            Ok(id) => ids.push(id),
            Err(_) => query.fault("ids", "wrong_type", format!("must be UUIDs with commas between them, not {id:?}")),
        }
    }
    if ids.len() > MOST_IDS {
        query.fault("ids", "too_many", format!("may have {MOST_IDS} ids"));
    }
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

fn short(query: &mut Query, name: &'static str) -> Option<String> {
    let value = query.filled(name)?;
    if value.chars().count() > LONGEST_VALUE {
        query.fault(name, "length", format!("must have at most {LONGEST_VALUE} characters"));
        return None;
    }
    Some(value)
}

fn amount(query: &mut Query, name: &'static str) -> Option<Decimal> {
    let amount: Decimal = query.value(name, "an amount such as 2.50")?;
    if amount.is_sign_negative() && !amount.is_zero() {
        query.fault(name, "negative", "must not be negative");
        return None;
    }
    if amount >= Decimal::from(1_000_000_000_000_i64) || amount.scale() > 6 {
        query.fault(name, "out_of_range", "must be below 1000000000000, with at most 6 decimals");
        return None;
    }
    Some(amount)
}

async fn page(connection: &ListConnection, query: &ListQuery) -> Result<Found, Problem> {
    store::list_page(connection, query).await.map_err(|error| match error {
        ListError::BadCursor => entrepot_web::Cursor::invalid(),
        ListError::Database(error) => database_problem(error),
    })
}

/// The counts of the facets that were asked for.
fn facet_counts(asked: &[FacetField], values: Vec<Facet>, is_partial: bool) -> BTreeMap<&'static str, FacetCounts> {
    let name = |field: FacetField| if field == FacetField::Brand { "brand" } else { "category" };
    let empty = || FacetCounts { values: Vec::new(), is_partial };
    let mut counts: BTreeMap<_, _> = asked.iter().map(|field| (name(*field), empty())).collect();
    for Facet { field, value, label, count } in values {
        if let Some(facet) = counts.get_mut(name(field)) {
            facet.values.push(FacetCount { value, label, count });
        }
    }
    counts
}

fn sort(query: &mut Query, has_text: bool) -> Vec<SortKey> {
    let default = if has_text { SortField::Relevance } else { SortField::CreatedAt };
    let default = vec![SortKey { field: default, descending: true }];
    let Some(text) = query.list("sort") else { return default };
    let mut keys: Vec<SortKey> = Vec::new();
    for item in text.split(',').map(str::trim) {
        let (name, descending) = item.strip_prefix('-').map_or((item, false), |name| (name, true));
        let name = match name {
            "created_at" => "createdAt",
            "updated_at" => "updatedAt",
            name => name,
        };
        match SORT_FIELDS.iter().find(|(known, _)| *known == name) {
            Some((_, SortField::Relevance)) if !has_text => {
                query.fault("sort", "unknown_field", "relevance needs a text (q)");
            }
            Some((_, field)) if keys.iter().any(|key| key.field == *field) => {
                query.fault("sort", "repeated", format!("{name} is given more than once"));
            }
            Some((_, field)) => keys.push(SortKey { field: *field, descending }),
            None => {
                let known = SORT_FIELDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                query.fault("sort", "unknown_field", format!("{name:?} is not a field to sort by; there are {known}"));
            }
        }
    }
    if keys.len() > MOST_SORT_KEYS {
        query.fault("sort", "too_many", format!("may have {MOST_SORT_KEYS} fields"));
    }
    if keys.is_empty() { default } else { keys }
}

fn sort_text(sort: &[SortKey]) -> String {
    let names = sort.iter().filter_map(|key| {
        let name = SORT_FIELDS.iter().find(|(_, field)| *field == key.field)?.0;
        Some(format!("{}{name}", if key.descending { "-" } else { "" }))
    });
    names.collect::<Vec<_>>().join(",")
}

fn facets(query: &mut Query, all_unless_told: bool) -> Vec<FacetField> {
    let Some(text) = query.text("facets") else {
        return if all_unless_told { vec![FacetField::Brand, FacetField::Category] } else { Vec::new() };
    };
    let mut facets = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let facet = match name {
            "brand" => FacetField::Brand,
            "category" => FacetField::Category,
            _ => {
                query.fault("facets", "unknown_field", format!("{name:?} is not a facet; there are brand, category"));
                continue;
            }
        };
        if !facets.contains(&facet) {
            facets.push(facet);
        }
    }
    facets
}

impl Catalog {
    /// Reads the list and writes the answer.
    pub(super) async fn list(&self, permit: &Permit, request: ListRequest) -> Result<Reply, Problem> {
        let ListRequest { mut filters, category, sort, projection, page, count, facets } = request;
        if filters.is_draft {
            let Some(owner) = permit.more()? else { return Err(not_for_everybody(permit)) };
            if owner.is_some() && filters.seller.is_some_and(|seller| owner != Some(seller)) {
                filters.ids = Some(Vec::new());
            }
            filters.seller = owner.or(filters.seller);
        }
        let is_draft = filters.is_draft;
        let mut answer = Page { limit: page.limit, number: page.number, ..Page::default() };
        let mut meta = ProductListMeta {
            list: ListMeta::new(&projection, PRODUCT_FIELDS, sort_text(&sort)),
            ..ProductListMeta::default()
        };
        if let Some(reference) = category {
            filters.category =
                store::category_resolve(&self.to.database, &reference).await.map_err(database_problem)?;
            if filters.category.is_none() {
                // A category that is not there holds nothing: an empty list, not an error, since
                // links to shelves outlive the shelves.
                if let Some(count) = count {
                    answer.total = Some(0);
                    answer.total_is_estimate = Some(count == Count::Estimate);
                }
                let reply = list_reply::<Product, _>(&[], &answer, &meta, &projection, CacheClass::Api)?;
                return Ok(if is_draft { reply.private() } else { reply.cached([CATALOG, CATEGORIES]) });
            }
        }
        let tags = list_tags(&filters);
        let mut query = ListQuery { filters, sort, columns: Columns::for_projection(&projection), page };
        let connection = ListConnection::open(&self.to.database, &query).await.map_err(database_problem)?;
        let answered = answer_list(&connection, &mut query, count, &facets, &mut answer, &mut meta).await;
        connection.close().await;
        let reply = list_reply(&answered?.products, &answer, &meta, &projection, CacheClass::Api)?;
        Ok(if is_draft { reply.private() } else { reply.cached(tags) })
    }
}

/// What is not offered is listed for nobody who may not write it.
fn not_for_everybody(permit: &Permit) -> Problem {
    let detail = "active=false lists what is not offered, for those who may write products";
    let kind = if permit.caller().is_some() { &kinds::FORBIDDEN } else { &kinds::NOT_SIGNED_IN };
    Problem::new(kind, detail)
}

/// What a list is made from: the products on its shelf, or all. With a text also all: words of any
/// product may correct it.
fn list_tags(filters: &Filters) -> Vec<String> {
    let mut tags = vec![CATALOG.to_owned()];
    tags.extend(filters.category.as_ref().map(|category| shelf_tag(category.id)));
    if filters.category.is_none() || filters.text.is_some() {
        tags.push(PRODUCTS.to_owned());
    }
    tags
}

/// Reads everything that a list's answer has, over one connection.
async fn answer_list(
    connection: &ListConnection,
    query: &mut ListQuery,
    count: Option<Count>,
    facets: &[FacetField],
    answer: &mut Page,
    meta: &mut ProductListMeta,
) -> Result<Found, Problem> {
    let found = find(connection, query, meta).await?;
    answer.next_cursor = found.next.as_ref().map(entrepot_web::Cursor::encode);
    answer.prev_cursor = found.prev.as_ref().map(entrepot_web::Cursor::encode);
    if let Some(count) = count {
        let exact = count == Count::Exact;
        let total = store::list_count(connection, &query.filters, exact).await.map_err(database_problem)?;
        answer.total = Some(total);
        answer.total_is_estimate = Some(!exact);
    }
    if !facets.is_empty() {
        let (values, is_partial) = store::list_facets(connection, &query.filters).await.map_err(database_problem)?;
        meta.facets = Some(facet_counts(facets, values, is_partial));
    }
    Ok(found)
}

/// Reads the page. Where a text matches nothing, tries those that may have been meant; a cursor tells by its fingerprint
/// which of the texts it belongs to.
async fn find(
    connection: &ListConnection,
    query: &mut ListQuery,
    meta: &mut ProductListMeta,
) -> Result<Found, Problem> {
    let belongs = query.check_cursor();
    if belongs.is_ok() {
        let found = page(connection, query).await?;
        if !found.products.is_empty() || query.filters.text.is_none() {
            return Ok(found);
        }
    }
    let start = Instant::now();
    for other in store::words::meant(connection, &query.filters).await.map_err(database_problem)? {
        let mut second = query.clone();
        second.filters.text = Some(other.clone());
        if second.check_cursor().is_err() {
            continue;
        }
        // A cursor that does not belong to the text as typed belongs to this one: then an empty page is an answer, too.
        let has_its_cursor = belongs.is_err();
        // Whichever page is asked for, it is one of the first text that finds anything.
        let is_later = matches!(query.page.position, Position::Offset(offset) if offset > 0);
        let mut first = second.clone();
        if is_later {
            (first.page.position, first.page.limit) = (Position::Start, 1);
        }
        let mut found = page(connection, &first).await?;
        if !found.products.is_empty() || has_its_cursor {
            if is_later {
                found = page(connection, &second).await?;
            }
            meta.corrected_to = Some(other.typed);
            *query = second;
            return Ok(found);
        }
        if start.elapsed() > TRIED_FOR {
            break;
        }
    }
    belongs.map(|()| Found::default())
}
