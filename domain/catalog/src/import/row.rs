//! One line of the file: what is read out of it, and what has to be said about it. Pure.

use std::fmt;

use csv::StringRecord;
use entrepot_contracts::{Currency, Money, MoneyError};
use entrepot_text::{is_bidi_control, is_blank, kept};
use rust_decimal::Decimal;

use super::ImportError;
use crate::slug::{is_id, slugify};

/// The columns of the file, in the order of the real one; others may stand among them.
pub(super) const COLUMN_NAMES: [&str; 8] = [
    "product_id",
    "manufacturer_id",
    "department",
    "brand",
    "product_category",
    "product_type",
    "package_size",
    "list_price",
];

/// Something worth telling about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line in the file, from 1.
    pub line: u64,
    /// The row's `product_id`.
    pub sku: String,
    /// What was done about it.
    pub kind: NoteKind,
    /// What was found.
    pub what: String,
}

/// What was done about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoteKind {
    /// It was kept without a price.
    NoPrice,
    /// It was put into its department.
    NoCategory,
    /// It was named after its category or department.
    NoType,
    /// It was kept without a size.
    NoSize,
    /// It was not taken.
    Refused,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoPrice => "kept without a price",
            Self::NoCategory => "put into its department",
            Self::NoType => "named after its category or department",
            Self::NoSize => "kept without a size",
            Self::Refused => "refused",
        })
    }
}

/// Where each column stands.
pub(super) struct Columns([usize; 8]);

impl Columns {
    pub(super) fn find(header: &StringRecord) -> Result<Self, ImportError> {
        let mut places = [0; 8];
        for (place, name) in places.iter_mut().zip(COLUMN_NAMES) {
            let found = header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name);
            *place = found.ok_or(ImportError::MissingColumn(name))?;
            if header.iter().skip(*place + 1).any(|column| column.trim() == name) {
                return Err(ImportError::RepeatedColumn(name));
            }
        }
        Ok(Self(places))
    }

    fn get<'r>(&self, record: &'r StringRecord, column: usize) -> &'r str {
        record.get(self.0[column]).unwrap_or_default().trim()
    }
}

/// A line that is sound.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub(super) sku: String,
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) brand: Option<String>,
    pub(super) department: String,
    pub(super) category: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) package_size: Option<String>,
    pub(super) price: Option<Decimal>,
}

/// Reads a line. `None`: it is refused, and a note says why.
pub(super) fn parse_row(
    columns: &Columns,
    record: &StringRecord,
    line: u64,
    currency: Currency,
    notes: &mut Vec<Note>,
) -> Result<Option<Parsed>, ImportError> {
    let bad = |what: String| ImportError::BadLine { line, what };
    let cells: [_; COLUMN_NAMES.len()] = std::array::from_fn(|column| kept(columns.get(record, column)));
    let [id, manufacturer, department, brand, category, kind, size, price] = cells.each_ref().map(|cell| &**cell);
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) || id.len() > 20 {
        return Err(bad(format!("product_id is {id:?}, not a number")));
    }
    if record.iter().any(|field| field.contains('\0')) {
        return Err(bad("there is a NUL in it".to_owned()));
    }
    let sku = id.to_owned();
    let mut note = |kind, what: &str| notes.push(Note { line, sku: id.to_owned(), kind, what: what.to_owned() });
    if department.is_empty() {
        note(NoteKind::Refused, "department is empty");
        return Ok(None);
    }
    let is_odd = |char: char| char.is_control() || is_bidi_control(char);
    if cells.iter().any(|cell| cell.contains(is_odd) || (!cell.is_empty() && is_blank(cell))) {
        note(NoteKind::Refused, "there is a character in it that turns the text around, or nothing that is seen");
        return Ok(None);
    }
    let too_long = [(department, 120), (category, 120), (kind, 200), (brand, 120), (manufacturer, 120), (size, 60)];
    if let Some((field, most)) = too_long.iter().find(|(field, most)| field.chars().count() > *most) {
        note(NoteKind::Refused, &format!("{field:?} has more than {most} characters"));
        return Ok(None);
    }
    let price = if price.is_empty() {
        None
    } else {
        match Money::parse(price, currency) {
            Ok(money) => Some(money.amount()),
            Err(MoneyError::NotANumber) => return Err(bad(format!("list_price is {price:?}, not an amount"))),
            Err(error) => {
                note(NoteKind::Refused, &format!("list_price {price:?} {error}"));
                return Ok(None);
            }
        }
    };
    if price.is_none() {
        note(NoteKind::NoPrice, "list_price is empty");
    }
    if category.is_empty() {
        note(NoteKind::NoCategory, "product_category is empty");
    }
    if kind.is_empty() {
        note(NoteKind::NoType, "product_type is empty");
    }
    if size.is_empty() {
        note(NoteKind::NoSize, "package_size is empty");
    }
    let department = readable(department);
    let category = (!category.is_empty()).then(|| readable(category));
    let size = size.to_lowercase();
    let name = match (kind, &category) {
        ("", Some(category)) => category.clone(),
        ("", None) => department.clone(),
        (kind, _) => readable(kind),
    };
    let title = if size.is_empty() { name } else { format!("{name}, {size}") };
    // Readable case sets slashes and colons apart, which can make a text longer than it was.
    let names = [Some(&department), category.as_ref()];
    if names.into_iter().flatten().any(|name| name.chars().count() > 120) || title.chars().count() > 300 {
        note(NoteKind::Refused, "its title or a category's name is too long");
        return Ok(None);
    }
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Some(Parsed {
        slug: Some(format!("{}-{sku}", slugify(&title, "product")))
            .filter(|slug| !is_id(slug))
            .unwrap_or_else(|| format!("product-{sku}")),
        title,
        brand: filled(brand),
        department,
        category,
        manufacturer: filled(manufacturer),
        package_size: filled(&size),
        price,
        sku,
    }))
}

/// `FRUIT - SHELF STABLE` as `Fruit - Shelf Stable`; slashes and colons stand apart, so that the
/// words around them are words to search for.
fn readable(shouted: &str) -> String {
    let mut text = String::with_capacity(shouted.len() + 4);
    let mut start_of_word = true;
    for char in shouted.chars() {
        match char {
            '/' => text.push_str(" / "),
            ':' => text.push_str(": "),
            char if char.is_whitespace() => text.push(' '),
            char if start_of_word => text.extend(char.to_uppercase()),
            char => text.extend(char.to_lowercase()),
        }
        start_of_word = !char.is_alphanumeric() && char != '\'';
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> (Result<Option<Parsed>, ImportError>, Vec<NoteKind>) {
        let columns = Columns::find(&StringRecord::from(COLUMN_NAMES.to_vec())).expect("all columns");
        let record = StringRecord::from(line.split(',').collect::<Vec<_>>());
        let mut notes = Vec::new();
        let parsed = parse_row(&columns, &record, 7, "USD".parse().expect("a currency"), &mut notes);
        (parsed, notes.into_iter().map(|note| note.kind).collect())
    }

    #[test]
    fn a_real_line_becomes_a_product() {
        let (parsed, notes) = check("26190,69,GROCERY,Private,FRUIT - SHELF STABLE,APPLE SAUCE,50 OZ,1.5");
        let parsed = parsed.expect("sound").expect("taken");
        assert_eq!(notes, []);
        assert_eq!(parsed.title, "Apple Sauce, 50 oz");
        assert_eq!(parsed.slug, "apple-sauce-50-oz-26190");
        assert_eq!((parsed.department.as_str(), parsed.category.as_deref()), ("Grocery", Some("Fruit - Shelf Stable")));
        assert_eq!(parsed.price.map(|price| price.to_string()).as_deref(), Some("1.50"));
    }

    #[test]
    fn what_is_missing_is_noted_and_the_row_is_kept() {
        let (parsed, notes) = check("26081,2,MISCELLANEOUS,National,,,,");
        assert_eq!(parsed.expect("sound").expect("taken").title, "Miscellaneous");
        assert_eq!(notes, [NoteKind::NoPrice, NoteKind::NoCategory, NoteKind::NoType, NoteKind::NoSize]);
    }

    #[test]
    fn what_cannot_be_sold_is_refused_and_what_is_no_line_stops_the_import() {
        assert_eq!(check("1,2,GROCERY,National,A,B,,-1").1, [NoteKind::Refused]);
        assert_eq!(check("1,2,GROCERY,National,A,B,,1.005").1, [NoteKind::Refused]);
        assert_eq!(check("1,2,,National,A,B,,1").1, [NoteKind::Refused]);
        for bad in ["x,2,GROCERY,National,A,B,,1", "1,2,GROCERY,National,A,B,,cheap", ",,,,,,,"] {
            let error = check(bad).0.expect_err(bad);
            assert!(error.to_string().starts_with("line 7: "), "{error}");
        }
    }

    #[test]
    fn shouting_becomes_readable() {
        for (shouted, wanted) in [
            ("BREAD:ITALIAN/FRENCH", "Bread: Italian / French"),
            ("GIFT-WRAP EVERYDAY", "Gift-Wrap Everyday"),
            ("FARMER'S  CHOICE", "Farmer's Choice"),
        ] {
            assert_eq!(readable(shouted), wanted);
        }
    }
}
