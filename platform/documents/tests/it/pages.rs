//! PDF files, read by lopdf.
//!
//! **Invariant:** a page's text is what a reader who searches or copies it gets.

use entrepot_documents::{
    Cell, ChartKind, Column, Document, Kind, MOST_PDF_PAGES, MOST_PDF_ROWS, Section, WriteError, pdf,
};

use crate::fixture::{HOSTILE, MONEY, charted, days, decimal, document, section, text};

/// The text of each page, with every white space gone: where lines end is the layout's matter.
fn pages(document: &Document) -> Vec<String> {
    let file = lopdf::Document::load_mem(&pdf(document).expect("a PDF")).expect("a PDF that can be read");
    let numbers = file.get_pages().into_keys();
    numbers.map(|number| bare(&file.extract_text(&[number]).expect("the text of a page"))).collect()
}

fn bare(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).collect()
}

#[test]
fn every_page_has_the_header_of_the_table_and_its_number() {
    let mut counts = Vec::new();
    for rows in [10, 60, 200] {
        let pages = pages(&document(vec![days(rows)]));
        for (index, page) in pages.iter().enumerate() {
            assert!(page.contains("DayStoreOrdersRevenue(EUR)MarginWeightClosed(UTC+02)"), "{page}");
            assert!(page.contains(&format!("Page{}of{}", index + 1, pages.len())), "{page}");
            assert!(page.contains("Entrepot&Sons\u{B7}Made2026-04-0108:15(UTC+02)"), "{page}");
        }
        let last = pages.last().expect("a page");
        let total = (0..rows).sum::<usize>();
        assert!(last.contains(&format!("Total{}", grouped(total))), "{last}");
        for row in 0..rows {
            let name = format!("Store{row}{row}");
            assert!(pages.iter().any(|page| page.contains(&name)), "{name}");
        }
        counts.push(pages.len());
    }
    assert!(counts.is_sorted_by(|one, other| one < other), "{counts:?}");
}

fn grouped(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[test]
fn the_first_page_says_what_it_is() {
    let pages = pages(&document(vec![charted(ChartKind::Bars), days(3)]));
    for wanted in ["Salesreport", "March2026", "Allstores", "Revenue", "EUR1,234.50", "+2%", "Bergenwasclosed."] {
        assert!(pages[0].contains(wanted), "{wanted} in {}", pages[0]);
    }
    // The chart's title, legend, labels and axis.
    for wanted in ["Revenueofstores", "2025", "Oslo", "Bergen", "Ωμέγα", "\u{2212}10", "40"] {
        assert!(pages[0].contains(wanted), "{wanted} in {}", pages[0]);
    }
}

#[test]
fn a_text_is_printed_as_it_is() {
    let rows = HOSTILE.iter().map(|hostile| vec![text(hostile)]).collect();
    let mut hostile = document(vec![section(HOSTILE[0], vec![Column::new(HOSTILE[1], Kind::Text)], rows)]);
    hostile.title = HOSTILE[0].to_owned();
    hostile.subtitle = HOSTILE[10].to_owned();
    hostile.figures[0].label = HOSTILE[8].to_owned();
    let pages = pages(&hostile);
    for wanted in HOSTILE {
        assert!(pages[0].contains(&bare(wanted)), "{wanted} in {}", pages[0]);
    }
    assert!(!pages.concat().contains("root:"));
    // Nothing can be clicked, opened or run.
    let file = lopdf::Document::load_mem(&pdf(&hostile).expect("a PDF")).expect("a PDF that can be read");
    let dictionaries = file.objects.values().filter_map(|object| object.as_dict().ok());
    for dictionary in dictionaries {
        for key in [&b"Annots"[..], b"A", b"AA", b"JS", b"URI", b"OpenAction", b"EmbeddedFiles"] {
            assert!(!dictionary.has(key), "{dictionary:?}");
        }
    }
}

#[test]
fn letters_of_all_the_promised_scripts_come_back() {
    let words = "Blåbærsyltetøy Łódź Ελληνικά ώρα Съешь ещё Ґрунт 1 € — “a”";
    let pages = pages(&document(vec![section("x", vec![Column::new("x", Kind::Text)], vec![vec![text(words)]])]));
    assert!(pages[0].contains(&bare(words)), "{}", pages[0]);
}

#[test]
fn the_same_document_gives_the_same_bytes_with_its_own_time() {
    let days = document(vec![days(100), charted(ChartKind::Lines)]);
    let bytes = pdf(&days).expect("a PDF");
    assert_eq!(bytes, pdf(&days.clone()).expect("a PDF"));
    let file = lopdf::Document::load_mem(&bytes).expect("a PDF that can be read");
    let info = file.trailer.get(b"Info").and_then(|info| info.as_reference()).expect("the properties");
    let info = file.get_dictionary(info).expect("the properties");
    let created = info.get(b"CreationDate").and_then(lopdf::Object::as_str).expect("a date");
    assert!(created.starts_with(b"D:20260401061530"), "{created:?}");
}

#[test]
fn a_row_that_is_higher_than_a_page_goes_on_and_loses_nothing() {
    let words: Vec<_> = (0..3_000).map(|number| format!("word{number}.")).collect();
    let columns = vec![Column::new("Name", Kind::Text), Column::new("Words", Kind::Text)];
    let rows = vec![vec![text("a"), text("b")], vec![text("long"), text(&words.join(" "))], vec![text("c"), text("d")]];
    let pages = pages(&document(vec![section("x", columns, rows)]));
    assert!(pages.len() > 3, "{}", pages.len());
    assert!(pages.iter().all(|page| page.contains("NameWords")));
    let all = pages.concat();
    let missing: Vec<_> = words.iter().filter(|word| !all.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_last_rows_and_the_totals_stay_together() {
    let rows_on = |page: &str, rows: usize| (0..rows).filter(|row| page.contains(&format!("Store{row}{row}"))).count();
    // So many that each way in which the last page may begin comes up.
    for rows in 25..80 {
        let pages = pages(&document(vec![days(rows)]));
        let last = pages.last().expect("a page");
        assert!(last.contains("Total"), "{rows}");
        assert!(rows_on(last, rows) >= 3, "{rows} rows: {last}");
    }
}

#[test]
fn a_wide_table_lies_across_and_one_too_wide_is_refused() {
    let wide = |columns: usize| {
        let column = || Column::new("Amount", MONEY);
        let cells = vec![decimal("1234567.89"); columns];
        document(vec![section("x", (0..columns).map(|_| column()).collect(), vec![cells])])
    };
    let width = |document: &Document| {
        let file = lopdf::Document::load_mem(&pdf(document).expect("a PDF")).expect("a PDF that can be read");
        let pages = file.get_pages();
        let page = file.get_dictionary(*pages.values().next_back().expect("a page")).expect("a page");
        let frame = page.get(b"MediaBox").and_then(lopdf::Object::as_array).expect("its size");
        frame[2].as_float().expect("its width").round()
    };
    assert!((width(&wide(7)) - 595.0).abs() < 0.1);
    assert!((width(&wide(14)) - 842.0).abs() < 0.1);
    match pdf(&wide(40)) {
        Err(error @ WriteError::TooWide { section: 1 }) => assert!(error.to_string().ends_with("take Excel")),
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
}

#[test]
fn what_is_too_long_for_paper_is_refused_with_a_hint() {
    let one = || vec![Column::new("x", Kind::Text)];
    let refused = |section: Section| match pdf(&document(vec![section])) {
        Err(error) => error,
        Ok(bytes) => panic!("{} bytes", bytes.len()),
    };
    let error = refused(section("x", one(), vec![vec![Cell::Empty]; MOST_PDF_ROWS + 1]));
    assert_eq!(error.to_string(), "20001 rows, and a PDF has at most 20000: take Excel");
    let error = refused(section("x", vec![Column::new("x", Kind::Text); 20], vec![vec![Cell::Empty; 20]; 15_001]));
    assert_eq!(error.to_string(), "15001 rows, and a PDF has at most 15000: take Excel");
    let error = refused(section("x", one(), vec![vec![text(&"\n".repeat(32_000))]; 5]));
    assert!(matches!(error, WriteError::TooManyPages { most: MOST_PDF_PAGES }), "{error}");
}

#[test]
fn empty_parts_take_no_room_and_break_nothing() {
    let mut bare = document(vec![days(0), charted(ChartKind::Lines), section("Nothing", Vec::new(), Vec::new())]);
    bare.figures.clear();
    for text in [&mut bare.subtitle, &mut bare.organisation, &mut bare.period] {
        text.clear();
    }
    bare.sections[1].chart.as_mut().expect("a chart").series.clear();
    let found = pages(&bare);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("Nothing") && found[0].contains("Total0"), "{}", found[0]);
    bare.sections.clear();
    assert_eq!(pages(&bare).len(), 1);
    assert!(entrepot_documents::excel(&bare).is_ok());
}

#[test]
fn a_headline_number_is_never_cut() {
    let mut large = document(Vec::new());
    large.figures = vec![large.figures[0].clone(); 8];
    large.figures[1].value = decimal("-17907184.50");
    large.figures[2].value = decimal("79228162514264337593543950335");
    large.figures[3].kind = Kind::Decimal { places: 12 };
    let pages = pages(&large);
    for wanted in ["EUR\u{2212}17,907,184.50", "EUR79,228,162,514,264,337,593,543,950,335.00", "1,234.500000000000"] {
        assert!(pages[0].contains(wanted), "{wanted} in {}", pages[0]);
    }
}

#[test]
fn a_heading_is_on_the_page_of_what_it_heads() {
    for rows in 1..6 {
        let sections = (0..40).map(|index| Section { heading: format!("Part{index}."), ..days(rows) }).collect();
        let pages = pages(&document(sections));
        let headings = |page: &str| page.matches("Part").count();
        assert_eq!(pages.iter().map(|page| headings(page)).sum::<usize>(), 40);
        for page in pages {
            // After each heading on the page comes a row, which a heading at its end would not have.
            for part in page.split("Part").skip(1) {
                assert!(part.contains("Store00"), "{part}");
            }
        }
    }
}
