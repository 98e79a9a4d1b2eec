//! The pages that the program serves: the first one, the console's, the explorer. What they look like and do is looked
//! at in a browser, by `clients/live/test`; here, what is sent.

use std::collections::BTreeSet;

use crate::house::House;

const PAGES: [&str; 5] = ["/", "/console/live", "/console/mail", "/console/account", "/api-docs"];

/// Every address of this server that a text names after one of these marks, without its fragment.
fn addresses<'a>(text: &'a str, marks: &[&str]) -> Vec<&'a str> {
    let found = marks.iter().flat_map(|mark| text.split(mark).skip(1));
    let quoted = found.filter_map(|rest| rest.split('"').next());
    quoted.filter(|address| address.starts_with('/')).filter_map(|address| address.split('#').next()).collect()
}

/// From the first page every other one is reached, by links alone; and each link, script and style leads somewhere.
#[tokio::test]
async fn every_page_is_reached_from_the_first_and_every_link_leads_somewhere() {
    let house = House::new(&[]).await;
    let (mut wanted, mut seen) = (vec!["/".to_owned()], BTreeSet::new());
    while let Some(path) = wanted.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = house.server.get(&path).header("accept", "text/html,*/*;q=0.8").await.status(200);
        let content_type = answer.header("content-type").to_owned();
        let text = answer.text();
        let links = if content_type.starts_with("text/html") {
            addresses(&text, &["href=\"", "src=\""])
        } else if content_type.starts_with("text/javascript") && !path.contains(".min.") && !path.starts_with("/client")
        {
            addresses(&text, &["from \"", "import \"", "href: \""])
        } else {
            Vec::new()
        };
        assert!(!content_type.starts_with("text/html") || links.len() > 5, "{path} leads nowhere");
        wanted.extend(links.into_iter().map(str::to_owned));
    }
    for path in PAGES.into_iter().chain([
        "/openapi.json",
        "/problems",
        "/health",
        "/client/entrepot-live.js",
        "/client/entrepot-live.d.ts",
        "/console/console.js",
    ]) {
        assert!(seen.contains(path), "{path} is not reached from the first page: {seen:?}");
    }
}

/// One head, one script that calls the API, and a policy under which nothing from elsewhere or within a page runs.
#[tokio::test]
async fn pages_share_their_head_and_hold_no_script() {
    let house = House::new(&[]).await;
    let mut heads = BTreeSet::new();
    for path in PAGES {
        let page = house.server.get(path).header("accept", "text/html").await.status(200);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-eval"), "{path}: {policy}");
        assert_eq!(policy.contains("unsafe-inline"), path == "/api-docs", "the library sets styles: {path}: {policy}");
        let text = page.text();
        assert!(!text.contains("{{") && text.starts_with("<!doctype html>"), "{path}");
        assert!(text.contains("name=\"viewport\"") && text.contains("<main") && text.contains("<h1>"), "{path}");
        for script in text.split("<script").skip(1) {
            assert!(
                script.trim_start().starts_with("type=\"module\" src=\"") && script.contains("\"></script>"),
                "{path}"
            );
        }
        for forbidden in ["<style", " style=", " onclick=", " onload="] {
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
        let (start, end) = (text.find("<header").expect("a head"), text.find("</header>").expect("a head"));
        let head = text[start..end].replace(" aria-current=\"page\"", "");
        assert!(head.len() < end - start, "the page that is open is marked: {path}");
        heads.insert(head);
    }
    assert_eq!(heads.len(), 1, "{heads:?}");
    for script in ["index", "live", "mail", "account"] {
        let text = house.server.get(&format!("/console/{script}.js")).await.status(200).text();
        assert!(text.contains("from \"/console/console.js\""), "{script}");
        assert!(!text.contains("x-csrf-token") && !text.contains("/auth/login"), "{script} keeps to the shared script");
    }
}

#[tokio::test]
async fn browsers_get_the_first_page_and_programs_an_index() {
    let house = House::new(&[]).await;
    let page = house.server.get("/").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").await.status(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("vary"), "accept");
    assert!(page.text().contains("entrepot admin you@shop.example"), "what to do where there is no admin");
    for accept in ["application/json", "*/*"] {
        let index = house.server.get("/").header("accept", accept).await.ok();
        assert_eq!(index["links"]["openapi"], "/openapi.json");
        for link in index["links"].as_object().expect("links").values() {
            let path = link.as_str().expect("a path");
            assert!(matches!(house.server.get(path).await.status.as_u16(), 200 | 303), "{path}");
        }
    }
    for path in ["/console", "/console/"] {
        assert_eq!(house.server.get(path).await.status(303).header("location"), "/console/live");
    }
    house.server.get("/console/nothing").await.problem(404, "web.not_found");
    // Where only jobs are done there are no pages.
    let worker = House::new(&[("ENTREPOT_SERVER_ROLES", "worker")]).await;
    worker.server.get("/").await.problem(404, "web.not_found");
}

/// TypeScript finds the types of the live client beside it.
#[tokio::test]
async fn the_live_client_names_its_types() {
    let house = House::new(&[]).await;
    let client = house.server.get("/client/entrepot-live.js").await.status(200);
    let types = client.header("x-typescript-types").to_owned();
    assert_eq!(types, "/client/entrepot-live.d.ts");
    assert!(client.text().contains("entrepot-live.d.ts"), "a comment names them, too");
    let types = house.server.get(&types).await.status(200);
    assert_eq!(types.header("content-type"), "application/typescript; charset=utf-8");
    assert!(types.text().contains("export declare class EntrepotLive"));
}

/// The library is kept by browsers for ever, so its address has its version; and its licences are there.
#[tokio::test]
async fn the_explorers_library_is_kept_by_browsers() {
    let house = House::new(&[]).await;
    let page = house.server.get("/api-docs/").header("accept", "text/html").await.status(200).text();
    let addresses = addresses(&page, &["href=\""]);
    let library = addresses.iter().find(|address| address.contains(".min.js")).expect("the library");
    let answer = house.server.get(library).header("accept-encoding", "br").await.status(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(answer.body.len() < 300_000, "{} bytes", answer.body.len());
    let version = library.trim_start_matches("/api-docs/openapi-explorer-").trim_end_matches(".min.js");
    let whole = house.server.get(library).await.status(200).text();
    assert!(whole.contains(&format!("OpenAPI Explorer {version}")), "{version}");
    let licenses = house.server.get("/api-docs/LICENSES.txt").await.status(200).text();
    assert!(licenses.contains(&format!("openapi-explorer {version}")) && licenses.contains("Apache License"));
}
