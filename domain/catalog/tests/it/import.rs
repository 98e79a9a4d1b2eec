//! Loading the real file, and files that are broken.

use std::io::{Read, Write as _};
use std::path::PathBuf;

use entrepot_catalog::import::{ImportError, ImportReport, NoteKind, import_products, open};

use crate::Shop;

const HEADER: &str =
    "product_id,manufacturer_id,department,brand,product_category,product_type,package_size,list_price\n";

async fn load(shop: &Shop, text: impl Into<Vec<u8>>) -> Result<ImportReport, ImportError> {
    let input: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(text.into()));
    import_products(&shop.to, input, "USD".parse().expect("a currency")).await
}

#[tokio::test]
async fn the_real_file_loads_whole_and_loading_it_again_changes_nothing() {
    let shop = Shop::empty().await;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/complete-journey/products.csv.gz");
    for (created, unchanged) in [(92_331, 0), (0, 92_331)] {
        let (input, _) = open(&path, |_| {}).expect("the file is committed");
        let report = import_products(&shop.to, input, "USD".parse().expect("a currency")).await.expect("it is sound");
        assert_eq!(
            (report.rows, report.created, report.updated, report.unchanged, report.refused),
            (92_331, created, 0, unchanged, 0)
        );
        let count = |kind| report.notes.iter().filter(|note| note.kind == kind).count();
        assert_eq!(count(NoteKind::NoPrice), 24_142);
        assert_eq!((count(NoteKind::NoCategory), count(NoteKind::NoType), count(NoteKind::NoSize)), (540, 528, 30_586));
    }
    let product = shop.get("/products/26190").await;
    assert_eq!((product["title"].as_str(), product["price"].is_null()), (Some("Apple Sauce, 50 oz"), true));
    assert_eq!(product["category"]["slug"], "grocery-fruit-shelf-stable");
    assert_eq!(shop.get("/products?count=exact&limit=1").await["page"]["total"], 92_331);
    let versions: i64 = shop
        .database
        .client()
        .await
        .query_one("SELECT count(*) FROM catalog.product WHERE updated_at <> created_at", &[])
        .await
        .expect("counted")
        .get(0);
    assert_eq!(versions, 0, "a second load made no new versions");
}

#[tokio::test]
async fn a_file_owns_only_its_own_columns() {
    let shop = Shop::empty().await;
    load(&shop, format!("{HEADER}1,69,TEA,Private,GREEN,SENCHA,4 OZ,2.5\n")).await.expect("sound");
    let patch = serde_json::json!({"stock": 9, "description": "Grassy.", "slug": "my-sencha"});
    shop.server.patch("/api/v2/products/1").merge_patch(&patch).await.ok();
    let report =
        load(&shop, format!("{HEADER}1,69,TEA,Private,GREEN,SENCHA,4 OZ,3\n2,69,TEA,,,,,\n")).await.expect("sound");
    assert_eq!((report.created, report.updated, report.categories_created), (1, 1, 0));
    let product = shop.get("/products/1").await;
    assert_eq!(product["price"]["amount"], "3.00");
    assert_eq!(
        (&product["stock"], &product["description"], &product["slug"]),
        (&9.into(), &"Grassy.".into(), &"my-sencha".into())
    );
}

#[tokio::test]
async fn rows_that_cannot_be_sold_are_refused_by_line_and_the_rest_is_taken() {
    let shop = Shop::empty().await;
    let text = format!("{HEADER}1,69,TEA,P,G,A,,1\n2,69,TEA,P,G,B,,-1\n1,69,TEA,P,G,C,,1\n3,69,,P,G,D,,1\n");
    let report = load(&shop, text).await.expect("sound");
    assert_eq!((report.rows, report.created, report.refused), (4, 1, 3));
    let refused: Vec<u64> =
        report.notes.iter().filter(|note| note.kind == NoteKind::Refused).map(|note| note.line).collect();
    assert_eq!(refused, [3, 4, 5]);
}

#[tokio::test]
async fn lines_are_counted_however_they_end() {
    for end in ["\n", "\r\n", "\r"] {
        let shop = Shop::empty().await;
        let text = format!("{HEADER}1,69,TEA,P,G,A,,1\n2,69,TEA,P,G,B,,-1\n3,69,TEA,P,G,C,,1\n");
        let report = load(&shop, text.replace('\n', end)).await.expect("sound");
        assert_eq!((report.rows, report.created, report.refused), (3, 2, 1), "{end:?}");
        let refused = report.notes.iter().find(|note| note.kind == NoteKind::Refused);
        assert_eq!(refused.map(|note| note.line), Some(3), "{end:?}");
    }
}

#[tokio::test]
async fn a_broken_file_leaves_the_catalog_as_it_was_and_says_where() {
    let shop = Shop::sample().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(HEADER.as_bytes()).expect("in memory");
    for id in 1..5_000 {
        writeln!(gzip, "{id},69,TEA,P,G,A{id},,1").expect("in memory");
    }
    let mut half = gzip.finish().expect("in memory");
    half.truncate(half.len() / 2);
    let folder = std::env::temp_dir().join(format!("entrepot-half-{}.gz", std::process::id()));
    std::fs::write(&folder, half).expect("written");
    let (input, _) = open(&folder, |_| {}).expect("opened");
    std::fs::remove_file(&folder).expect("removed");
    let error = import_products(&shop.to, input, "USD".parse().expect("a currency")).await.expect_err("half a file");
    assert!(matches!(&error, ImportError::Unreadable { line, .. } if *line > 100), "{error}");

    let good = "1,69,TEA,P,G,A,,1\n";
    for (text, wanted) in [
        (format!("{HEADER}{good}2,69,TEA\n"), "line 3"),
        (format!("{HEADER}{good}{good}two,69,TEA,P,G,B,,1\n"), "line 4: product_id is \"two\""),
        (format!("{HEADER}{good}2,69,TEA,P,G,B,,cheap\n"), "line 3: list_price is \"cheap\""),
        (format!("{}{good}", HEADER.replace("list_price", "price")), "line 1: the header has no column \"list_price\""),
        (String::new(), "line 1"),
    ] {
        let error = load(&shop, text.clone()).await.expect_err(&text).to_string();
        assert!(error.starts_with(wanted), "{text}: {error}");
    }
    let invalid = [HEADER.as_bytes(), good.as_bytes(), b"2,69,T\xffA,P,G,B,,1\n"].concat();
    assert!(load(&shop, invalid).await.expect_err("no UTF-8").to_string().starts_with("line 3"));

    assert_eq!(shop.get("/products?count=exact&limit=1").await["page"]["total"], 24);
    shop.server.get("/api/v2/categories/tea-g").await.problem(404, "catalog.category_not_found");
    assert!(matches!(open(&PathBuf::from("/nowhere"), |_| {}), Err(ImportError::Open { .. })));
}

/// A category is the one of its name in its place; a slug that several names make is one of them only.
#[tokio::test]
async fn categories_whose_names_make_one_slug_stay_apart() {
    let shop = Shop::empty().await;
    let file = format!(
        "{HEADER}900001,1,WINE BAR,National,,GLASS,1 CT,5.00\n900002,1,WINE,National,BAR,CHOCOLATE,1 CT,2.00\n\
         900003,1,C++ BOOKS,National,,PRIMER,1 CT,9.00\n900004,1,C BOOKS,National,,PRIMER,1 CT,9.00\n\
         900005,1,茶,National,,GREEN,1 CT,3.00\n900006,1,査,National,,METER,1 CT,30.00\n"
    );
    for (created, categories) in [(6, 7), (0, 0)] {
        let report = load(&shop, file.clone()).await.expect("sound");
        assert_eq!((report.created, report.refused, report.categories_created), (created, 0, categories));
    }
    for (sku, name, slug) in [
        ("900001", "Wine Bar", "wine-bar"),
        ("900002", "Bar", "wine-bar-2"),
        ("900003", "C++ Books", "c-books"),
        ("900004", "C Books", "c-books-2"),
        ("900005", "茶", "cha"),
        ("900006", "査", "cha-2"),
    ] {
        let category = shop.get(&format!("/products/{sku}")).await["category"].clone();
        assert_eq!((category["name"].as_str(), category["slug"].as_str()), (Some(name), Some(slug)), "{sku}");
    }
}

#[tokio::test]
async fn a_row_does_not_take_another_products_name_and_hides_nothing() {
    let shop = Shop::empty().await;
    for (sku, slug) in [("A", "26190"), ("B", "apple-sauce-50-oz-2")] {
        let body = serde_json::json!({"sku": sku, "title": "x", "slug": slug});
        shop.server.post("/api/v2/products").json(&body).await.created();
    }
    let file = format!(
        "{HEADER}26190,1,GROCERY,National,,LAMP,,5.00\n2,1,GROCERY,Nestle\u{301}\u{feff},,APPLE SAUCE,50 OZ,5.00\n\
         3,1,GROCERY,National,,TE\u{202e}A,,5.00\n4,1,GROCERY,\u{3164},,TEA,,5.00\n"
    );
    let report = load(&shop, file).await.expect("sound");
    assert_eq!((report.created, report.refused, report.unchanged), (2, 2, 0), "{report:?}");
    let refused: Vec<u64> =
        report.notes.iter().filter(|note| note.kind == NoteKind::Refused).map(|note| note.line).collect();
    assert_eq!(refused, [2, 4]);
    let product = shop.get("/products/2").await;
    assert_eq!(product["brand"], "Nestl\u{e9}");
    assert!(product["slug"].as_str().is_some_and(|slug| slug.starts_with("apple-sauce-50-oz-2-")), "{product}");
    assert_eq!(shop.get("/products/4").await["brand"], serde_json::Value::Null);
}
