//! What the catalog is made of: pure types, no I/O.
//!
//! [`Product`], [`CategoryNode`] and [`Review`] are what clients read; [`ProductInput`] and its like are
//! what they write; [`ProductRecord`] and [`ReviewRecord`] are what the store writes.

use std::collections::BTreeMap;

use entrepot_contracts::{CategoryId, Currency, ImageId, Money, ProductId, ReviewId, SellerId};
use entrepot_web::body::{Reader, Text};
use entrepot_web::{Fault, FieldNames};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::slug::{is_id, is_reserved, is_slug};

/// The most that a price may be, in words for a message: see [`Money`].
const MAX_STOCK: i32 = 1_000_000_000;
const MAX_TAGS: usize = 50;
const MAX_SPECIFICATIONS: usize = 100;
const MAX_SPECIFICATION_BYTES: usize = 32 * 1024;

/// The members of a product, for `fields` and `exclude`.
pub const PRODUCT_FIELDS: FieldNames = FieldNames(&[
    "id",
    "sku",
    "slug",
    "title",
    "description",
    "brand",
    "category.id",
    "category.slug",
    "category.name",
    "manufacturer",
    "sellerId",
    "packageSize",
    "price.amount",
    "price.currency",
    "rating",
    "ratingCount",
    "stock",
    "inStock",
    "specifications.*",
    "tags",
    "images.id",
    "images.url",
    "images.alt",
    "images.widthPx",
    "images.heightPx",
    "images.position",
    "images.status",
    "images.error",
    "images.variants.thumb",
    "images.variants.medium",
    "images.variants.large",
    "active",
    "createdAt",
    "updatedAt",
    "highlight.title",
    "highlight.description",
]);

/// A product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    pub(crate) id: ProductId,
    /// The stock keeping unit: the shop's own code, unique.
    #[schema(example = "26190")]
    pub(crate) sku: String,
    /// For addresses that people read; unique.
    #[schema(example = "apple-sauce-50-oz-26190")]
    pub(crate) slug: String,
    #[schema(example = "Apple Sauce, 50 oz")]
    pub(crate) title: String,
    #[schema(example = "Smooth, without added sugar.")]
    pub(crate) description: String,
    #[schema(example = "Private")]
    pub(crate) brand: Option<String>,
    pub(crate) category: Option<CategoryRef>,
    #[schema(example = "Orchard Mills")]
    pub(crate) manufacturer: Option<String>,
    pub(crate) seller_id: Option<SellerId>,
    /// As the maker writes it.
    #[schema(example = "50 oz")]
    pub(crate) package_size: Option<String>,
    /// Null when there is none yet: the product cannot be sold.
    pub(crate) price: Option<Money>,
    /// The average of all ratings, 1 to 5; null when there are none.
    #[schema(example = 4.35)]
    pub(crate) rating: Option<f64>,
    pub(crate) rating_count: i32,
    /// Pieces at hand.
    pub(crate) stock: i32,
    pub(crate) in_stock: bool,
    /// A free object of what is particular to this kind of product.
    #[schema(value_type = Object, example = json!({"material": "oak", "widthCm": 80}))]
    pub(crate) specifications: Box<RawValue>,
    #[schema(example = json!(["new"]))]
    pub(crate) tags: Vec<String>,
    #[schema(value_type = Vec<Image>)]
    pub(crate) images: Box<RawValue>,
    /// Whether it is offered; products that are not are in no list.
    pub(crate) active: bool,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// Where a search matched; only with `q`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) highlight: Option<Highlight>,
    #[serde(skip)]
    pub(crate) version: i64,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// The category of a product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CategoryRef {
    pub(crate) id: CategoryId,
    #[schema(example = "grocery-fruit-shelf-stable")]
    pub(crate) slug: String,
    #[schema(example = "Fruit - Shelf Stable")]
    pub(crate) name: String,
}

/// Where a search matched: HTML, escaped, the matches in `<mark>`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Highlight {
    #[schema(example = "<mark>Apple</mark> Sauce, 50 oz")]
    pub(crate) title: String,
    /// The fragment around the match; empty where the description has none.
    #[schema(example = "Smooth <mark>apple</mark> sauce.")]
    pub(crate) description: String,
}

/// An image of a product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) id: ImageId,
    #[schema(example = "https://cdn.example/apple-sauce.webp")]
    pub(crate) url: String,
    /// What it shows, for those who cannot see it.
    #[schema(example = "A jar of apple sauce")]
    pub(crate) alt: String,
    pub(crate) width_px: Option<i32>,
    pub(crate) height_px: Option<i32>,
    /// Its place among the product's images, from 0.
    pub(crate) position: i32,
    /// How far an uploaded picture is. `null` for an image that lies elsewhere.
    pub(crate) status: Option<PictureStatus>,
    /// Why an uploaded picture came to nothing.
    pub(crate) error: Option<String>,
    /// Where an uploaded picture is fetched, once it is ready.
    pub(crate) variants: Option<ImageVariants>,
}

/// How far an uploaded picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = "ready")]
#[serde(rename_all = "lowercase")]
pub(crate) enum PictureStatus {
    /// It waits for being made smaller.
    Queued,
    /// It can be fetched.
    Ready,
    /// It could not be made; `error` says why.
    Failed,
}

/// Where an uploaded picture is fetched: WebP, upright, without anything that the camera wrote beside it. What lies
/// at such an address never changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ImageVariants {
    /// At most 200 x 200 pixels.
    #[schema(example = "/api/v2/images/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/thumb")]
    pub(crate) thumb: String,
    /// At most 800 x 800 pixels.
    #[schema(example = "/api/v2/images/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/medium")]
    pub(crate) medium: String,
    /// At most 1600 x 1600 pixels.
    #[schema(example = "/api/v2/images/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/large")]
    pub(crate) large: String,
}

/// A file that was made of a picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredVariant {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: usize,
    /// Where it lies among the files.
    pub(crate) place: String,
}

/// What is known of a picture that was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) product_id: Uuid,
    pub(crate) status: PictureStatus,
    pub(crate) error: Option<String>,
    /// By name; none before it is ready.
    pub(crate) variants: BTreeMap<String, StoredVariant>,
}

/// A category, with how many products are in it or below.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CategoryNode {
    pub(crate) id: CategoryId,
    #[schema(example = "grocery-fruit-shelf-stable")]
    pub(crate) slug: String,
    #[schema(example = "Fruit - Shelf Stable")]
    pub(crate) name: String,
    #[schema(example = "")]
    pub(crate) description: String,
    /// Siblings are in this order, then by name.
    pub(crate) position: i32,
    /// Active products in this category and all below it.
    pub(crate) product_count: i64,
    /// Of these, how many are in stock.
    pub(crate) in_stock_count: i64,
    #[schema(no_recursion)]
    pub(crate) children: Vec<CategoryNode>,
}

/// What somebody says of a product.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review {
    pub(crate) id: ReviewId,
    pub(crate) product_id: ProductId,
    /// Stars, 1 to 5.
    #[schema(minimum = 1, maximum = 5, example = 4)]
    pub(crate) rating: i16,
    /// Empty when it has none.
    #[schema(example = "Bright and flowery")]
    pub(crate) title: String,
    /// Empty when there are only stars.
    #[schema(example = "Two minutes at 90 °C and no longer.")]
    pub(crate) body: String,
    /// What the author wants to be called.
    #[schema(example = "Mira K.")]
    pub(crate) author: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
}

/// All ratings of a product in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RatingSummary {
    /// With two decimals; null when there are no reviews.
    #[schema(example = 4.35)]
    pub(crate) average: Option<f64>,
    #[schema(example = 20)]
    pub(crate) count: i64,
    pub(crate) by_stars: ByStars,
}

/// How many reviews gave how many stars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"1": 1, "2": 0, "3": 2, "4": 5, "5": 12}))]
pub(crate) struct ByStars {
    #[serde(rename = "1")]
    one: i64,
    #[serde(rename = "2")]
    two: i64,
    #[serde(rename = "3")]
    three: i64,
    #[serde(rename = "4")]
    four: i64,
    #[serde(rename = "5")]
    five: i64,
}

impl RatingSummary {
    /// The summary of ratings of which each number of stars was given so often.
    pub(crate) fn of(counts: impl IntoIterator<Item = (i16, i64)>) -> Self {
        let mut stars = ByStars::default();
        for (rating, count) in counts {
            match rating {
                1 => stars.one += count,
                2 => stars.two += count,
                3 => stars.three += count,
                4 => stars.four += count,
                // The database's CHECK lets no other through.
                _ => stars.five += count,
            }
        }
        let mut summary = Self {
            average: None,
            count: stars.one + stars.two + stars.three + stars.four + stars.five,
            by_stars: stars,
        };
        summary.average = (summary.count > 0).then(|| summary.hundredths() as f64 / 100.0);
        summary
    }

    /// The average as the product keeps it: exact decimals, zero when there are no reviews.
    pub(crate) fn decimal(&self) -> Decimal {
        Decimal::new(self.hundredths(), 2)
    }

    /// The average in hundredths of a star, halves rounded up.
    fn hundredths(&self) -> i64 {
        let ByStars { one, two, three, four, five } = self.by_stars;
        let stars = one + 2 * two + 3 * three + 4 * four + 5 * five;
        (200 * stars + self.count).checked_div(2 * self.count).unwrap_or(0)
    }
}

/// One category with the way down to it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CategoryDetail {
    #[serde(flatten)]
    pub(crate) category: CategoryNode,
    /// From the root down to the parent.
    pub(crate) ancestors: Vec<CategoryRef>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    #[serde(skip)]
    pub(crate) version: i64,
}

/// A product as clients write it. Members that are absent or null take their default; a slug that
/// is absent is made from the title.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductInput {
    /// 1 to 64 letters, digits, dots, hyphens and underscores.
    #[schema(example = "TEA-001", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pub(crate) sku: String,
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200)]
    pub(crate) slug: Option<String>,
    #[schema(min_length = 1, max_length = 300, example = "Darjeeling First Flush, 100 g")]
    pub(crate) title: String,
    #[schema(max_length = 20_000, required = false, example = "Picked in March, light and flowery.")]
    pub(crate) description: String,
    #[schema(max_length = 120, example = "Chamong")]
    pub(crate) brand: Option<String>,
    /// The slug or the id of its category.
    pub(crate) category: Option<String>,
    #[schema(max_length = 120)]
    pub(crate) manufacturer: Option<String>,
    pub(crate) seller_id: Option<SellerId>,
    #[schema(max_length = 60, example = "100 g")]
    pub(crate) package_size: Option<String>,
    pub(crate) price: Option<Money>,
    #[schema(minimum = 0, maximum = 1_000_000_000, required = false, example = 12)]
    pub(crate) stock: i32,
    /// At most 100 members and 32 KiB.
    #[schema(value_type = Object, required = false, example = json!({"origin": "Darjeeling", "weightG": 100}))]
    pub(crate) specifications: Value,
    /// At most 50, of 1 to 60 characters.
    #[schema(max_items = 50, required = false, example = json!(["new"]))]
    pub(crate) tags: Vec<String>,
    /// True unless said otherwise.
    #[schema(required = false)]
    pub(crate) active: bool,
}

impl ProductInput {
    /// Reads a product out of JSON that stands at `pointer` in the body.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn read(value: &Value, pointer: &str) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(value, pointer);
        let sku = reader.required("sku", |sku| sku.parsed(Text::line(1, 64), "sku_form", sku_form));
        let slug = reader.optional("slug", |slug| slug.parsed(Text::line(1, 200), "slug_form", product_slug_form));
        let title = reader.required("title", |title| title.text(Text::line(1, 300)));
        let description = reader.optional("description", |text| text.text(Text::lines(0, 20_000)));
        let brand = reader.optional("brand", |brand| brand.text(Text::line(1, 120)));
        let category = reader.optional("category", |category| {
            let reference = category.text(Text::line(1, 200))?;
            Some(reference.parse::<Uuid>().map_or(reference, |id| id.to_string()))
        });
        let manufacturer = reader.optional("manufacturer", |name| name.text(Text::line(1, 120)));
        let seller_id = reader.optional("sellerId", |id| id.parsed(Text::line(1, 60), "not_an_id", id_form));
        let package_size = reader.optional("packageSize", |size| size.text(Text::line(1, 60)));
        let price = reader.optional("price", |price| {
            let (money, faults) = read_money(price.value, price.pointer());
            price.faults(faults);
            money
        });
        let stock = reader.optional("stock", |stock| stock.integer(0, MAX_STOCK));
        let specifications =
            reader.optional("specifications", |object| object.object(MAX_SPECIFICATIONS, MAX_SPECIFICATION_BYTES));
        let tags = reader.optional("tags", |tags| tags.texts(MAX_TAGS, Text::line(1, 60)));
        let active = reader.optional("active", |active| active.boolean());
        let faults = reader.finish();
        match (sku, title) {
            (Some(sku), Some(title)) if faults.is_empty() => Ok(Self {
                sku,
                slug,
                title: title.trim().to_owned(),
                description: description.unwrap_or_default(),
                brand,
                category,
                manufacturer,
                seller_id: seller_id.map(SellerId),
                package_size,
                price,
                stock: stock.unwrap_or(0),
                specifications: specifications.unwrap_or_else(|| json!({})),
                tags: tags.unwrap_or_default(),
                active: active.unwrap_or(true),
            }),
            _ => Err(faults),
        }
    }

    /// The input that would write `product` as it is: what a merge patch is applied to.
    pub(crate) fn of(product: &Product) -> Self {
        Self {
            sku: product.sku.clone(),
            slug: Some(product.slug.clone()),
            title: product.title.clone(),
            description: product.description.clone(),
            brand: product.brand.clone(),
            category: product.category.as_ref().map(|category| category.id.to_string()),
            manufacturer: product.manufacturer.clone(),
            seller_id: product.seller_id,
            package_size: product.package_size.clone(),
            price: product.price,
            stock: product.stock,
            specifications: serde_json::from_str(product.specifications.get()).unwrap_or_default(),
            tags: product.tags.clone(),
            active: product.active,
        }
    }
}

/// A product as the store writes it; its members are the columns that `product_insert_many` reads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProductRecord {
    pub(crate) id: Uuid,
    pub(crate) sku: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) brand: Option<String>,
    pub(crate) category_id: Option<Uuid>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) seller_id: Option<Uuid>,
    pub(crate) package_size: Option<String>,
    pub(crate) price: Option<Decimal>,
    pub(crate) currency: Option<&'static str>,
    pub(crate) rating: Decimal,
    pub(crate) rating_count: i32,
    pub(crate) stock: i32,
    pub(crate) specifications: Value,
    pub(crate) tags: Vec<String>,
    pub(crate) active: bool,
}

impl ProductRecord {
    /// What `input` makes of a product with this id, slug and category; ratings are nobody's to
    /// write, so they are `None` for a new product and kept for one that is there.
    pub(crate) fn new(
        input: ProductInput,
        id: Uuid,
        slug: String,
        category_id: Option<Uuid>,
        rating: Option<(Decimal, i32)>,
    ) -> Self {
        let (rating, rating_count) = rating.unwrap_or_default();
        Self {
            id,
            sku: input.sku,
            slug,
            title: input.title,
            description: input.description,
            brand: input.brand,
            category_id,
            manufacturer: input.manufacturer,
            seller_id: input.seller_id.map(|seller| seller.0),
            package_size: input.package_size,
            price: input.price.map(Money::amount),
            currency: input.price.map(|price| price.currency().code()),
            rating,
            rating_count,
            stock: input.stock,
            specifications: input.specifications,
            tags: input.tags,
            active: input.active,
        }
    }
}

/// A category as clients write it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct CategoryInput {
    #[schema(min_length = 1, max_length = 120, example = "Tea")]
    pub(crate) name: String,
    /// Made from the name when absent.
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200)]
    pub(crate) slug: Option<String>,
    #[schema(max_length = 5_000, required = false)]
    pub(crate) description: String,
    /// Siblings are in this order, then by name.
    #[schema(required = false)]
    pub(crate) position: i32,
    /// The slug of the category above; null at the top.
    pub(crate) parent: Option<String>,
}

impl CategoryInput {
    /// Reads a category out of a body.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(value, "");
        let name = reader.required("name", |name| name.text(Text::line(1, 120)));
        let slug = reader.optional("slug", |slug| slug.parsed(Text::line(1, 200), "slug_form", slug_form));
        let description = reader.optional("description", |text| text.text(Text::lines(0, 5_000)));
        let position = reader.optional("position", |position| position.integer(-1_000_000, 1_000_000));
        let parent = reader.optional("parent", |parent| parent.text(Text::line(1, 200)));
        let faults = reader.finish();
        match name {
            Some(name) if faults.is_empty() => Ok(Self {
                name: name.trim().to_owned(),
                slug,
                description: description.unwrap_or_default(),
                position: position.unwrap_or(0),
                parent,
            }),
            _ => Err(faults),
        }
    }
}

/// An image as clients write it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageInput {
    /// An absolute http or https address.
    #[schema(max_length = 2_000, example = "https://cdn.example/tea.webp")]
    pub(crate) url: String,
    #[schema(max_length = 500, required = false)]
    pub(crate) alt: String,
    #[schema(minimum = 1, maximum = 20_000)]
    pub(crate) width_px: Option<i32>,
    #[schema(minimum = 1, maximum = 20_000)]
    pub(crate) height_px: Option<i32>,
    /// Behind the last when absent.
    #[schema(minimum = 0, maximum = 10_000)]
    pub(crate) position: Option<i32>,
}

impl ImageInput {
    /// Reads an image out of a body.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(value, "");
        let url = reader.required("url", |url| url.parsed(Text::line(1, 2_000), "url_form", url_form));
        let alt = reader.optional("alt", |alt| alt.text(Text::line(0, 500)));
        let width_px = reader.optional("widthPx", |width| width.integer(1, 20_000));
        let height_px = reader.optional("heightPx", |height| height.integer(1, 20_000));
        let position = reader.optional("position", |position| position.integer(0, 10_000));
        let faults = reader.finish();
        match url {
            Some(url) if faults.is_empty() => {
                Ok(Self { url, alt: alt.unwrap_or_default(), width_px, height_px, position })
            }
            _ => Err(faults),
        }
    }
}

/// A review as clients write it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ReviewInput {
    /// Stars.
    #[schema(minimum = 1, maximum = 5, example = 4)]
    pub(crate) rating: i16,
    /// What the author wants to be called.
    #[schema(min_length = 1, max_length = 80, example = "Mira K.")]
    pub(crate) author: String,
    #[schema(max_length = 120, required = false, example = "Bright and flowery")]
    pub(crate) title: String,
    #[schema(max_length = 5_000, required = false, example = "Two minutes at 90 °C and no longer.")]
    pub(crate) body: String,
}

impl ReviewInput {
    /// Reads a review out of a body.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn read(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(value, "");
        let rating = reader.required("rating", |rating| rating.integer(1, 5));
        let author = reader.required("author", |author| author.text(Text::line(1, 80)));
        let title = reader.optional("title", |title| title.text(Text::line(0, 120)));
        let body = reader.optional("body", |body| body.text(Text::lines(0, 5_000)));
        let faults = reader.finish();
        match (rating.and_then(|rating| i16::try_from(rating).ok()), author) {
            (Some(rating), Some(author)) if faults.is_empty() => Ok(Self {
                rating,
                author: author.trim().to_owned(),
                title: title.unwrap_or_default().trim().to_owned(),
                body: body.unwrap_or_default(),
            }),
            _ => Err(faults),
        }
    }
}

/// A review as the store writes it; its members are the columns that `review_insert_many` reads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReviewRecord {
    pub(crate) id: Uuid,
    pub(crate) product_id: Uuid,
    pub(crate) rating: i16,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: String,
    pub(crate) created_at: Timestamp,
}

fn read_money(value: &Value, pointer: &str) -> (Option<Money>, Vec<Fault>) {
    let mut reader = Reader::new(value, pointer);
    let currency =
        reader.required("currency", |code| code.parsed(Text::line(3, 3), "unknown_currency", str::parse::<Currency>));
    let amount = reader.required("amount", |amount| {
        if amount.value.is_number() {
            amount.fault("wrong_type", "must be a text such as \"12.50\": a JSON number may lose cents on its way");
            return None;
        }
        amount.text(Text::line(1, 30))
    });
    let money = match (amount, currency) {
        (Some(amount), Some(currency)) => match Money::parse(&amount, currency) {
            Ok(money) => Some(money),
            Err(error) => {
                reader.fault("amount", money_code(error), error.to_string());
                None
            }
        },
        _ => None,
    };
    (money, reader.finish())
}

fn money_code(error: entrepot_contracts::MoneyError) -> &'static str {
    use entrepot_contracts::MoneyError as Error;
    match error {
        Error::NotANumber => "not_a_number",
        Error::Negative => "negative",
        Error::TooManyDecimals { .. } => "too_many_decimals",
        Error::TooLarge => "out_of_range",
        Error::UnknownCurrency | Error::NotInUse => "unknown_currency",
    }
}

const RESERVED: &str = "must not be search, popular or batch, which are the addresses of other endpoints";

fn sku_form(text: &str) -> Result<String, &'static str> {
    if is_id(text) {
        return Err("must not read as a UUID, which would stand for an id");
    }
    if is_reserved(text) {
        return Err(RESERVED);
    }
    let fits = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must begin with a letter or digit and have only letters, digits, '.', '-' and '_'")
    }
}

/// A product's slug stands beside the addresses of lists.
fn product_slug_form(text: &str) -> Result<String, &'static str> {
    if is_reserved(text) { Err(RESERVED) } else { slug_form(text) }
}

fn slug_form(text: &str) -> Result<String, &'static str> {
    if is_id(text) {
        return Err("must not read as a UUID, which would stand for an id");
    }
    if is_slug(text) {
        Ok(text.to_owned())
    } else {
        Err("must be lower-case letters and digits in words joined by single hyphens")
    }
}

fn id_form(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "must be a UUID")
}

fn url_form(text: &str) -> Result<String, &'static str> {
    let uri: Result<http::Uri, _> = text.parse();
    match uri {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(text.to_owned()),
        _ => Err("must be an absolute http or https address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(value: &Value) -> Vec<(String, &'static str)> {
        let found = ProductInput::read(value, "").err().unwrap_or_default();
        found.into_iter().map(|fault| (fault.pointer.unwrap_or_default(), fault.code)).collect()
    }

    #[test]
    fn all_faults_of_a_product_are_told_at_once() {
        let body = json!({
            "sku": "-x", "slug": "A b", "title": "", "price": {"amount": "-1.005", "currency": "EUR"},
            "stock": -1, "tags": ["a", "a"], "specifications": [], "sellerId": "me", "colour": "red",
        });
        let at = |pointer: &str, code| (pointer.to_owned(), code);
        assert_eq!(
            faults(&body),
            [
                at("/sku", "sku_form"),
                at("/slug", "slug_form"),
                at("/title", "empty"),
                at("/sellerId", "not_an_id"),
                at("/price/amount", "negative"),
                at("/stock", "negative"),
                at("/specifications", "wrong_type"),
                at("/tags/1", "repeated"),
                at("/colour", "unknown_member"),
            ]
        );
    }

    #[test]
    fn no_product_is_named_like_an_endpoint_beside_it() {
        for name in ["search", "popular", "batch"] {
            let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
            assert_eq!(faults(&json!({"sku": name, "title": "x"})), at("/sku", "sku_form"));
            assert_eq!(faults(&json!({"sku": "a", "title": "x", "slug": name})), at("/slug", "slug_form"));
        }
    }

    #[test]
    fn averages_have_two_decimals_and_halves_go_up() {
        for (counts, average, decimal) in [
            (vec![], None, "0.00"),
            (vec![(5, 1)], Some(5.0), "5.00"),
            (vec![(4, 2), (5, 1)], Some(4.33), "4.33"),
            (vec![(4, 1), (5, 2)], Some(4.67), "4.67"),
            // 4.125 and 4.375.
            (vec![(4, 7), (5, 1)], Some(4.13), "4.13"),
            (vec![(4, 5), (5, 3)], Some(4.38), "4.38"),
            (vec![(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)], Some(3.0), "3.00"),
        ] {
            let summary = RatingSummary::of(counts.clone());
            assert_eq!((summary.average, summary.decimal().to_string().as_str()), (average, decimal), "{counts:?}");
        }
        let json = serde_json::to_value(RatingSummary::of([(5, 7), (1, 1)])).expect("JSON");
        let by_stars = json!({"1": 1, "2": 0, "3": 0, "4": 0, "5": 7});
        assert_eq!(json, json!({"average": 4.5, "count": 8, "byStars": by_stars}));
    }

    #[test]
    fn prices_are_exact_or_refused() {
        let price = |price: Value| faults(&json!({"sku": "a", "title": "b", "price": price}));
        let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        assert_eq!(price(json!({"amount": "12.50", "currency": "EUR"})), []);
        assert_eq!(price(json!({"amount": 12.5, "currency": "EUR"})), at("/price/amount", "wrong_type"));
        assert_eq!(price(json!({"amount": "1.005", "currency": "EUR"})), at("/price/amount", "too_many_decimals"));
        assert_eq!(price(json!({"amount": "-1", "currency": "EUR"})), at("/price/amount", "negative"));
        assert_eq!(price(json!({"amount": "1", "currency": "XYZ"})), at("/price/currency", "unknown_currency"));
        assert_eq!(price(json!("12.50")), at("/price", "wrong_type"));
    }
}
