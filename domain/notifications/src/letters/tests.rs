//! What letters say, whoever has typed what is in them.
//!
//! **Invariant:** what a template shows is compared with what was given, never with another letter.

use serde_json::{Value, json};

use super::*;

/// A name that breaks out of whatever does not escape it.
const HOSTILE: &str = "<script>alert(\"1\")</script> '\" & <img src=x onerror=alert(1)>";

fn shop() -> Shop {
    Shop {
        name: "Tea & Co".to_owned(),
        url: "https://shop.example".to_owned(),
        support: "help@shop.example".to_owned(),
    }
}

fn sample(name: &str) -> Value {
    let samples = Template::samples();
    let sample = samples.iter().find(|sample| sample.name() == name).expect("there is one of each");
    serde_json::to_value(sample).expect("JSON")
}

fn render(template: &Template) -> Rendered {
    template.render(&shop()).expect("it is sound")
}

fn read(value: Value) -> Template {
    serde_json::from_value(value).expect("it is sound")
}

/// The sample with some fields changed.
fn with(name: &str, changes: &Value) -> Template {
    let mut value = sample(name);
    for (field, change) in changes.as_object().expect("an object") {
        value[field] = change.clone();
    }
    read(value)
}

/// Puts another text in the place of all that are neither links, nor times, nor amounts.
fn replace_texts(value: &mut Value, text: &str) {
    const KEPT: [&str; 9] =
        ["template", "severity", "link", "tracking", "placedAt", "expected", "at", "expiresAt", "currency"];
    match value {
        Value::String(old) => text.clone_into(old),
        Value::Array(values) => values.iter_mut().for_each(|value| replace_texts(value, text)),
        Value::Object(fields) => {
            let replaced = fields.iter_mut().filter(|(name, _)| !KEPT.contains(&name.as_str()) && *name != "amount");
            replaced.for_each(|(_, value)| replace_texts(value, text));
        }
        _ => {}
    }
}

/// What a reader sees of HTML: no tags, no styles, one space where there are many.
fn seen(html: &str) -> String {
    let body = html.split_once("</head>").map_or(html, |(_, body)| body);
    let without_tags: String =
        body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join(" ");
    without_tags.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn there_is_a_sample_of_each_template_and_names_never_change() {
    let names: Vec<_> = Template::samples().iter().map(Template::name).collect();
    assert_eq!(names, Template::NAMES);
    for sample in Template::samples() {
        let value = serde_json::to_value(&sample).expect("JSON");
        assert_eq!(value["template"], sample.name());
        assert_eq!(read(value), sample, "what is stored is read as it was");
    }
}

#[test]
fn a_template_that_there_is_not_is_not_read() {
    let mut value = sample("alert");
    value["template"] = json!("alarm");
    assert!(serde_json::from_value::<Template>(value).is_err());
}

#[test]
fn a_confirmation_shows_all_that_was_ordered() {
    let order = read(sample("order_confirmation"));
    let rendered = render(&order);
    assert_eq!(rendered.subject, "Your order A-104729 at Tea & Co");
    assert_eq!(
        rendered.text,
        "Hello Anna Müller,\n\n\
         thank you for your order A-104729, received on 3 March 2026, 13:05 UTC.\n\
         We will write again when it is on its way.\n\n\
         - Darjeeling First Flush, 250 g (TEA-DJ-250)\n  2 × EUR 18.90 = EUR 37.80\n\
         - Cast-iron teapot, 1.2 l, with a strainer of stainless steel (POT-CI-12)\n  1 × EUR 64.00 = EUR 64.00\n\
         - Almond biscuits (BIS-ALM)\n  3 × EUR 4.25 = EUR 12.75\n\n\
         Subtotal: EUR 114.55\nDiscount: −EUR 10.00\nShipping: EUR 4.90\nTax: EUR 17.48\nTotal: EUR 126.93\n\n\
         Your order: https://shop.example/orders/A-104729\n\n\
         Delivery address:\n  Anna Müller\n  Lindenstraße 12\n  10969 Berlin\n  Germany\n\n\
         -- \nTea & Co\nhttps://shop.example/\nQuestions? help@shop.example"
    );
    let seen = seen(&rendered.html);
    for part in [
        "we received your order A-104729 on 3 March 2026, 13:05 UTC",
        "Darjeeling First Flush, 250 g 2 × EUR 18.90 · TEA-DJ-250 EUR 37.80",
        "Subtotal EUR 114.55 Discount −EUR 10.00 Shipping EUR 4.90 Tax EUR 17.48 Total EUR 126.93",
        "Delivery address Anna Müller Lindenstraße 12 10969 Berlin Germany",
        "Questions? help@shop.example",
    ] {
        assert!(seen.contains(part), "{part:?} in {seen}");
    }
    let plain = render(&with("order_confirmation", &json!({"discount": null, "tax": null})));
    assert!(!plain.text.contains("Discount") && !plain.html.contains("Discount"));
    assert!(!plain.text.contains("Tax:") && !plain.html.contains(">Tax<"));
}

#[test]
fn a_dispatch_says_where_it_is_or_where_the_order_is() {
    let rendered = render(&read(sample("order_shipped")));
    assert_eq!(rendered.subject, "Your order A-104729 is on its way");
    assert!(
        rendered.text.contains("on its way with DHL, 00340434161094042557.\nIt is expected on Friday, 6 March 2026.")
    );
    assert!(rendered.html.contains(r#"<a href="https://carrier.example/track/00340434161094042557""#));
    assert!(seen(&rendered.html).contains("Expected on Friday, 6 March 2026 with DHL, 00340434161094042557"));
    let unknown = json!({"tracking": null, "trackingNumber": null, "expected": null});
    let rendered = render(&with("order_shipped", &unknown));
    assert!(rendered.text.contains("on its way with DHL.\n\nYour order: https://shop.example/orders/A-104729\n"));
    assert!(!rendered.html.contains("Track the parcel") && !rendered.html.contains("Expected"));
    assert!(rendered.html.contains(r#"<a href="https://shop.example/orders/A-104729""#));
}

#[test]
fn low_stock_lists_what_is_left() {
    let rendered = render(&read(sample("low_stock")));
    assert_eq!(rendered.subject, "Low stock at Berlin Mitte: 3 products");
    assert!(
        rendered
            .text
            .starts_with("These 3 products have fallen to the threshold or below at Berlin Mitte.\n\n- Almond")
    );
    assert!(
        rendered.text.contains("- Sencha, 100 g (TEA-SEN-100): 11 left, the threshold is 20\n\nThe stock: https://")
    );
    assert!(seen(&rendered.html).contains("Darjeeling First Flush, 250 g TEA-DJ-250 7 25"));
    let item = sample("low_stock")["items"][1].clone();
    let one = render(&with("low_stock", &json!({"items": [item], "store": null})));
    assert_eq!(one.subject, "Low stock: Darjeeling First Flush, 250 g");
    assert!(one.text.starts_with("This product has fallen to the threshold or below.\n"));
}

#[test]
fn links_that_work_once_say_for_how_long() {
    for (name, subject, link, span) in [
        ("password_reset", "Choose a new password for Tea & Co", "/password/new?token=q3TjZ0rW9uVnX5c8kLm2", "1 hour"),
        (
            "email_verification",
            "Confirm your e-mail address for Tea & Co",
            "/verify?token=Y7pLk2mQv4sN1bD6xR0e",
            "1 day",
        ),
        ("invitation", "Your account at Tea & Co", "/console/account#reset=Zt4Rk1wQm7sB9xN2vL8c", "7 days"),
    ] {
        assert!(read(sample(name)).is_secret());
        let rendered = render(&read(sample(name)));
        assert_eq!(rendered.subject, subject);
        assert!(rendered.text.contains(&format!("\n\nhttps://shop.example{link}\n\n")), "{}", rendered.text);
        assert!(rendered.text.contains(&format!("for {span}.")), "{}", rendered.text);
        assert_eq!(rendered.html.matches(&format!("href=\"https://shop.example{link}\"")).count(), 2);
        assert!(seen(&rendered.html).contains(&format!("for {span} .")));
    }
}

#[test]
fn an_alert_says_how_bad_it_is_and_keeps_its_lines() {
    let rendered = render(&read(sample("alert")));
    assert_eq!(rendered.subject, "[Critical] Orders cannot be placed");
    assert!(rendered.text.starts_with("Critical: Orders cannot be placed\n3 March 2026, 14:05 UTC\n\nThe database"));
    assert!(rendered.html.contains("four minutes.<br>23 orders"));
    for (severity, word) in [("info", "Info"), ("warning", "Warning")] {
        let rendered = render(&with("alert", &json!({"severity": severity, "link": null})));
        assert_eq!(rendered.subject, format!("[{word}] Orders cannot be placed"));
        assert!(seen(&rendered.html).contains(&format!("{word} Orders cannot be placed The database")));
        assert!(!rendered.html.contains("Look into it") && !rendered.text.contains("Look into it"));
    }
    let long = "é".repeat(4_000);
    let rendered = render(&with("alert", &json!({"detail": format!("one\n{long}\n{long}\nfour")})));
    for shown in [&rendered.text, &rendered.html] {
        assert_eq!(shown.matches('é').count(), 4_000);
        assert!(shown.contains("the rest is left out") && !shown.contains("four"));
    }
}

#[test]
fn a_report_says_until_when_it_can_be_fetched() {
    let rendered = render(&read(sample("report_ready")));
    assert_eq!(rendered.subject, "Sales by store is ready");
    assert!(rendered.text.starts_with(
        "Sales by store (February 2026) is ready:\n\nhttps://shop.example/reports/2026-02-sales\n\n\
         It can be downloaded until 10 March 2026, 06:00 UTC.\n"
    ));
    assert!(rendered.html.contains(r#"<a href="https://shop.example/reports/2026-02-sales""#));
}

#[test]
fn whatever_is_typed_adds_no_tag_no_attribute_and_no_line() {
    let shop = Shop { name: HOSTILE.to_owned(), ..shop() };
    let tags = |html: &str| html.matches('<').count();
    for name in Template::NAMES {
        let rendered = |text: &str| {
            let mut value = sample(name);
            replace_texts(&mut value, text);
            read(value).render(&shop).expect("it is sound")
        };
        let (harmless, hostile) = (rendered("harmless"), rendered(HOSTILE));
        assert_eq!(tags(&hostile.html), tags(&harmless.html), "{name}");
        assert!(!hostile.html.contains("<script") && !hostile.html.contains("<img"), "{name}");
        assert!(hostile.html.contains("&#60;script&#62;"), "{name}: it is shown as it was typed");
        let many_lines = rendered("one\r\nBcc: eve@example.org\n\u{2028}\nhttps://evil.example");
        assert_eq!(many_lines.subject.lines().count(), 1, "{name}");
        assert!(!many_lines.subject.contains(char::is_control), "{name}");
        // An alert's detail may have lines.
        if name != "alert" {
            assert_eq!(many_lines.text.lines().count(), harmless.text.lines().count(), "{name}");
        }
    }
}

#[test]
fn no_template_writes_anything_unescaped() {
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/letters");
    let mut seen = 0;
    for entry in std::fs::read_dir(templates).expect("there are templates") {
        let path = entry.expect("an entry").path();
        let source = std::fs::read_to_string(&path).expect("a text");
        assert!(!source.contains("safe") && !source.contains("escape("), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 2 * (Template::NAMES.len() + 2), "a template each, the layout and the parts");
}

#[test]
fn a_link_that_leads_to_no_web_page_is_refused() {
    for name in Template::NAMES {
        for link in ["javascript:alert(1)", "data:text/html,x", "/orders/7", "https://a@evil.example/"] {
            let mut value = sample(name);
            value["link"] = json!(link);
            assert!(serde_json::from_value::<Template>(value).is_err(), "{name} {link}");
        }
    }
    let mut value = sample("order_shipped");
    value["tracking"] = json!("javascript:alert(1)");
    assert!(serde_json::from_value::<Template>(value).is_err());
}

#[test]
fn a_shop_that_cannot_be_linked_to_writes_no_letters() {
    let letter = read(sample("alert"));
    let url = Shop { url: "javascript:alert(1)".to_owned(), ..shop() };
    assert!(matches!(letter.render(&url), Err(LetterError::ShopUrl(LinkError::Scheme))));
    for support in ["javascript:alert(1)", "help@shop.example?bcc=eve@example.org", "a@b\"onclick=\"x", "", "help"] {
        let shop = Shop { support: support.to_owned(), ..shop() };
        assert!(matches!(letter.render(&shop), Err(LetterError::ShopSupport(_))), "{support:?}");
    }
    let page = Shop { support: "https://shop.example/help".to_owned(), ..shop() };
    let rendered = letter.render(&page).expect("it is sound");
    assert!(rendered.html.contains(r#"<a href="https://shop.example/help""#));
    assert!(rendered.text.ends_with("Questions? https://shop.example/help"));
}

#[test]
fn an_amount_that_is_none_is_not_read() {
    for amount in
        [json!({"amount": "-1.00", "currency": "EUR"}), json!({"amount": "1.001", "currency": "EUR"}), json!("1")]
    {
        for field in ["total", "discount"] {
            let mut value = sample("order_confirmation");
            value[field] = amount.clone();
            assert!(serde_json::from_value::<Template>(value).is_err(), "{field} {amount}");
        }
    }
}

#[test]
fn a_long_list_says_how_many_more_there_are() {
    for (name, list) in [("order_confirmation", "lines"), ("order_shipped", "lines"), ("low_stock", "items")] {
        let entries = |count: usize| {
            let mut value = sample(name);
            let mut entry = value[list][0].clone();
            entry["sku"] = json!("THE-SKU");
            value[list] = vec![entry; count].into();
            render(&read(value))
        };
        for (count, shown, more) in [(100, 100, None), (101, 100, Some("and 1 more")), (350, 100, Some("and 250 more"))]
        {
            let rendered = entries(count);
            for written in [&rendered.text, &rendered.html] {
                assert_eq!(written.matches("THE-SKU").count(), shown, "{name} {count}");
                assert_eq!(written.contains("and 1 more") || written.contains("and 250 more"), more.is_some());
                assert!(more.is_none_or(|more| written.contains(more)), "{name} {count}");
            }
        }
    }
}

#[test]
fn a_subject_has_a_limit() {
    let rendered = render(&with("alert", &json!({"title": "é".repeat(200)})));
    assert_eq!(rendered.subject.chars().count(), LONGEST_SUBJECT);
    assert!(rendered.subject.ends_with('…'));
}

#[test]
fn html_has_a_preheader_a_dark_mode_and_a_width() {
    for sample in Template::samples() {
        let html = render(&sample).html;
        for part in ["max-width:600px", "prefers-color-scheme: dark", "name=\"color-scheme\"", "mso-hide:all"] {
            assert!(html.contains(part), "{} lacks {part}", sample.name());
        }
        let preheader = html.split("color:transparent;\">").nth(1).and_then(|rest| rest.split("&#8199;").next());
        assert!(preheader.is_some_and(|text| text.trim().len() > 10), "{}: {preheader:?}", sample.name());
    }
}
