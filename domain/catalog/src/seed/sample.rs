//! A small shop of things for tea: what the README's tour and screenshots show.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::generator::{Random, start};
use super::{Plan, Planned, Shelf};
use crate::model::{ImageInput, ProductRecord};
use crate::slug::slugify;

const SHELVES: [(&str, &str, Option<&str>); 9] = [
    ("tea", "Tea", None),
    ("tea-black", "Black Tea", Some("tea")),
    ("tea-green", "Green Tea", Some("tea")),
    ("tea-herbal", "Herbal Infusions", Some("tea")),
    ("teaware", "Teaware", None),
    ("teaware-pots", "Teapots", Some("teaware")),
    ("teaware-cups", "Cups & Bowls", Some("teaware")),
    ("teaware-tools", "Tools", Some("teaware")),
    ("sweets", "Sweets", None),
];

/// Category, title, brand, size, price in cents, stock, rating in hundredths and how many, description, specifications, tags.
type Line = (&'static str, &'static str, &'static str, &'static str, i64, i32, (i64, i32), &'static str, &'static str, &'static [&'static str]);

const LINES: &[Line] = &[
    ("tea-black", "Darjeeling First Flush", "Hill & Harbour", "100 g", 1490, 120, (472, 86), "The first leaves after winter: light in the cup, with a note of muscatel.", r#"{"origin": "Darjeeling, India", "harvest": "spring", "steepMinutes": 3, "celsius": 90}"#, &["organic", "new"]),
    ("tea-black", "Assam Breakfast", "Hill & Harbour", "250 g", 990, 340, (441, 152), "Strong and malty. Made for milk.", r#"{"origin": "Assam, India", "steepMinutes": 4, "celsius": 95}"#, &["bestseller"]),
    ("tea-black", "Lapsang Souchong", "Smoke House", "100 g", 1250, 44, (418, 31), "Dried over pine fires; tastes of a cold evening outdoors.", r#"{"origin": "Fujian, China", "steepMinutes": 3, "celsius": 95}"#, &[]),
    ("tea-black", "Earl Grey", "Hill & Harbour", "100 g", 890, 210, (455, 203), "Black tea with oil of bergamot from Calabria.", r#"{"origin": "blend", "steepMinutes": 3, "celsius": 95}"#, &["bestseller", "gift"]),
    ("tea-green", "Sencha", "Morning Fields", "100 g", 1190, 95, (438, 64), "Steamed leaves, grassy and clear.", r#"{"origin": "Shizuoka, Japan", "steepMinutes": 2, "celsius": 75}"#, &["organic"]),
    ("tea-green", "Gunpowder", "Morning Fields", "200 g", 790, 180, (402, 47), "Rolled into pearls that open in the cup.", r#"{"origin": "Zhejiang, China", "steepMinutes": 2, "celsius": 80}"#, &[]),
    ("tea-green", "Matcha, Ceremonial Grade", "Morning Fields", "30 g", 2490, 22, (481, 29), "Shade-grown and stone-ground, for whisking.", r#"{"origin": "Uji, Japan", "celsius": 75}"#, &["gift", "organic"]),
    ("tea-green", "Jasmine Pearls", "Smoke House", "100 g", 1590, 60, (466, 51), "Scented five times with fresh blossoms.", r#"{"origin": "Fujian, China", "steepMinutes": 3, "celsius": 80}"#, &["gift"]),
    ("tea-herbal", "Peppermint", "Meadow", "50 g", 490, 400, (433, 120), "Whole leaves, nothing else.", r#"{"origin": "Germany", "caffeine": false, "steepMinutes": 7, "celsius": 100}"#, &["organic", "vegan"]),
    ("tea-herbal", "Rooibos", "Meadow", "200 g", 690, 260, (421, 77), "Red, round and free of caffeine.", r#"{"origin": "Cederberg, South Africa", "caffeine": false, "steepMinutes": 6, "celsius": 100}"#, &["vegan"]),
    ("tea-herbal", "Lemon Balm & Verbena", "Meadow", "40 g", 590, 0, (409, 18), "For the end of the day.", r#"{"origin": "France", "caffeine": false, "steepMinutes": 6, "celsius": 100}"#, &["organic"]),
    ("tea-herbal", "Ginger & Turmeric", "Meadow", "80 g", 650, 150, (398, 25), "Warm without being hot.", r#"{"origin": "Peru", "caffeine": false, "steepMinutes": 8, "celsius": 100}"#, &["vegan", "winter"]),
    ("teaware-pots", "Cast-Iron Teapot", "Kamakura", "0.8 l", 6900, 12, (475, 33), "Keeps tea hot for an hour; enamelled inside.", r#"{"material": "cast iron", "litres": 0.8, "colour": "black"}"#, &["gift"]),
    ("teaware-pots", "Glass Teapot with Strainer", "Klar", "1.2 l", 3900, 40, (447, 91), "Watch the leaves open. Safe on the hob.", r#"{"material": "glass", "litres": 1.2, "colour": "clear"}"#, &["bestseller"]),
    ("teaware-pots", "Stoneware Teapot", "Hill & Harbour", "1 l", 4500, 0, (430, 14), "Thrown by hand, each a little different.", r#"{"material": "stoneware", "litres": 1, "colour": "blue"}"#, &["handmade", "limited"]),
    ("teaware-cups", "Porcelain Cup", "Klar", "180 ml", 1200, 220, (444, 60), "Thin enough to see the light through.", r#"{"material": "porcelain", "millilitres": 180, "colour": "white"}"#, &[]),
    ("teaware-cups", "Matcha Bowl", "Kamakura", "450 ml", 3200, 18, (469, 22), "Wide, so that the whisk has room.", r#"{"material": "stoneware", "millilitres": 450, "colour": "grey"}"#, &["handmade"]),
    ("teaware-cups", "Travel Mug", "Klar", "350 ml", 2400, 75, (412, 108), "Double-walled steel. Does not leak.", r#"{"material": "steel", "millilitres": 350, "colour": "green"}"#, &["travel"]),
    ("teaware-tools", "Bamboo Whisk", "Kamakura", "1 pc", 1900, 55, (451, 40), "A hundred tines from a single piece.", r#"{"material": "bamboo"}"#, &["handmade"]),
    ("teaware-tools", "Tea Thermometer", "Klar", "1 pc", 1450, 64, (405, 19), "Reads in three seconds.", r#"{"material": "steel", "batteries": 1}"#, &[]),
    ("teaware-tools", "Paper Filters", "Meadow", "100 pc", 390, 500, (388, 44), "Unbleached.", r#"{"material": "paper", "pieces": 100}"#, &["organic"]),
    ("sweets", "Shortbread", "Hill & Harbour", "200 g", 690, 130, (462, 71), "Butter, flour, sugar, patience.", r#"{"allergens": ["wheat", "milk"]}"#, &["bestseller", "gift"]),
    ("sweets", "Candied Orange Peel", "Smoke House", "150 g", 850, 48, (440, 16), "Half dipped in dark chocolate.", r#"{"allergens": ["soy"]}"#, &["vegan"]),
    ("sweets", "Rose Lokum", "Meadow", "250 g", 950, 36, (417, 12), "Soft squares with pistachio.", r#"{"allergens": ["pistachio"]}"#, &[]),
];

pub(super) fn plan() -> Plan {
    let mut random = Random::new(7);
    let shelves = SHELVES.map(|(slug, name, parent)| Shelf {
        slug: slug.to_owned(),
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
    });
    let products = LINES.iter().enumerate().map(|(index, line)| {
        let (category, title, brand, size, cents, stock, (rating, ratings), description, specifications, tags) = *line;
        let slug = slugify(title, "product");
        let record = ProductRecord {
            id: random.id(start()),
            sku: format!("TEA-{:03}", index + 1),
            slug: slug.clone(),
            title: title.to_owned(),
            description: description.to_owned(),
            brand: Some(brand.to_owned()),
            category_id: None,
            manufacturer: Some(brand.to_owned()),
            seller_id: None,
            package_size: Some(size.to_owned()),
            price: Some(Decimal::new(cents, 2)),
            currency: Some("EUR"),
            rating: Decimal::new(rating, 2),
            rating_count: ratings,
            stock,
            specifications: serde_json::from_str::<Value>(specifications).unwrap_or_else(|_| json!({})),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            active: true,
        };
        let image = ImageInput {
            url: format!("https://images.example/{slug}.webp"),
            alt: format!("{title}, {size}"),
            width_px: Some(1200),
            height_px: Some(900),
            position: None,
        };
        Planned { category: category.to_owned(), record, created_at: start(), images: vec![image] }
    });
    Plan { shelves: shelves.into(), products: products.collect() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_of_the_sample_is_sound() {
        let plan = super::plan();
        for planned in &plan.products {
            assert!(plan.shelves.iter().any(|shelf| shelf.slug == planned.category), "{}", planned.category);
            assert_ne!(planned.record.specifications, serde_json::json!({}), "{}", planned.record.title);
        }
    }
}
