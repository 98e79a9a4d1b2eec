//! Large catalogs out of a fixed stream of numbers: three levels of categories, brands and sellers
//! of very different sizes, prices from cents to thousands, some without one, one in ten sold out.

use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::{Plan, Planned, Shelf};
use crate::model::ProductRecord;
use crate::slug::slugify;

const DEPARTMENTS: [(&str, &[&str], &[&str]); 8] = [
    ("Kitchen", &["Cookware", "Tableware", "Knives", "Storage"], &["Pan", "Bowl", "Knife", "Jar", "Plate"]),
    ("Garden", &["Tools", "Furniture", "Lighting", "Planters"], &["Spade", "Bench", "Lantern", "Pot", "Hose"]),
    ("Office", &["Desks", "Chairs", "Paper", "Writing"], &["Desk", "Chair", "Notebook", "Pen", "Shelf"]),
    ("Sport", &["Running", "Cycling", "Climbing", "Swimming"], &["Shoe", "Helmet", "Rope", "Goggles", "Bottle"]),
    ("Clothing", &["Coats", "Shirts", "Socks", "Hats"], &["Coat", "Shirt", "Sock", "Hat", "Scarf"]),
    ("Electronics", &["Audio", "Cameras", "Cables", "Lamps"], &["Speaker", "Camera", "Cable", "Lamp", "Charger"]),
    ("Toys", &["Puzzles", "Models", "Games", "Plush"], &["Puzzle", "Train", "Board Game", "Bear", "Kite"]),
    ("Grocery", &["Tea", "Coffee", "Spices", "Sweets"], &["Tea", "Coffee", "Pepper", "Chocolate", "Honey"]),
];
const RANGES: [&str; 3] = ["Everyday", "Classic", "Studio"];
const QUALITIES: [&str; 16] = [
    "Solid", "Light", "Folding", "Quiet", "Wide", "Compact", "Robust", "Fine", "Bright", "Warm", "Simple", "Heavy",
    "Soft", "Tall", "Round", "Smooth",
];
const MATERIALS: [&str; 12] =
    ["Oak", "Steel", "Linen", "Glass", "Copper", "Bamboo", "Wool", "Ceramic", "Leather", "Cork", "Brass", "Cotton"];
const COLOURS: [&str; 10] = ["red", "blue", "green", "black", "white", "natural", "grey", "yellow", "brown", "orange"];
const TAGS: [&str; 20] = [
    "new",
    "sale",
    "gift",
    "organic",
    "handmade",
    "bestseller",
    "limited",
    "recycled",
    "vegan",
    "outdoor",
    "indoor",
    "kids",
    "travel",
    "winter",
    "summer",
    "repairable",
    "local",
    "fair",
    "refurbished",
    "bundle",
];

/// SplitMix64: a small, well-known stream of numbers, the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Small numbers often, large ones seldom: of `bound`, about half fall into the first tenth.
    fn skewed(&mut self, bound: usize) -> usize {
        let (first, second, third) = (self.below(bound), self.below(bound), self.below(bound));
        first.min(second).min(third)
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A UUIDv7 of this time.
    pub(super) fn id(&mut self, at: Timestamp) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.as_millisecond()).unwrap_or(0), &bytes).into_uuid()
    }
}

/// When seeded products begin to be made.
pub(super) fn start() -> Timestamp {
    // 2026-01-01T00:00:00Z.
    Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A catalog of `count` products.
pub(super) fn plan(count: usize) -> Plan {
    let mut random = Random::new(20_260_101);
    let mut shelves = Vec::new();
    for (department, groups, _) in DEPARTMENTS {
        let top = slugify(department, "x");
        shelves.push(Shelf { slug: top.clone(), name: department.to_owned(), parent: None });
        for group in groups {
            let middle = format!("{top}-{}", slugify(group, "x"));
            shelves.push(Shelf { slug: middle.clone(), name: (*group).to_owned(), parent: Some(top.clone()) });
            for range in RANGES {
                let slug = format!("{middle}-{}", slugify(range, "x"));
                shelves.push(Shelf { slug, name: format!("{range} {group}"), parent: Some(middle.clone()) });
            }
        }
    }
    let sellers: Vec<Uuid> = (0..40).map(|_| random.id(start())).collect();
    let products = (0..count).map(|index| product(&mut random, index, &sellers)).collect();
    Plan { shelves, products }
}

fn product(random: &mut Random, index: usize, sellers: &[Uuid]) -> Planned {
    // A hundred come in every hour: many share a time, as they do after an import.
    let created_at = start().checked_add(i64::try_from(index / 100).unwrap_or(0).hours()).unwrap_or_else(|_| start());
    let (department, groups, nouns) = DEPARTMENTS[random.skewed(DEPARTMENTS.len())];
    let group = random.pick(groups);
    let range = random.pick(&RANGES);
    let category = slugify(&format!("{department} {group} {range}"), "x");
    let (quality, material, noun) = (random.pick(&QUALITIES), random.pick(&MATERIALS), random.pick(nouns));
    let colour = random.pick(&COLOURS);
    let width = 5 + random.below(150);
    let title = format!("{quality} {material} {noun}, {width} cm");
    let sku = format!("P{:06}", index + 1);
    let price = (!random.chance(4)).then(|| {
        let scale = 10_i64.pow(u32::try_from(random.below(4)).unwrap_or(0));
        Decimal::new(scale * (100 + i64::try_from(random.below(900)).unwrap_or(0)) - 1, 2)
    });
    let rating_count = if random.chance(60) { 1 + random.skewed(500) } else { 0 };
    let rating = if rating_count > 0 {
        Decimal::new(250 + i64::try_from(random.below(251)).unwrap_or(0), 2)
    } else {
        Decimal::ZERO
    };
    let mut tags: Vec<String> = (0..random.below(4)).map(|_| TAGS[random.skewed(TAGS.len())].to_owned()).collect();
    tags.sort();
    tags.dedup();
    let description = format!(
        "{quality} and made to last: a {colour} {} in {}, from our {range} range. Measures {width} cm and comes with {} years of warranty.",
        noun.to_lowercase(),
        material.to_lowercase(),
        1 + index % 5
    );
    let record = ProductRecord {
        id: random.id(created_at),
        slug: slugify(&format!("{title} {sku}"), "product"),
        sku,
        title,
        description,
        brand: Some(format!("Brand {:02}", 1 + random.skewed(60))),
        category_id: None,
        manufacturer: Some(format!("Maker {}", 1 + random.skewed(200))),
        seller_id: random.chance(70).then(|| sellers[random.skewed(sellers.len())]),
        package_size: Some(format!("{} pc", 1 + random.below(12))),
        currency: price.map(|_| "EUR"),
        price,
        rating,
        rating_count: i32::try_from(rating_count).unwrap_or(0),
        stock: if random.chance(10) { 0 } else { i32::try_from(random.skewed(1_000)).unwrap_or(0) },
        specifications: json!({"material": material.to_lowercase(), "colour": colour, "widthCm": width, "warrantyYears": 1 + index % 5}),
        tags,
        active: !random.chance(2),
    };
    Planned { category, record, created_at, images: Vec::new(), reviews: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_catalog_every_time() {
        let (first, second) = (plan(300), plan(300));
        let texts = |plan: &Plan| -> Vec<String> {
            plan.products.iter().map(|planned| serde_json::to_string(&planned.record).expect("JSON")).collect()
        };
        assert_eq!(texts(&first), texts(&second));
        let mut skus: Vec<&str> = first.products.iter().map(|planned| planned.record.sku.as_str()).collect();
        skus.dedup();
        assert_eq!(skus.len(), 300);
        let shelves: Vec<&str> = first.shelves.iter().map(|shelf| shelf.slug.as_str()).collect();
        assert!(first.products.iter().all(|planned| shelves.contains(&planned.category.as_str())));
    }
}
