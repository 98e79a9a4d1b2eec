//! What a product can look like: what a write makes of it, and what each kind of read must show of it.
//! Pure: no I/O and no time.
//!
//! **Invariants:**
//! - A new stock above zero, price or description is a value that the product never had before, so an
//!   answer that is out of date looks like no later state. (The writers draw them from
//!   `Product::number`.)
//! - An answer is compared as a whole: every member that a write can change, and those that none may.

use std::sync::Arc;

use serde_json::{Value, json};

/// What no write changes.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) sku: String,
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) tag: String,
    /// The slugs of the two categories that it moves between.
    pub(super) shelves: [String; 2],
}

/// A product that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Living {
    /// `None` while no answer told it.
    pub(super) id: Option<Arc<str>>,
    pub(super) stock: i64,
    pub(super) cents: i64,
    /// The number of its description.
    pub(super) text: i64,
    /// An index into [`Names::shelves`].
    pub(super) shelf: usize,
    pub(super) ratings: i64,
    /// The stars of all ratings together.
    pub(super) stars: i64,
}

/// `None` when it is deleted.
pub(super) type State = Option<Living>;

/// A write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Stock(i64),
    Price(i64),
    Text(i64),
    Shelf(usize),
    StockAndPrice(i64, i64),
    Review(i64),
    Delete,
    Create(Living),
}

impl Change {
    /// The state after it; `None` where it cannot be done.
    pub(super) fn apply(&self, state: &State) -> Option<State> {
        let mut living = match (self, state) {
            (Self::Create(new), None) => return Some(Some(new.clone())),
            (Self::Delete, Some(_)) => return Some(None),
            (Self::Create(_), Some(_)) | (_, None) => return None,
            (_, Some(living)) => living.clone(),
        };
        match *self {
            Self::Stock(stock) => living.stock = stock,
            Self::Price(cents) => living.cents = cents,
            Self::Text(text) => living.text = text,
            Self::Shelf(shelf) => living.shelf = shelf,
            Self::StockAndPrice(stock, cents) => (living.stock, living.cents) = (stock, cents),
            Self::Review(stars) => {
                living.ratings += 1;
                living.stars += stars;
            }
            Self::Delete | Self::Create(_) => {}
        }
        Some(Some(living))
    }

    /// The body that asks for it; `None` for a deletion, which has none.
    pub(super) fn body(&self, names: &Names) -> Option<Value> {
        Some(match self {
            Self::Stock(stock) => json!({"stock": stock}),
            Self::Price(cents) => json!({"price": price(*cents)}),
            Self::Text(text) => json!({"description": description(*text)}),
            Self::Shelf(shelf) => json!({"category": names.shelves[*shelf]}),
            Self::StockAndPrice(stock, cents) => json!({"stock": stock, "price": price(*cents)}),
            Self::Review(stars) => json!({"rating": stars, "author": "Verify"}),
            Self::Delete => return None,
            Self::Create(new) => json!({
                "sku": names.sku, "slug": names.slug, "title": names.title, "tags": [names.tag],
                "description": description(new.text), "category": names.shelves[new.shelf],
                "price": price(new.cents), "stock": new.stock,
            }),
        })
    }
}

fn price(cents: i64) -> Value {
    json!({"amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "EUR"})
}

/// The cents of a price in an answer, which writes no more zeros than it was given.
fn cents_of(price: &Value) -> Option<i64> {
    let amount = price["amount"].as_str().filter(|_| price["currency"] == "EUR")?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let part = format!("{part:0<2}");
    if part.len() > 2 {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100 + part.parse::<i64>().ok()?)
}

/// A description that is long enough for answers to be compressed.
fn description(text: i64) -> String {
    let filler = "Dried slowly, packed by hand, and kept in the dark until it is sold. ";
    format!("Text {text}. {}", filler.repeat(18)).trim_end().to_owned()
}

/// Which members a read asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members {
    Whole,
    /// `fields=id,sku,stock`, and nothing else.
    Brief,
    /// The summary of its ratings.
    Ratings,
    /// What the database itself was asked for.
    Stored,
}

/// Which products a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    All,
    Shelf(usize),
    InStock(bool),
    /// From so many cents on.
    MinPrice(i64),
    MaxPrice(i64),
}

impl Filter {
    fn has(self, living: &Living) -> bool {
        match self {
            Self::All => true,
            Self::Shelf(shelf) => living.shelf == shelf,
            Self::InStock(wanted) => (living.stock > 0) == wanted,
            Self::MinPrice(cents) => living.cents >= cents,
            Self::MaxPrice(cents) => living.cents <= cents,
        }
    }
}

/// What a product was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    Id(Arc<str>),
    /// Its SKU or its slug.
    Name,
    List(Filter),
}

/// How a read looks at a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) by: By,
    pub(super) members: Members,
}

/// What a read showed of a product.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown<'a> {
    /// 404, 410, or no row of a list.
    Gone,
    Document(&'a Value),
}

/// What speaks against an answer that was made from `state`; `None` when nothing does.
pub(super) fn difference(state: &State, names: &Names, view: &View, shown: Shown<'_>) -> Option<String> {
    let is_there = || Some("it is there".to_owned());
    match (state, shown) {
        (None, Shown::Gone) => None,
        (None, Shown::Document(_)) => is_there(),
        (Some(living), Shown::Gone) => {
            let may_be_absent = match &view.by {
                // One whose id nobody knows is not necessarily the one that was asked for.
                By::Id(id) => living.id.as_ref().is_none_or(|own| own != id),
                By::Name => false,
                By::List(filter) => !filter.has(living),
            };
            (!may_be_absent).then(|| "it is not there".to_owned())
        }
        (Some(living), Shown::Document(document)) => match &view.by {
            By::Id(id) if living.id.as_ref().is_some_and(|own| own != id) => is_there(),
            By::List(filter) if !filter.has(living) => is_there(),
            _ => living.differs(names, document, view.members),
        },
    }
}

impl Living {
    /// The first member that a document has otherwise.
    pub(super) fn differs(&self, names: &Names, document: &Value, members: Members) -> Option<String> {
        let is = |member: &str, wanted: &str| document[member].as_str() == Some(wanted);
        let has_id = || self.id.as_ref().is_none_or(|id| is("id", id));
        let counts = |member: &str, wanted: i64| document[member].as_i64() == Some(wanted);
        let checks: Vec<(&str, bool)> = match members {
            Members::Brief => vec![
                ("id", has_id() && document.as_object().is_some_and(|members| members.len() == 3)),
                ("sku", is("sku", &names.sku)),
                ("stock", counts("stock", self.stock)),
            ],
            Members::Ratings => {
                vec![("count", counts("count", self.ratings)), ("average", self.has_average(&document["average"]))]
            }
            Members::Stored => vec![
                ("id", has_id()),
                ("stock", counts("stock", self.stock)),
                ("cents", counts("cents", self.cents)),
                ("ratingCount", counts("ratingCount", self.ratings)),
            ],
            Members::Whole => vec![
                ("id", has_id()),
                ("sku", is("sku", &names.sku)),
                ("slug", is("slug", &names.slug)),
                ("title", is("title", &names.title)),
                ("description", is("description", &description(self.text))),
                ("category", document["category"]["slug"].as_str() == Some(&names.shelves[self.shelf])),
                ("price", cents_of(&document["price"]) == Some(self.cents)),
                ("stock", counts("stock", self.stock)),
                ("inStock", document["inStock"].as_bool() == Some(self.stock > 0)),
                ("ratingCount", counts("ratingCount", self.ratings)),
                ("rating", self.has_average(&document["rating"])),
                ("tags", document["tags"] == json!([names.tag])),
                ("active", document["active"] == true),
            ],
        };
        let (member, _) = checks.into_iter().find(|(_, is_same)| !is_same)?;
        let shown: String = document[member].to_string().chars().take(60).collect();
        Some(format!("{member} is {shown}"))
    }

    /// Whether this is the average of its stars, with two decimals, halves rounded up.
    fn has_average(&self, shown: &Value) -> bool {
        let hundredths = (200 * self.stars + self.ratings).checked_div(2 * self.ratings);
        match hundredths {
            None => shown.is_null(),
            Some(hundredths) => shown.as_f64().is_some_and(|shown| (shown * 100.0 - hundredths as f64).abs() < 0.001),
        }
    }

    /// What a whole document says, for going on after an answer that nobody had expected.
    pub(super) fn of(names: &Names, document: &Value) -> Option<Self> {
        let text = document["description"].as_str()?.strip_prefix("Text ")?.split('.').next()?.parse().ok()?;
        let ratings = document["ratingCount"].as_i64()?;
        let average = document["rating"].as_f64().unwrap_or(0.0);
        Some(Self {
            id: document["id"].as_str().map(Into::into),
            stock: document["stock"].as_i64()?,
            cents: cents_of(&document["price"])?,
            text,
            shelf: names.shelves.iter().position(|shelf| document["category"]["slug"] == **shelf)?,
            ratings,
            stars: (average * ratings as f64).round() as i64,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::verify) fn names() -> Names {
        Names {
            sku: "V-1".into(),
            slug: "v-1".into(),
            title: "Verify 1".into(),
            tag: "verify".into(),
            shelves: ["a".into(), "b".into()],
        }
    }

    pub(in crate::verify) fn living() -> Living {
        Living { id: Some("one".into()), stock: 7, cents: 1_250, text: 3, shelf: 0, ratings: 2, stars: 9 }
    }

    /// The whole document of a product, as the server writes it.
    pub(in crate::verify) fn document(living: &Living) -> Value {
        let mut document = Change::Create(living.clone()).body(&names()).expect("it has a body");
        document["category"] = json!({"id": "x", "slug": names().shelves[living.shelf], "name": "X"});
        document["id"] = json!(living.id.as_deref().unwrap_or("told"));
        document["inStock"] = json!(living.stock > 0);
        document["active"] = json!(true);
        document["ratingCount"] = json!(living.ratings);
        let hundredths = (200 * living.stars + living.ratings).checked_div(2 * living.ratings);
        document["rating"] = json!(hundredths.map(|hundredths| hundredths as f64 / 100.0));
        document
    }

    #[test]
    fn every_member_of_a_body_is_compared() {
        let living = living();
        let whole = document(&living);
        assert_eq!(living.differs(&names(), &whole, Members::Whole), None);
        assert_eq!(Living::of(&names(), &whole), Some(living.clone()));
        for (member, other) in [
            ("id", json!("two")),
            ("slug", json!("v-2")),
            ("title", json!("Verify 2")),
            ("description", json!(description(2))),
            ("category", json!({"slug": "b"})),
            ("price", json!({"amount": "12.49", "currency": "EUR"})),
            ("price", json!({"amount": "12.5", "currency": "USD"})),
            ("stock", json!(6)),
            ("inStock", json!(false)),
            ("ratingCount", json!(1)),
            ("rating", json!(4.0)),
            ("tags", json!([])),
            ("active", json!(false)),
        ] {
            let mut stale = whole.clone();
            stale[member] = other;
            let told = living.differs(&names(), &stale, Members::Whole);
            assert!(told.is_some_and(|told| told.starts_with(member)), "{member}");
        }
    }

    #[test]
    fn prices_are_compared_by_their_amount() {
        for (amount, cents) in [("12.5", Some(1_250)), ("12", Some(1_200)), ("0.07", Some(7)), ("1.234", None)] {
            assert_eq!(cents_of(&json!({"amount": amount, "currency": "EUR"})), cents, "{amount}");
        }
    }

    #[test]
    fn what_was_deleted_must_be_gone_and_what_is_there_must_show() {
        let there: State = Some(living());
        let whole = document(&living());
        let says = |state: &State, by: By, shown: Shown<'_>| {
            difference(state, &names(), &View { by, members: Members::Whole }, shown).is_none()
        };
        let shown = Shown::Document(&whole);
        assert!(!says(&None, By::Name, shown) && says(&None, By::Name, Shown::Gone));
        assert!(says(&there, By::Name, shown) && !says(&there, By::Name, Shown::Gone));
        assert!(!says(&there, By::Id("old".into()), shown), "the id of one that was deleted");
        assert!(says(&there, By::Id("old".into()), Shown::Gone));
        for (filter, has) in [
            (Filter::Shelf(0), true),
            (Filter::Shelf(1), false),
            (Filter::InStock(false), false),
            (Filter::MinPrice(1_250), true),
            (Filter::MinPrice(1_251), false),
            (Filter::MaxPrice(1_249), false),
        ] {
            assert_eq!(says(&there, By::List(filter), shown), has, "{filter:?}");
            assert_eq!(says(&there, By::List(filter), Shown::Gone), !has, "{filter:?}");
        }
    }
}
