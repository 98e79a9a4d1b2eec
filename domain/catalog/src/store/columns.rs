//! The columns of a product: which of them a read asks for, and how a row becomes a [`Product`].
//!
//! **Invariant:** a member that was not asked for has a placeholder in the [`Product`], and the
//! projection that did not ask for it never writes it.

use std::sync::LazyLock;

use entrepot_contracts::{CategoryId, Currency, Money, ProductId, SellerId};
use entrepot_pg::Error;
use entrepot_text::Query;
use entrepot_web::Projection;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use tokio_postgres::Row;

use crate::model::{CategoryRef, Highlight, Product};

/// A set of columns, a bit each; see [`GROUPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns(u32);

/// A member of a product and what is selected for it. One member may take several columns.
struct Group {
    member: &'static str,
    sql: &'static str,
    columns: usize,
}

const fn group(member: &'static str, sql: &'static str, columns: usize) -> Group {
    Group { member, sql, columns }
}

/// Always selected, in this order, before everything else.
const FIXED: &str = "p.id, p.version, p.deleted_at IS NOT NULL";
const FIXED_COLUMNS: usize = 3;

const GROUPS: &[Group] = &[
    group("sku", "p.sku", 1),
    group("slug", "p.slug", 1),
    group("title", "p.title", 1),
    group("description", "p.description", 1),
    group("brand", "p.brand", 1),
    group("category", "c.id, c.slug, c.name", 3),
    group("manufacturer", "p.manufacturer", 1),
    group("sellerId", "p.seller_id", 1),
    group("packageSize", "p.package_size", 1),
    group("price", "p.price, p.currency", 2),
    group("rating", "CASE WHEN p.rating_count > 0 THEN p.rating::float8 END", 1),
    group("ratingCount", "p.rating_count", 1),
    group("stock", "p.stock", 1),
    group("specifications", "p.specifications::text", 1),
    group("tags", "p.tags", 1),
    group(
        "images",
        "CASE WHEN p.image_count > 0 THEN (SELECT json_agg(json_build_object('id', i.id, 'url', i.url, 'alt', i.alt, \
         'widthPx', i.width_px, 'heightPx', i.height_px, 'position', i.position, 'status', u.status, 'error', u.error, \
         'variants', CASE WHEN u.status = 'ready' THEN json_build_object(\
         'thumb', format('/api/v2/images/%s/thumb', i.id), 'medium', format('/api/v2/images/%s/medium', i.id), \
         'large', format('/api/v2/images/%s/large', i.id)) END) ORDER BY i.position, i.id)::text \
         FROM catalog.product_image i LEFT JOIN catalog.picture u ON u.image_id = i.id \
         WHERE i.product_id = p.id) END",
        1,
    ),
    group("active", "p.active", 1),
    group("createdAt", "p.created_at", 1),
    group("updatedAt", "p.updated_at", 1),
];

const CATEGORY_JOIN: &str = " LEFT JOIN catalog.category c ON c.id = p.category_id";

impl Columns {
    /// Every column.
    pub(crate) const ALL: Self = Self((1 << GROUPS.len()) - 1);

    /// The columns that a projection needs.
    pub(crate) fn for_projection(projection: &Projection) -> Self {
        if projection.is_whole() {
            return Self::ALL;
        }
        let mut bits = 0;
        for (index, group) in GROUPS.iter().enumerate() {
            let wanted = projection.wants(group.member) || (group.member == "stock" && projection.wants("inStock"));
            bits |= u32::from(wanted) << index;
        }
        Self(bits)
    }

    fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    fn has_member(self, member: &str) -> bool {
        GROUPS.iter().position(|group| group.member == member).is_some_and(|index| self.has(index))
    }

    /// The list behind SELECT. `p` is the product, `c` its category.
    pub(crate) fn select_list(self) -> String {
        let mut list = FIXED.to_owned();
        for (index, group) in GROUPS.iter().enumerate() {
            if self.has(index) {
                list.push_str(", ");
                list.push_str(group.sql);
            }
        }
        list
    }

    /// The join that the list needs.
    pub(crate) fn join(self) -> &'static str {
        if self.has_member("category") { CATEGORY_JOIN } else { "" }
    }

    /// How many columns the list has: where a caller's own columns begin.
    pub(crate) fn width(self) -> usize {
        let groups = GROUPS.iter().enumerate().filter(|(index, _)| self.has(*index));
        FIXED_COLUMNS + groups.map(|(_, group)| group.columns).sum::<usize>()
    }

    /// The product in a row that was selected with this list.
    pub(crate) fn product(self, row: &Row) -> Result<Product, Error> {
        let mut product = Product {
            id: ProductId(row.try_get(0)?),
            version: row.try_get(1)?,
            deleted: row.try_get(2)?,
            ..placeholder()
        };
        let mut at = FIXED_COLUMNS;
        for (index, group) in GROUPS.iter().enumerate() {
            if self.has(index) {
                read_group(&mut product, group.member, row, at)?;
                at += group.columns;
            }
        }
        Ok(product)
    }
}

fn read_group(product: &mut Product, member: &str, row: &Row, at: usize) -> Result<(), Error> {
    match member {
        "sku" => product.sku = row.try_get(at)?,
        "slug" => product.slug = row.try_get(at)?,
        "title" => product.title = row.try_get(at)?,
        "description" => product.description = row.try_get(at)?,
        "brand" => product.brand = row.try_get(at)?,
        "category" => {
            product.category = match row.try_get::<_, Option<uuid::Uuid>>(at)? {
                Some(id) => {
                    Some(CategoryRef { id: CategoryId(id), slug: row.try_get(at + 1)?, name: row.try_get(at + 2)? })
                }
                None => None,
            };
        }
        "manufacturer" => product.manufacturer = row.try_get(at)?,
        "sellerId" => product.seller_id = row.try_get::<_, Option<uuid::Uuid>>(at)?.map(SellerId),
        "packageSize" => product.package_size = row.try_get(at)?,
        "price" => {
            let amount: Option<Decimal> = row.try_get(at)?;
            let currency: Option<&str> = row.try_get(at + 1)?;
            // The database's CHECK knows no list of currencies; one that ISO 4217 does not know
            // can only have been written by hand, and shows as no price rather than as a failure.
            let currency = currency.and_then(Currency::stored);
            product.price = amount.zip(currency).map(|(amount, currency)| Money::stored(amount, currency));
        }
        "rating" => product.rating = row.try_get(at)?,
        "ratingCount" => product.rating_count = row.try_get(at)?,
        "stock" => {
            product.stock = row.try_get(at)?;
            product.in_stock = product.stock > 0;
        }
        "specifications" => product.specifications = raw_json(row.try_get(at)?, "{}"),
        "tags" => product.tags = row.try_get(at)?,
        "images" => product.images = raw_json(row.try_get(at)?, "[]"),
        "active" => product.active = row.try_get(at)?,
        "createdAt" => product.created_at = row.try_get(at)?,
        "updatedAt" => product.updated_at = row.try_get(at)?,
        other => unreachable!("{other} is not one of GROUPS"),
    }
    Ok(())
}

/// JSON as the database wrote it, passed on as it is.
fn raw_json(text: Option<&str>, empty: &str) -> Box<RawValue> {
    RawValue::from_string(text.unwrap_or(empty).to_owned()).unwrap_or_default()
}

fn placeholder() -> Product {
    Product {
        id: ProductId(uuid::Uuid::nil()),
        sku: String::new(),
        slug: String::new(),
        title: String::new(),
        description: String::new(),
        brand: None,
        category: None,
        manufacturer: None,
        seller_id: None,
        package_size: None,
        price: None,
        rating: None,
        rating_count: 0,
        stock: 0,
        in_stock: false,
        specifications: Box::default(),
        tags: Vec::new(),
        images: Box::default(),
        active: true,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        highlight: None,
        version: 0,
        deleted: false,
    }
}

/// Products by their ids, with every column.
pub(crate) fn by_ids_sql() -> &'static str {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT {} FROM catalog.product p{CATEGORY_JOIN} WHERE p.id = ANY ($1)", Columns::ALL.select_list())
    });
    &SQL
}

/// The product with this SKU or slug.
pub(super) fn by_name_sql() -> &'static str {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {} FROM catalog.product p{CATEGORY_JOIN} \
             WHERE p.id = (SELECT product_id FROM catalog.product_name WHERE name = $1)",
            Columns::ALL.select_list()
        )
    });
    &SQL
}

/// Words of a description that are shown around a match.
const WORDS_AROUND: usize = 12;

/// The texts in two columns of a row with the matches marked, as HTML.
pub(super) fn highlight(row: &Row, at: usize, text: &Query) -> Result<Highlight, Error> {
    let (title, description): (&str, &str) = (row.try_get(at)?, row.try_get(at + 1)?);
    Ok(Highlight { title: marked(title, &text.matches(title)), description: fragment(description, text) })
}

/// The text escaped for HTML, with what stands at these places in `<mark>`.
fn marked(text: &str, places: &[(usize, usize)]) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    let mut behind = 0;
    for (from, to) in places {
        escape(&mut html, &text[behind..*from]);
        html.push_str("<mark>");
        escape(&mut html, &text[*from..*to]);
        html.push_str("</mark>");
        behind = *to;
    }
    escape(&mut html, &text[behind..]);
    html
}

/// The first match of a text and the words around it; empty where there is none.
fn fragment(text: &str, query: &Query) -> String {
    let places = query.matches(text);
    let Some((first, _)) = places.first() else { return String::new() };
    let words = entrepot_text::words(text);
    let at = words.iter().position(|word| word.from >= *first).unwrap_or_default();
    let from = words.get(at.saturating_sub(WORDS_AROUND)).map_or(0, |word| word.from);
    let to = words.get(at + WORDS_AROUND).map_or(text.len(), |word| word.to);
    let within: Vec<(usize, usize)> = places
        .iter()
        .filter(|place| place.0 >= from && place.1 <= to)
        .map(|place| (place.0 - from, place.1 - from))
        .collect();
    marked(&text[from..to], &within)
}

fn escape(html: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_highlight_cannot_carry_markup() {
        let text = "<b>O'Brien & sons";
        assert_eq!(marked(text, &Query::parse("obrien").matches(text)), "&lt;b&gt;<mark>O&#39;Brien</mark> &amp; sons");
        let long = format!("{}tea {}", "x ".repeat(50), "<y> ".repeat(50));
        let shown = fragment(&long, &Query::parse("tea"));
        assert!(shown.contains("x <mark>tea</mark> &lt;y&gt;") && shown.len() < 250, "{shown}");
        assert_eq!(fragment("nothing of it", &Query::parse("tea")), "");
    }

    #[test]
    fn only_what_is_wanted_is_selected() {
        let mut query = entrepot_web::Query::parse("fields=id,title,inStock").expect("well-formed");
        let columns = Columns::for_projection(&Projection::from_query(&mut query, crate::PRODUCT_FIELDS));
        assert_eq!(columns.select_list(), format!("{FIXED}, p.title, p.stock"));
        assert_eq!((columns.join(), columns.width()), ("", 5));
        assert_eq!(Columns::ALL.join(), CATEGORY_JOIN);
    }
}
