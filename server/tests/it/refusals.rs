//! What is refused: no answer is larger than 64 KiB, whatever was sent, and each says how much is wrong.
//!
//! Every operation of the OpenAPI document is sent bodies and queries whose faults nobody could read: thousands of
//! unknown members and wrong entries, names and texts of control characters, deep nesting. What an answer leaves out
//! stands in its count.

use entrepot_testkit::{Request, Response, SignedIn};
use serde_json::{Value, json};

use crate::house::{House, text};
use crate::operations::{Operation, operations};

/// The largest answer, and the most faults that it tells.
const LARGEST: usize = 64 * 1024;
const MOST_FAULTS: usize = 100;
/// So many bytes of faults are told in any case: fewer than 100 are all that there are.
const TOLD_IN_FULL: usize = 32 * 1024;
/// A body that every operation takes, and one that only those take whose bodies may be large.
const SMALL: usize = 15_000;
const LARGE: usize = 120_000;

/// A shop in which each operation has something to be about.
struct Shop {
    house: House,
    admin: String,
    things: Vec<(&'static str, String)>,
}

impl Shop {
    async fn open() -> Self {
        // Odd queries are what this is about: whoever sends them is not to be kept out for it.
        let house = House::new(&[("ENTREPOT_GUARD_SUSPICION", "false")]).await;
        let admin = house.admin().await;
        let server = house.server.bearing(&admin);
        server.post("/api/v2/categories").json(&json!({"name": "Top", "slug": "top"})).await.created();
        server.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
        server.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
        let day = json!({"dailyData": {"1": {"sales": 1}}});
        server.request("PUT", "/api/v2/sales/330/2024/1").json(&day).await.created();
        let key = json!({"name": "k", "scopes": ["profile.read"]});
        let key = server.post("/api/v2/api-keys").json(&key).await.created();
        let hook = json!({"url": "https://shop.example/hook", "topics": ["system"]});
        let hook = server.post("/api/v2/webhooks").json(&hook).await.created();
        let user = json!({"email": "somebody@shop.example", "name": "S"});
        let user = server.post("/api/v2/users").json(&user).await.created();
        let things = vec![
            ("category", "top".to_owned()),
            ("product", "POT".to_owned()),
            ("store", "330".to_owned()),
            ("year", "2024".to_owned()),
            ("month", "1".to_owned()),
            ("queue", "email".to_owned()),
            ("key", text(&key, "id")),
            ("webhook", text(&hook, "id")),
            ("user", text(&user, "id")),
        ];
        Self { house, admin, things }
    }

    fn admin(&self) -> SignedIn<'_> {
        self.house.server.bearing(&self.admin)
    }
}

/// An object of so many members that nobody knows.
fn unknown(members: usize) -> String {
    let members: Vec<String> = (0..members).map(|number| format!("\"{number:06x}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

/// So many bytes of one text, given as often as it fits.
fn filled(with: &str, bytes: usize) -> String {
    with.repeat(bytes / with.len())
}

/// A list of so many entries.
fn list(entry: &str, bytes: usize) -> String {
    let entries = bytes / (entry.len() + 1);
    format!("[{}]", vec![entry; entries.max(1)].join(","))
}

/// A body in which each of these members has this value.
fn of_members(members: &[String], value: &str) -> String {
    let members: Vec<String> = members.iter().map(|name| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Bodies of about so many bytes that are wrong in each way.
fn bodies(members: &[String], bytes: usize) -> Vec<(&'static str, String)> {
    let share = bytes / members.len().max(1);
    let rows = |rows: usize| format!("[{}]", vec![unknown(share / rows / 11); rows].join(","));
    let deep = |bytes: usize| format!("{}{}", "[".repeat(bytes / 2), "]".repeat(bytes / 2));
    vec![
        ("unknown members", unknown(bytes / 11)),
        ("lists of wrong entries", of_members(members, &list("{}", share))),
        ("short lists of wrong entries", of_members(members, &list("{}", share.min(120)))),
        ("lists of rows", of_members(members, &rows(50))),
        ("objects", of_members(members, &unknown(share / 11))),
        ("texts of control characters", of_members(members, &format!("\"{}\"", filled("\\u0001", share)))),
        ("long texts", of_members(members, &format!("\"{}\"", filled("<é>", share)))),
        ("a long name", format!("{{\"{}\":0}}", filled("n", bytes))),
        ("a name of control characters", format!("{{\"{}\":0}}", filled("\\u0001", bytes))),
        ("names of slashes", format!("{{\"{}\":0}}", filled("/", bytes))),
        ("depth", deep(bytes)),
        ("depth in a member", of_members(members, &deep(share))),
        ("a list", list("0", bytes)),
        ("no JSON", filled("\u{1}", bytes)),
        ("one member twice", format!("{{\"{0}\":0,\"{0}\":0}}", filled("n", bytes / 2))),
    ]
}

/// How many faults an answer says that there are. Also checks that it is no larger than it may be.
fn check(asked: &str, answer: &Response) -> usize {
    let status = answer.status.as_u16();
    assert!(status < 500, "{asked}: {status} {}", answer.text());
    if status < 400 && status != 207 {
        return 0;
    }
    assert!(answer.body.len() <= LARGEST, "{asked}: {status} with {} bytes", answer.body.len());
    let body = answer.json();
    let tellers: Vec<&Value> = match body["results"].as_array() {
        Some(rows) => rows.iter().collect(),
        None => vec![&body],
    };
    let (mut told, mut bytes, mut counted) = (0, 0, 0);
    for teller in tellers {
        let errors = teller["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let count = teller["errorCount"].as_u64().map_or(0, |count| usize::try_from(count).expect("a count"));
        assert!(count >= errors.len(), "{asked}: {count} is less than {}", errors.len());
        told += errors.len();
        bytes += errors.iter().map(|error| error.to_string().len()).sum::<usize>();
        counted += count;
    }
    assert!(told <= MOST_FAULTS, "{asked}: {told} faults");
    if told < MOST_FAULTS && bytes < TOLD_IN_FULL {
        assert_eq!(told, counted, "{asked}: there was room for all");
    }
    counted
}

fn typed(request: Request, operation: &Operation, body: String) -> Request {
    request.bytes(operation.media.as_deref().unwrap_or("application/json"), body)
}

#[tokio::test]
async fn no_body_gets_a_larger_answer_than_64_kib_and_each_counts_its_faults() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let mut counted = 0;
    for operation in operations().iter().filter(|one| one.media.as_deref().is_some_and(|media| media.contains("json")))
    {
        let path = operation.about(&shop.things);
        let ways: &[&str] = if operation.parameters.iter().any(|name| name == "atomic") {
            &["?atomic=true", "?atomic=false"]
        } else {
            &[""]
        };
        for (way, size) in ways.iter().flat_map(|way| [(way, SMALL), (way, LARGE)]) {
            let path = format!("{path}{way}");
            for (name, body) in bodies(&operation.members, size) {
                let asked = format!("{} {path} with {size} bytes of {name}", operation.method);
                let answer = typed(operation.by(&admin, &path), operation, body.clone()).await;
                if answer.status == 413 && size > SMALL {
                    continue;
                }
                let count = check(&asked, &answer);
                if name == "unknown members" && answer.status == 422 {
                    // All that nobody knows, and what is required and not there.
                    let unknown = size / 11;
                    assert!((unknown..unknown + 10).contains(&count), "{asked}: {count} of {unknown}");
                    counted += 1;
                }
                // Strangers are told why they may not, or the same.
                if size == SMALL {
                    let answer = typed(operation.by_nobody(&shop.house.server, &path), operation, body).await;
                    check(&format!("{asked} by a stranger"), &answer);
                }
            }
        }
    }
    assert!(counted >= 50, "only {counted} bodies of unknown members were read");
}

/// As it was found: a megabyte from anybody.
#[tokio::test]
async fn a_hundred_thousand_faults_are_told_as_a_hundred_and_a_count() {
    let shop = Shop::open().await;
    let reviews = || shop.house.server.post("/api/v2/products/POT/reviews");
    let problem = reviews().bytes("application/json", unknown(95_000)).await;
    assert!(problem.body.len() <= LARGEST, "{} bytes", problem.body.len());
    let problem = problem.problem(422, "web.invalid_body");
    // `rating` and `author` are required.
    assert_eq!((problem["errors"].as_array().map(Vec::len), &problem["errorCount"]), (Some(100), &json!(95_002)));
    assert_eq!(problem["detail"], "the body has 95002 faults");
    let one = reviews().json(&json!({"rating": 9, "author": "A"})).await.problem(422, "web.invalid_body");
    assert_eq!((one["errors"].as_array().map(Vec::len), &one["errorCount"]), (Some(1), &json!(1)));
    let none = shop.house.server.get("/api/v2/products/none").await.problem(404, "catalog.product_not_found");
    assert!(none.get("errorCount").is_none() && none.get("errors").is_none(), "{none}");
}

/// Fifty rows with thousands of faults each are told as one body is.
#[tokio::test]
async fn the_rows_of_a_batch_share_what_may_be_told() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let month = json!({"storeId": "330", "year": 2024, "month": 2, "dailyData": {"1": {"sales": 1}}});
    for (path, member, good, required) in [
        ("/api/v2/products/batch", "products", json!({"sku": "A", "title": "Tea"}), 2),
        ("/api/v2/sales/batch", "salesDataArray", month, 4),
        ("/api/v2/sales/batch-delete", "keys", json!({"storeId": "330", "year": 2024, "month": 1}), 3),
    ] {
        const UNKNOWN: usize = 1_500;
        let bad = vec![unknown(UNKNOWN); 49].join(",");
        let body = |first: &str| format!("{{{member:?}:[{first},{bad}]}}");
        let wrong = 49 * (UNKNOWN + required);
        let send =
            |atomic: &str, body: String| admin.post(&format!("{path}?atomic={atomic}")).bytes("application/json", body);
        let refused = send("true", body(&good.to_string())).await;
        assert_eq!(check(path, &refused), wrong, "{path}");
        let code = if path.contains("sales") { "sales.batch_invalid" } else { "catalog.batch_invalid" };
        let problem = refused.problem(422, code);
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100));
        assert_eq!(problem["detail"], format!("{wrong} faults; nothing was written"));

        let answer = send("false", body(&good.to_string())).await.status(207);
        assert_eq!(check(path, &answer), wrong, "{path}");
        let answer = answer.json();
        let rows = answer["results"].as_array().expect("rows");
        assert!(rows[0].get("errorCount").is_none() && rows[0].get("errors").is_none(), "{}", rows[0]);
        assert!(rows[1..].iter().all(|row| row["errorCount"] == UNKNOWN + required), "{path}");
        assert_eq!(rows[1]["errors"].as_array().map(Vec::len), Some(100), "the first have the room");
        assert_eq!(answer["summary"]["failed"], 49);
    }
    // Days of a month, and lines of a file, are counted like members.
    let days: Vec<String> = (0..5_000).map(|day| format!("\"d{day}\":0")).collect();
    let body = format!("{{\"dailyData\":{{{}}}}}", days.join(","));
    let put = admin.request("PUT", "/api/v2/sales/330/2024/3").bytes("application/json", body).await;
    assert_eq!(check("days", &put), 5_000);
    put.problem(422, "web.invalid_body");
    let lines: String = (0..3_000).map(|line| format!("330,2024,2,{},1\n", 40 + line)).collect();
    let file = format!("storeId,year,month,day,sales\n330,2024,2,1,1\n{lines}");
    let report = admin.post("/api/v2/sales/import").bytes("text/csv", file).await.status(207);
    assert_eq!(check("a file", &report), 3_000);
    let report = report.json();
    assert_eq!(
        (&report["lines"], &report["failed"], &report["errorsAreCut"]),
        (&json!(3_001), &json!(3_000), &json!(true))
    );
    assert_eq!((report["errors"].as_array().map(Vec::len), &report["errors"][0]["line"]), (Some(100), &json!(3)));
}

/// Queries of about eight thousand bytes that are wrong in each way, for an operation that takes these parameters; with
/// how many parameters each names that nobody knows.
fn queries(parameters: &[String], bytes: usize) -> Vec<(&'static str, String, usize)> {
    let names = |count: usize| (0..count).map(|number| format!("{number:04x}")).collect::<Vec<_>>().join("&");
    let share = bytes / parameters.len().max(1);
    let known = |value: &dyn Fn(usize) -> String| {
        let pairs = parameters.iter().map(|name| {
            let name = name.replace(['<', '>'], "");
            format!("{name}={}", value(share.saturating_sub(name.len() + 2)))
        });
        pairs.collect::<Vec<_>>().join("&")
    };
    let count = bytes / 5;
    let mut queries = vec![
        ("unknown parameters", names(count), count),
        ("a long value", format!("zz={}", "v".repeat(bytes - 3)), 1),
        ("a long name", format!("{}=1", "n".repeat(bytes - 2)), 1),
        ("control characters", format!("zz%01={}", filled("%01", bytes - 10)), 1),
        ("a name of control characters", filled("%01", bytes), 1),
        ("NULs", vec!["%00"; bytes / 4].join("&"), bytes / 4),
        ("one parameter again and again", vec!["zz=1"; bytes / 5].join("&"), bytes / 5),
        ("no encoding", filled("%zz", bytes), 0),
    ];
    if !parameters.is_empty() {
        queries.extend([
            ("long values", known(&|room| "v".repeat(room)), 0),
            ("lists", known(&|room| filled("v,", room)), 0),
            ("long values of control characters", known(&|room| filled("%01", room)), 0),
            ("every parameter again and again", vec![known(&|_| "1".to_owned()); 20].join("&"), 0),
        ]);
    }
    queries.retain(|(_, query, _)| query.len() <= bytes);
    queries
}

#[tokio::test]
async fn no_query_gets_a_larger_answer_than_64_kib_and_each_counts_its_faults() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let mut counted = 0;
    for operation in operations() {
        // Of things that there are not, so that nothing is changed by asking.
        let path = operation.about(&[]);
        // A target may have 8 KiB.
        let bytes = 8_192 - path.len() - 1;
        for (name, query, wrong) in queries(&operation.parameters, bytes) {
            let path = format!("{path}?{query}");
            let asked = format!("{} {} with a query of {name}", operation.method, operation.path);
            let with_body = |request: Request| match operation.media.as_deref() {
                Some(media) if media.contains("json") => request.bytes(media, "{}"),
                Some(media) => request.bytes(media, ""),
                None => request,
            };
            let answer = with_body(operation.by(&admin, &path)).await;
            let count = check(&asked, &answer);
            let is_told = answer.status == 400 && answer.json()["code"] == "web.invalid_query";
            if is_told && wrong > 0 {
                assert!(count >= wrong, "{asked}: {count} of {wrong}");
                counted += 1;
            }
            let stranger = with_body(operation.by_nobody(&shop.house.server, &path)).await;
            check(&format!("{asked} by a stranger"), &stranger);
        }
    }
    assert!(counted >= 500, "only {counted} queries were read");
}

/// A body so large that reading it is work is taken only where it has to be so large.
#[tokio::test]
async fn a_body_is_no_larger_than_its_operation_needs() {
    let shop = Shop::open().await;
    let padded = |body: &Value, bytes: usize| {
        let body = body.to_string();
        let padding = " ".repeat(bytes - body.len());
        format!("{body}{padding}")
    };
    let mut small = 0;
    for operation in operations().iter().filter(|one| one.method == "POST" && one.path.starts_with("/api/v2/auth/")) {
        // One of them ends the session that it is asked by.
        let token = shop.house.admin().await;
        let caller = shop.house.server.bearing(&token);
        let send =
            |bytes: usize| operation.by(&caller, &operation.path).bytes("application/json", padded(&json!({}), bytes));
        send(16 * 1024 + 1).await.problem(413, "web.body_too_large");
        assert_ne!(send(16 * 1024).await.status, 413, "{}", operation.path);
        if operation.action.is_none() {
            let stranger = operation.by_nobody(&shop.house.server, &operation.path);
            let stranger = stranger.bytes("application/json", padded(&json!({}), 16 * 1024 + 1)).await;
            stranger.problem(413, "web.body_too_large");
        }
        small += 1;
    }
    assert_eq!(small, 8, "each that signs in or out, or proves something");

    let review = json!({"rating": 5, "author": "Mira"});
    let reviews = || shop.house.server.post("/api/v2/products/POT/reviews");
    let too_large = reviews().bytes("application/json", padded(&review, 1024 * 1024 + 1)).await;
    too_large.problem(413, "web.body_too_large");
    reviews().bytes("application/json", padded(&review, 1024 * 1024)).await.created();

    let months = json!({"salesDataArray": [
        {"storeId": "330", "year": 2024, "month": 2, "dailyData": {"1": {"sales": 1}}},
    ]});
    for (path, body) in [
        ("/api/v2/products/batch", json!({"products": [{"sku": "A", "title": "Tea"}]})),
        ("/api/v2/sales/batch", months),
    ] {
        shop.admin().post(path).bytes("application/json", padded(&body, 2 * 1024 * 1024)).await.ok();
    }
}
