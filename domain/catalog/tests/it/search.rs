//! Search: what matches, in which order, how it is shown, and what happens to typing mistakes.

use serde_json::{Value, json};

use crate::{Shop, texts};

#[tokio::test]
async fn words_phrases_prefixes_and_exclusions() {
    let shop = Shop::sample().await;
    for (query, wanted) in [
        ("assam", vec!["TEA-002"]),
        ("ASSAM", vec!["TEA-002"]),
        ("teapots", vec!["TEA-013", "TEA-014", "TEA-015"]),
        ("teap", vec!["TEA-013", "TEA-014", "TEA-015"]),
        ("%22first+flush%22", vec!["TEA-001"]),
        ("%22flush+first%22", vec![]),
        ("kamakura+whisk", vec!["TEA-017", "TEA-019"]),
        ("kamakura+-whisk", vec!["TEA-013"]),
        ("muscatel", vec!["TEA-001"]),
        ("assam+or+sencha", vec!["TEA-002", "TEA-005"]),
        // Small words of English are not what anybody looks for, but how others begin.
        ("the+assam+", vec!["TEA-002"]),
        ("rooib", vec!["TEA-010"]),
        ("%27+or+1%3D1+--", vec![]),
    ] {
        let mut found = shop.skus(&format!("/products/search?q={query}&facets=")).await;
        found.sort();
        assert_eq!(found, wanted, "{query}");
    }
}

#[tokio::test]
async fn a_match_in_the_title_outranks_one_elsewhere() {
    let shop = Shop::sample().await;
    let titles = texts(&shop.get("/products/search?q=matcha").await, "title");
    assert_eq!(titles.len(), 2);
    let titles = texts(&shop.get("/products/search?q=tea").await, "title");
    assert_eq!(titles[0], "Tea Thermometer", "title before category: {titles:?}");
    assert!(titles.len() > 10, "the category's name counts too");
}

#[tokio::test]
async fn matches_are_marked_and_markup_is_not_let_through() {
    let shop = Shop::sample().await;
    let found = shop.get("/products/search?q=muscatel").await;
    let highlight = &found["data"][0]["highlight"];
    assert_eq!(highlight["title"], "Darjeeling First Flush");
    assert!(highlight["description"].as_str().expect("a fragment").contains("<mark>muscatel</mark>"), "{highlight}");
    let body = json!({"sku": "X", "title": "<b onclick='x'>frobnicate</b> & co"});
    shop.server.post("/api/v2/products").json(&body).await.created();
    let found = shop.get("/products?q=frobnicate").await;
    assert_eq!(
        found["data"][0]["highlight"]["title"],
        "&lt;b onclick=&#39;x&#39;&gt;<mark>frobnicate</mark>&lt;/b&gt; &amp; co"
    );
    assert!(shop.get("/products/TEA-001").await.get("highlight").is_none(), "only a search has highlights");
}

#[tokio::test]
async fn a_typing_mistake_finds_what_was_meant_and_says_so() {
    let shop = Shop::sample().await;
    for (typed, corrected, first) in [
        ("darjeling", "darjeeling", "TEA-001"),
        ("rooibso", "rooibos", "TEA-010"),
        ("jasmine+perls", "jasmine pearls", "TEA-008"),
        ("darjeling+flu", "darjeeling flu", "TEA-001"),
    ] {
        let found = shop.get(&format!("/products/search?q={typed}")).await;
        assert_eq!(found["meta"]["correctedTo"], corrected, "{typed}: {found}");
        assert_eq!(texts(&found, "sku")[0], first);
    }
    let nothing = shop.get("/products/search?q=xylophone").await;
    assert_eq!((&nothing["data"], nothing["meta"].get("correctedTo")), (&json!([]), None));
    assert_eq!(
        shop.get("/products/search?q=assam").await["meta"].get("correctedTo"),
        None,
        "what matches is not corrected"
    );
}

#[tokio::test]
async fn a_corrected_search_can_be_paged() {
    let shop = Shop::sample().await;
    let first = shop.get("/products/search?q=teapotts&limit=2").await;
    assert_eq!(first["meta"]["correctedTo"], "teapots", "{first}");
    let next = first["page"]["nextCursor"].as_str().expect("a next page");
    let second = shop.get(&format!("/products/search?q=teapotts&limit=2&cursor={next}")).await;
    let all = [texts(&first, "sku"), texts(&second, "sku")].concat();
    assert_eq!(all.len(), 3);
    let other = format!("/api/v2/products/search?q=teabowl&limit=2&cursor={next}");
    shop.server.get(&other).await.problem(400, "web.cursor_of_another_query");
    // The products behind the cursor go: the page is empty.
    for sku in texts(&second, "sku") {
        shop.server.delete(&format!("/api/v2/products/{sku}")).await.status(204);
    }
    let rest = shop.get(&format!("/products/search?q=teapotts&limit=2&cursor={next}")).await;
    assert_eq!(rest["data"], json!([]));
    assert_eq!(rest["meta"]["correctedTo"], "teapots", "it is a page of that search: {rest}");
}

#[tokio::test]
async fn facets_count_the_matches() {
    let shop = Shop::sample().await;
    let facets = shop.get("/products/search?q=tea").await["meta"]["facets"].clone();
    assert!(facets["brand"]["values"].as_array().is_some_and(|values| values.len() > 3), "{facets}");
    let list = shop.get("/products?category=teaware&facets=brand,category").await;
    assert_eq!(
        list["meta"]["facets"]["brand"],
        json!({"isPartial": false, "values": [
            {"value": "Klar", "label": "Klar", "count": 4},
            {"value": "Kamakura", "label": "Kamakura", "count": 3},
            {"value": "Hill & Harbour", "label": "Hill & Harbour", "count": 1},
            {"value": "Meadow", "label": "Meadow", "count": 1},
        ]})
    );
    let shelves: Vec<&Value> =
        list["meta"]["facets"]["category"]["values"].as_array().expect("values").iter().collect();
    assert_eq!(shelves[0]["count"], 3);
    assert_eq!(shop.get("/products").await["meta"].get("facets"), None, "nothing is counted unasked");
}

#[tokio::test]
async fn a_search_can_be_filtered_and_sorted() {
    let shop = Shop::sample().await;
    let cheap = shop.get("/products?q=tea&maxPrice=8&sort=price").await;
    let titles = texts(&cheap, "title");
    assert_eq!(titles.first().map(String::as_str), Some("Paper Filters"), "{titles:?}");
    let pages: Vec<String> = {
        let first = shop.get("/products?q=tea&limit=9").await;
        let next = first["page"]["nextCursor"].as_str().expect("a next page").to_owned();
        [texts(&first, "sku"), shop.skus(&format!("/products?q=tea&limit=200&cursor={next}")).await].concat()
    };
    assert_eq!(pages, shop.skus("/products?q=tea&limit=200").await, "relevance pages like any order");
}

/// What was searched for in vain elsewhere, and here once.
#[tokio::test]
async fn words_are_found_however_they_are_joined_folded_or_unfinished() {
    let shop = Shop::empty().await;
    let titles = [
        ("S-01", "Salt/Pepper Mill"),
        ("S-02", "Laptop 16GB/512GB"),
        ("S-03", "WD-40 Spray"),
        ("S-04", "Dr.Oetker Pudding"),
        ("S-05", "Candy Cane"),
        ("S-06", "Soap Dish"),
        ("S-07", "Cr\u{e8}me br\u{fb}l\u{e9}e Torch"),
        ("S-08", "\u{7dd1}\u{8336}\u{30bb}\u{30c3}\u{30c8} 100g"),
        ("S-09", "AC/DC T-Shirt"),
        ("S-10", "Organic Oats"),
        ("S-11", "Its Own Clock"),
        ("S-12", "Stra\u{df}e Sign"),
        ("S-14", "Caf\u{e9} au lait bowl"),
        ("HX-200-B", "Hammer drill"),
        ("S-16", "The Who Poster"),
        ("S-20", "Company.com Mug"),
        ("N-2", "Cre\u{300}me Jug"),
        ("N-4", "Cafe Racer Mug"),
        ("K-1", "Copper Kettle"),
        ("B-1", "Strawberries in Jars"),
        ("M-1", "Orange Juice"),
        ("26190", "Apple Sauce"),
    ];
    let rows: Vec<_> = titles.iter().map(|(sku, title)| json!({"sku": sku, "title": title})).collect();
    shop.server.post("/api/v2/products/batch").json(&json!({"products": rows})).await.ok();
    for (query, wanted) in [
        ("pepper mill", vec!["S-01"]),
        ("salt/pepper", vec!["S-01"]),
        ("512gb", vec!["S-02"]),
        ("16 gb", vec!["S-02"]),
        ("ac dc", vec!["S-09"]),
        ("acdc", vec!["S-09"]),
        ("tshirt", vec!["S-09"]),
        ("t-shirt", vec!["S-09"]),
        ("oetker", vec!["S-04"]),
        ("company mug", vec!["S-20"]),
        ("wd 40", vec!["S-03"]),
        ("wd-40", vec!["S-03"]),
        ("wd40", vec!["S-03"]),
        ("can", vec!["S-05"]),
        ("so", vec!["S-06"]),
        ("organi", vec!["S-10"]),
        ("its own", vec!["S-11"]),
        ("the who", vec!["S-16"]),
        ("cafe", vec!["N-4", "S-14"]),
        ("caf\u{e9} au", vec!["S-14"]),
        ("creme", vec!["N-2", "S-07"]),
        ("cre\u{300}me", vec!["N-2", "S-07"]),
        ("brulee", vec!["S-07"]),
        ("strasse", vec!["S-12"]),
        ("\u{7dd1}\u{8336}", vec!["S-08"]),
        ("\u{30bb}\u{30c3}\u{30c8}", vec!["S-08"]),
        ("hx-200-b", vec!["HX-200-B"]),
        ("hx200", vec!["HX-200-B"]),
        ("26190", vec!["26190"]),
        ("261", vec!["26190"]),
        ("strawberry", vec!["B-1"]),
        ("\"salt pepper", vec!["S-01"]),
        ("ORGANIC", vec!["S-10"]),
    ] {
        let mut found = shop.skus(&format!("/products/search?facets=&q={}", encoded(query))).await;
        found.sort();
        assert_eq!(found, wanted, "{query}");
        let meta = shop.get(&format!("/products/search?facets=&q={}", encoded(query))).await["meta"].clone();
        assert!(meta["correctedTo"].is_null(), "{query}: {meta}");
    }
    // One slip: swapped, missing, doubled, replaced; of two where words are long.
    for (slip, corrected, wanted) in [
        ("kettel", "kettle", "K-1"),
        ("ketle", "kettle", "K-1"),
        ("kettlle", "kettle", "K-1"),
        ("kottle", "kettle", "K-1"),
        ("kattla", "kettle", "K-1"),
        ("orange jucie", "orange juice", "M-1"),
        ("aplpe", "apple", "26190"),
        ("strawbery", "strawberry", "B-1"),
        ("strwberry", "strawberry", "B-1"),
        ("brulle", "brulee", "S-07"),
    ] {
        let found = shop.get(&format!("/products/search?facets=&q={}", encoded(slip))).await;
        assert_eq!(
            (&found["meta"]["correctedTo"], &found["data"][0]["sku"]),
            (&json!(corrected), &json!(wanted)),
            "{slip}"
        );
    }
    // While nothing is typed yet that could be looked for, everything is listed.
    for query in ["", "%20", "%22", "-", "%22%22", "%26%7C%21%28%29%3A%2A%3C"] {
        assert_eq!(shop.skus(&format!("/products/search?limit=200&q={query}")).await.len(), titles.len(), "{query:?}");
    }
}

async fn stocked(shop: &Shop, titles: &[(&str, &str)]) {
    let rows: Vec<_> = titles.iter().map(|(sku, title)| json!({"sku": sku, "title": title})).collect();
    shop.server.post("/api/v2/products/batch").json(&json!({"products": rows})).await.ok();
}

async fn searched(shop: &Shop, query: &str) -> (Vec<String>, Value) {
    let found = shop.get(&format!("/products/search?facets=&q={}", encoded(query))).await;
    let mut skus = texts(&found, "sku");
    skus.sort();
    (skus, found["meta"]["correctedTo"].clone())
}

/// Of the words that are like one, the one is taken that goes with the others.
#[tokio::test]
async fn what_is_mistyped_is_corrected_to_what_goes_with_the_rest() {
    let shop = Shop::empty().await;
    stocked(
        &shop,
        &[
            ("A-1", "Paper Towels"),
            ("A-2", "Salt/Pepper Mill"),
            ("A-3", "Pepper Corn"),
            ("A-4", "Pepper Sauce"),
            ("A-5", "Flood Light"),
            ("A-6", "Dog Food Premium"),
            ("A-7", "Metal Bakeware"),
            ("A-8", "Meatless Burger"),
            ("A-9", "Meal Kit"),
        ],
    )
    .await;
    for (query, wanted, corrected) in [
        ("papper towels", "A-1", "paper towels"),
        ("peper mill", "A-2", "pepper mill"),
        ("peper-mill", "A-2", "pepper-mill"),
        ("salt/peper", "A-2", "salt/pepper"),
        ("foood premium", "A-6", "food premium"),
        ("meatl bakeware", "A-7", "metal bakeware"),
        ("bakeware meatl", "A-7", "bakeware metal"),
        ("papper towls", "A-1", "paper towels"),
        ("dgo foood premium", "A-6", "dog food premium"),
    ] {
        assert_eq!(searched(&shop, query).await, (vec![wanted.to_owned()], json!(corrected)), "{query}");
    }
    // What is there, and only not with other filters, was meant as it is.
    let none = shop.get("/products/search?facets=&q=metal&minPrice=5").await;
    assert_eq!((&none["data"], &none["meta"]["correctedTo"]), (&json!([]), &Value::Null));
    // What some product has as it is was meant, whatever is like it; and no word is taken for one that nobody looks for.
    stocked(&shop, &[("B-1", "Ant Trap"), ("B-2", "Entree and Salad"), ("B-3", "Milk")]).await;
    for query in ["entree ant ", "ant milk ", "adn "] {
        assert_eq!(searched(&shop, query).await, (Vec::new(), Value::Null), "{query}");
    }
    // Not so a word that stands in descriptions alone, where others make slips, too.
    let body = json!({"sku": "D-1", "title": "Mug", "description": "No bakewear of metal."});
    shop.server.post("/api/v2/products").json(&body).await.created();
    stocked(&shop, &[("B-4", "Bakeware Premium")]).await;
    assert_eq!(searched(&shop, "bakewear premium").await, (vec!["B-4".to_owned()], json!("bakeware premium")));
    // Where both would do, what more products have.
    assert_eq!(searched(&shop, "peper").await.1, "pepper");
}

/// A client that reads until a page is empty stays with one text.
#[tokio::test]
async fn all_pages_of_a_corrected_search_are_of_one_text() {
    let shop = Shop::empty().await;
    let titles: Vec<(String, String)> =
        (0..9).map(|at| (format!("C-{at}"), if at < 6 { "Cooked Rice" } else { "Cookie Jar" }.to_owned())).collect();
    let titles: Vec<(&str, &str)> = titles.iter().map(|(sku, title)| (&**sku, &**title)).collect();
    stocked(&shop, &titles).await;
    for page in 1..=4 {
        let found = shop.get(&format!("/products/search?facets=&q=cookeb%20&limit=3&count=exact&page={page}")).await;
        let corrected = (&found["meta"]["correctedTo"], &found["page"]["total"]);
        assert_eq!(corrected, (&json!("cooked"), &json!(6)), "page {page}: {found}");
        assert_eq!(found["data"].as_array().map(Vec::len), Some(if page < 3 { 3 } else { 0 }), "page {page}");
    }
}

#[tokio::test]
async fn a_text_of_any_length_and_form_can_be_found() {
    let shop = Shop::empty().await;
    let word = |at: usize| -> String {
        let letter = |by: usize| char::from_u32(0x430 + (at / by % 32) as u32).expect("a letter");
        [letter(1), letter(32), letter(1_024), 'x', letter(7)].iter().collect()
    };
    let description: String = (0..3_000).map(word).collect::<Vec<_>>().join("-");
    let body = json!({"sku": "L-1", "title": "Long", "description": description});
    shop.server.post("/api/v2/products").json(&body).await.created();
    assert_eq!(searched(&shop, "long ").await.0, ["L-1"]);
    assert_eq!(searched(&shop, &word(100)).await.0, ["L-1"]);
}

#[tokio::test]
async fn a_word_that_nobody_may_see_corrects_nothing_and_hinders_nothing() {
    let shop = Shop::empty().await;
    stocked(&shop, &[("A-1", "Chocolate Cake"), ("A-2", "Zqorvexium Lamp"), ("A-3", "Copper Kettle")]).await;
    let post = |body: Value| shop.server.post("/api/v2/products").json(&body);
    // Misspelt, and corrected; misspelt, and deleted; a draft.
    post(json!({"sku": "T-1", "title": "Choclate Bar"})).await.created();
    shop.server.patch("/api/v2/products/T-1").merge_patch(&json!({"title": "Chocolate Bar"})).await.ok();
    post(json!({"sku": "T-2", "title": "Ketle Lid"})).await.created();
    shop.server.delete("/api/v2/products/T-2").await.status(204);
    post(json!({"sku": "T-3", "title": "Zqorvexuim", "active": false})).await.created();
    for (query, wanted, corrected) in [
        ("choclate", vec!["A-1", "T-1"], json!("chocolate")),
        ("choclate bar", vec!["T-1"], json!("chocolate bar")),
        ("ketle", vec!["A-3"], json!("kettle")),
        ("zqorvexuim", vec!["A-2"], json!("zqorvexium")),
        ("zqorvexiun", vec!["A-2"], json!("zqorvexium")),
    ] {
        let wanted = (wanted.into_iter().map(str::to_owned).collect(), corrected);
        assert_eq!(searched(&shop, query).await, wanted, "{query}");
    }
}

#[tokio::test]
async fn what_is_typed_last_takes_nothing_away_while_it_may_become_anything() {
    let shop = Shop::empty().await;
    stocked(&shop, &[("A-1", "Potato Chips"), ("A-2", "Brownie Mix"), ("A-3", "Vitamin C Tablets")]).await;
    for (query, wanted) in [
        ("chips and", "A-1"),
        ("chips and ", "A-1"),
        ("chips a", "A-1"),
        ("chips for the", "A-1"),
        ("brownie m", "A-2"),
        ("brownie q", "A-2"),
        ("bronwie m", "A-2"),
        ("vitamin c", "A-3"),
        ("vitmain c", "A-3"),
    ] {
        assert_eq!(searched(&shop, query).await.0, [wanted], "{query}");
    }
    assert_eq!(searched(&shop, "brownie q").await.1, "brownie", "it says so");
    assert_eq!(searched(&shop, "brownie q ").await.0, Vec::<String>::new(), "a letter that is finished is wanted");
}

#[tokio::test]
async fn singular_and_plural_are_one_however_they_are_made_and_joined() {
    let shop = Shop::empty().await;
    let pairs = [
        ("tv", "TVs"),
        ("dvd", "DVDs"),
        ("bra", "Bras"),
        ("spa", "Spas"),
        ("lens", "Lenses"),
        ("gas", "Gases"),
        ("knife", "Knives"),
        ("leaf", "Leaves"),
        ("bookshelf", "Bookshelves"),
        ("multivitamin", "Multi-Vitamins"),
        ("teatowel", "Tea-Towels"),
        ("pack", "Packs"),
        ("12pack", "12Packs"),
        ("berry", "Berries"),
        ("box", "Boxes"),
        ("men", "Men's"),
        ("women", "Women's"),
        ("children", "Children's"),
    ];
    let rows: Vec<(String, String)> = pairs
        .iter()
        .enumerate()
        .flat_map(|(at, (one, many))| {
            [(format!("P-{at}"), format!("Zed{at} {many}")), (format!("S-{at}"), format!("Yot{at} {one}"))]
        })
        .collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(sku, title)| (&**sku, &**title)).collect();
    stocked(&shop, &rows).await;
    for (at, (one, many)) in pairs.iter().enumerate() {
        for query in [format!("{one} zed{at}"), format!("zed{at} {one} "), format!("{many} zed{at}")] {
            assert_eq!(searched(&shop, &query).await, (vec![format!("P-{at}")], Value::Null), "{query}");
        }
        let many = format!("{many} yot{at}");
        assert_eq!(searched(&shop, &many).await, (vec![format!("S-{at}")], Value::Null), "{many}");
    }
}

/// Whatever is typed of a code and of what is joined, finds it.
#[tokio::test]
async fn every_beginning_of_a_code_finds_it() {
    let shop = Shop::empty().await;
    stocked(
        &shop,
        &[
            ("TSH-2023-RED-XL-01", "Shirt"),
            ("AB-12-CD-34-E", "Thing"),
            ("G-1", "All-in-one-go-kit"),
            ("R-1", "Rock'n'Roll Poster"),
            ("W-1", "WD-40 Spray"),
            ("K-1", "Rice 5\u{338f}"),
        ],
    )
    .await;
    for (code, sku) in [
        ("TSH-2023-RED-XL-01", "TSH-2023-RED-XL-01"),
        ("tsh2023redxl01", "TSH-2023-RED-XL-01"),
        ("AB-12-CD-34-E", "AB-12-CD-34-E"),
        ("ab12cd34e", "AB-12-CD-34-E"),
        ("allinonegokit", "G-1"),
        ("rock'n'roll", "R-1"),
    ] {
        for length in 3..=code.len() {
            assert_eq!(
                searched(&shop, &code[..length]).await,
                (vec![sku.to_owned()], Value::Null),
                "{}",
                &code[..length]
            );
        }
    }
    for (query, sku) in [("\"wd40 spray\"", "W-1"), ("\"wd-40 spray\"", "W-1"), ("5kg", "K-1"), ("rice 5kg", "K-1")] {
        assert_eq!(searched(&shop, query).await.0, [sku], "{query}");
    }
}

#[tokio::test]
async fn words_of_descriptions_are_corrected_too() {
    let shop = Shop::empty().await;
    let body = json!({"sku": "D-1", "title": "Eye Drops", "description": "With zeaxanthin."});
    shop.server.post("/api/v2/products").json(&body).await.created();
    assert_eq!(searched(&shop, "zeaxanthim").await, (vec!["D-1".to_owned()], json!("zeaxanthin")));
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
