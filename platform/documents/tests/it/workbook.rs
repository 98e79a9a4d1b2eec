//! Workbooks, read by calamine, and their parts as they are in the archive.
//!
//! **Invariant:** each test opens the bytes anew, as a program that was given the file would.

use std::io::{Cursor, Read as _};

use calamine::{Data, Reader as _, Xlsx};
use entrepot_documents::{Cell, ChartKind, Column, Document, Kind, Section, excel};

use crate::fixture::{HOSTILE, charted, days, decimal, document, section, text};

fn open(document: &Document) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(excel(document).expect("a workbook"))).expect("a workbook that can be read")
}

fn part(document: &Document, name: &str) -> String {
    let bytes = excel(document).expect("a workbook");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut text = String::new();
    archive.by_name(name).expect(name).read_to_string(&mut text).expect("a text");
    text
}

#[test]
fn values_keep_their_kinds() {
    let mut book = open(&document(vec![days(40)]));
    let sheet = book.worksheet_range("Days").expect("the sheet");
    let header: Vec<_> = sheet.rows().next().expect("a row").iter().map(ToString::to_string).collect();
    assert_eq!(header, ["Day", "Store", "Orders", "Revenue (EUR)", "Margin", "Weight", "Closed (UTC+02)"]);
    assert_eq!(sheet.height(), 42);
    let row: Vec<_> = sheet.rows().nth(3).expect("a row").to_vec();
    let Data::DateTime(day) = row[0] else { panic!("{:?} is no date", row[0]) };
    assert_eq!(day.to_ymd_hms_milli(), (2026, 1, 3, 0, 0, 0, 0));
    assert_eq!(row[1], Data::String("Store 2".to_owned()));
    assert_eq!(row[2], Data::Float(2.0));
    assert_eq!(row[3], Data::Float(0.21));
    assert_eq!(row[4], Data::Float(0.25));
    assert_eq!(row[5], Data::Float(0.5));
    let Data::DateTime(closed) = row[6] else { panic!("{:?} is no time", row[6]) };
    // 22:30 UTC is half past midnight in the document's zone.
    assert_eq!(closed.to_ymd_hms_milli(), (2026, 1, 4, 0, 30, 0, 0));
    assert_eq!(sheet.get_value((2, 5)), Some(&Data::Empty));
}

#[test]
fn totals_are_formulas_over_the_rows_with_their_values() {
    let mut book = open(&document(vec![days(40)]));
    let formulas = book.worksheet_formula("Days").expect("the formulas");
    let found: Vec<_> = formulas.used_cells().map(|(row, column, formula)| (row, column, formula.as_str())).collect();
    let (top, left) = formulas.start().expect("there are some");
    assert_eq!((top, left), (41, 2));
    assert_eq!(found, [(0, 0, "SUBTOTAL(9,C2:C41)"), (0, 1, "SUBTOTAL(9,D2:D41)"), (0, 3, "SUBTOTAL(9,F2:F41)")]);
    let sheet = book.worksheet_range("Days").expect("the sheet");
    let total = |column| sheet.get_value((41, column)).cloned().expect("a total");
    assert_eq!(total(0), Data::String("Total".to_owned()));
    assert_eq!(total(2), Data::Float(780.0));
    assert_eq!(total(3), Data::Float(78.4));
    assert_eq!(total(4), Data::Float(0.125));
    assert_eq!(total(5), Data::Float(19.5));
}

#[test]
fn a_table_without_rows_has_totals_without_formulas() {
    let mut book = open(&document(vec![days(0)]));
    assert!(book.worksheet_formula("Days").expect("the formulas").is_empty());
    let sheet = book.worksheet_range("Days").expect("the sheet");
    assert_eq!(sheet.get_value((1, 3)), Some(&Data::Float(0.0)));
}

#[test]
fn a_text_stays_a_text() {
    let rows = HOSTILE.iter().map(|hostile| vec![text(hostile)]).collect();
    let mut hostile = document(vec![section("=1+1", vec![Column::new("@SUM(A1)", Kind::Text)], rows)]);
    hostile.title = HOSTILE[2].to_owned();
    hostile.subtitle = HOSTILE[3].to_owned();
    hostile.figures[0].label = HOSTILE[4].to_owned();
    let mut book = open(&hostile);
    let sheet = book.worksheet_range("=1+1").expect("the sheet");
    let found: Vec<_> = sheet.rows().map(|row| row[0].clone()).collect();
    let wanted = std::iter::once("@SUM(A1)").chain(HOSTILE);
    assert_eq!(found, wanted.map(|text| Data::String(text.to_owned())).collect::<Vec<_>>());
    for name in ["Overview", "=1+1"] {
        assert!(book.worksheet_formula(name).expect("the formulas").is_empty(), "{name}");
    }
    for sheet in ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        assert!(!part(&hostile, sheet).contains("<hyperlink"), "{sheet}");
    }
    // Who edits such a cell does not make a formula of it either.
    assert!(part(&hostile, "xl/styles.xml").contains("quotePrefix=\"1\""));
}

#[test]
fn a_text_keeps_its_lines_and_loses_its_control_characters() {
    let rows = vec![vec![text("a\r\nb\tc\u{0}\u{1B}[31m")]];
    let lines = document(vec![section("x", vec![Column::new("x", Kind::Text)], rows)]);
    let sheet = open(&lines).worksheet_range("x").expect("the sheet");
    assert_eq!(sheet.get_value((1, 0)), Some(&Data::String("a\nb c  [31m".to_owned())));
    // There is room for two lines, and no more.
    let sheet = part(&lines, "xl/worksheets/sheet2.xml");
    assert!(sheet.contains("<row r=\"2\" spans=\"1:1\" ht=\"30\" customHeight=\"1\">"), "{sheet}");
}

#[test]
fn sheets_are_named_after_their_sections() {
    let names = ["Overview", "a/b", "A:B", "chart data"];
    let mut sections: Vec<Section> =
        names.iter().map(|name| Section { heading: (*name).to_owned(), ..days(1) }).collect();
    sections.push(charted(ChartKind::Bars));
    let book = open(&document(sections));
    let wanted = ["Overview", "Overview (2)", "a b", "A B (2)", "chart data (2)", "Chart data"];
    assert_eq!(book.sheet_names(), wanted);
}

#[test]
fn the_overview_has_the_figures() {
    let mut book = open(&document(vec![charted(ChartKind::Bars)]));
    let sheet = book.worksheet_range("Overview").expect("the sheet");
    let row = sheet.rows().find(|row| row[0] == Data::String("Revenue".to_owned())).expect("the figure");
    assert_eq!(row[1], Data::Float(1234.5));
    let all: Vec<_> = sheet.used_cells().map(|(_, _, cell)| cell.to_string()).collect();
    for wanted in ["Sales report", "March 2026", "All stores", "Made 2026-04-01 08:15 (UTC+02)", "Bergen was closed."] {
        assert!(all.iter().any(|text| text == wanted), "{wanted} in {all:?}");
    }
}

#[test]
fn a_chart_refers_to_cells_that_hold_its_numbers() {
    for kind in [ChartKind::Bars, ChartKind::Lines] {
        let charted = document(vec![charted(kind)]);
        let chart = part(&charted, "xl/charts/chart1.xml");
        for range in ["$B$2", "$A$3:$A$5", "$B$3:$B$5", "$C$3:$C$5"] {
            assert!(chart.contains(&format!("<c:f>'Chart data'!{range}</c:f>")), "{range} in {chart}");
        }
        assert_eq!(chart.contains("<c:barChart>"), kind == ChartKind::Bars);
        assert_eq!(chart.contains("<c:lineChart>"), kind == ChartKind::Lines);
        let sheet = open(&charted).worksheet_range("Chart data").expect("the sheet");
        assert_eq!(sheet.get_value((4, 0)), Some(&Data::String("Ωμέγα".to_owned())));
        assert_eq!(sheet.get_value((2, 2)), Some(&Data::Float(-5.0)));
        assert_eq!(sheet.get_value((3, 1)), Some(&Data::Empty));
    }
}

#[test]
fn a_table_is_ready_for_work_and_for_print() {
    let days = document(vec![days(40)]);
    let sheet = part(&days, "xl/worksheets/sheet2.xml");
    for wanted in [
        "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>",
        "<autoFilter ref=\"A1:G41\"/>",
        "orientation=\"landscape\"",
        "paperSize=\"9\"",
        "fitToHeight=\"0\"",
        "Page &amp;P of &amp;N",
        // An ampersand of a name is no code.
        "Entrepot &amp;&amp; Sons",
    ] {
        assert!(sheet.contains(wanted), "{wanted} in {sheet}");
    }
    assert!(part(&days, "xl/workbook.xml").contains("_xlnm.Print_Titles\" localSheetId=\"1\">Days!$1:$1<"));
    let styles = part(&days, "xl/styles.xml");
    for format in ["#,##0.000", "0.0%", "yyyy-mm-dd hh:mm", "[$EUR]\u{A0}#,##0.00"] {
        assert!(styles.contains(&format!("formatCode=\"{format}\"")), "{format} in {styles}");
    }
}

#[test]
fn the_same_document_gives_the_same_bytes_with_its_own_time() {
    let days = document(vec![days(40), charted(ChartKind::Lines)]);
    assert_eq!(excel(&days).expect("a workbook"), excel(&days.clone()).expect("a workbook"));
    let properties = part(&days, "docProps/core.xml");
    assert!(properties.contains(">2026-04-01T06:15:30Z</dcterms:created>"), "{properties}");
    assert!(properties.contains("<dc:title>Sales report</dc:title>"), "{properties}");
}

#[test]
fn a_number_with_more_digits_than_excel_keeps_is_a_text() {
    let column = || vec![Column::new("x", Kind::Decimal { places: 2 }).summed()];
    for (rows, wanted) in [
        (
            vec![vec![decimal("12345678901234.56")], vec![decimal("1.00")]],
            ["12,345,678,901,234.56", "12,345,678,901,235.56"],
        ),
        (vec![vec![decimal("9999999999999.99")]; 2], ["9999999999999.99", "19,999,999,999,999.98"]),
    ] {
        let workbook = document(vec![section("x", column(), rows)]);
        let sheet = part(&workbook, "xl/worksheets/sheet2.xml");
        let all = sheet.clone() + &part(&workbook, "xl/sharedStrings.xml");
        assert!(wanted.iter().all(|number| all.contains(&format!(">{number}<"))), "{wanted:?} in {all}");
        assert!(!sheet.contains("SUBTOTAL"), "it would be another sum: {sheet}");
    }
    assert!(excel(&document(vec![section("x", column(), vec![vec![Cell::Empty]])])).is_ok());
}
