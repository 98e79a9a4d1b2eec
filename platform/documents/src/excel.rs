//! The workbook: an overview, a sheet for each table, and the numbers of the charts.
//!
//! **Invariants:**
//! - Numbers are numbers, days are days, and a text is never a formula or a link.
//! - The properties carry the document's own time, so the same document gives the same bytes.

mod graph;
mod looks;
mod names;
mod overview;
mod table;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, Worksheet};

use crate::document::Document;
use crate::error::WriteError;
use crate::shown;
use names::Names;

/// The paper: A4.
const A4: u8 = 9;
/// Characters of a text in a header or a footer, of which Excel takes 255 with all codes.
const LONGEST_MARGIN: usize = 60;

/// Writes a document as an Excel workbook (.xlsx).
///
/// # Errors
/// When the document has a fault, or a number more digits than Excel keeps.
pub fn excel(document: &Document) -> Result<Vec<u8>, WriteError> {
    document.check()?;
    let mut names = Names::default();
    let (first, last) = (names.take("Overview"), names.take("Chart data"));
    let mut numbers = Worksheet::new();
    numbers.set_name(&last)?;
    let graphs = graph::write(&mut numbers, &last, document)?;

    let mut sheets = vec![Worksheet::new()];
    if let Some(sheet) = sheets.first_mut() {
        sheet.set_name(&first)?;
        overview::write(sheet, document, &graphs)?;
    }
    for (number, section) in (1..).zip(&document.sections) {
        if section.table.columns.is_empty() {
            continue;
        }
        let mut sheet = Worksheet::new();
        sheet.set_name(names.take(&section.heading))?;
        table::write(&mut sheet, document, number, section)?;
        sheets.push(sheet);
    }
    if graphs.iter().any(Option::is_some) {
        sheets.push(numbers);
    }

    let mut workbook = Workbook::new();
    workbook.set_properties(&properties(document)?);
    for mut sheet in sheets {
        page(&mut sheet, document, &first);
        workbook.push_worksheet(sheet);
    }
    Ok(workbook.save_to_buffer()?)
}

fn properties(document: &Document) -> Result<DocProperties, WriteError> {
    let created = ExcelDateTime::from_timestamp(document.made_at.as_second())?;
    Ok(DocProperties::new()
        .set_title(shown::line(&document.title))
        .set_subject(shown::line(&document.period))
        .set_company(shown::line(&document.organisation))
        .set_author(shown::line(&document.organisation))
        .set_creation_datetime(&created))
}

/// How a sheet is printed. The overview names the document by itself.
fn page(sheet: &mut Worksheet, document: &Document, overview: &str) {
    sheet.set_paper_size(A4);
    sheet.set_margins(0.5, 0.5, 0.7, 0.7, 0.3, 0.3);
    // An ampersand begins a code.
    let plain = |text: &str| text.chars().take(LONGEST_MARGIN).collect::<String>().replace('&', "&&");
    if sheet.name() != overview {
        let (title, sheet_name) = (plain(&shown::line(&document.title)), plain(&sheet.name()));
        sheet.set_header(format!("&L&\"-,Bold\"&9 {title}  \u{B7}  {sheet_name}"));
    }
    let organisation = plain(&shown::line(&document.organisation));
    sheet.set_footer(format!("&L&8 {organisation}  {}&R&8 Page &P of &N", plain(&shown::made(document))));
}
