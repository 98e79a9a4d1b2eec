//! A sales report of eight stores over a year, written as `sample.xlsx` and `sample.pdf` into a folder:
//! `cargo run -p entrepot-documents --example sample -- <folder>`.
//!
//! **Invariant:** the numbers are made up by a fixed rule, so two runs write the same bytes.

use std::error::Error;
use std::path::PathBuf;

use entrepot_documents::{
    Cell, Chart, ChartKind, Column, Currency, Document, Figure, Kind, Section, Series, Table, Total, excel, pdf,
};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

const STORES: [&str; 8] =
    ["Oslo Karl Johan", "Oslo Majorstuen", "Bergen", "Trondheim", "Tromsø", "Θεσσαλονίκη", "Київ Поділ", "København"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONEY: Kind = Kind::Money { currency: Currency::EUR };
const DAYS: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let document = report()?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("sample.xlsx"), excel(&document)?)?;
    std::fs::write(folder.join("sample.pdf"), pdf(&document)?)?;
    Ok(())
}

fn report() -> Result<Document, Box<dyn Error>> {
    let revenue: Decimal = (0..12).map(month).sum();
    let orders: i64 = (0..STORES.len()).flat_map(|store| (0..12).map(move |month| orders(store, month))).sum();
    Ok(Document {
        title: "Sales report".to_owned(),
        subtitle: "All stores and the web shop; returns taken off; prices without value added tax".to_owned(),
        organisation: "Entrepot Trading AS".to_owned(),
        period: "January to December 2026".to_owned(),
        made_at: date(2027, 1, 4).at(6, 15, 0, 0).to_zoned(TimeZone::UTC)?.timestamp(),
        zone: TimeZone::UTC,
        figures: vec![
            figure("Revenue", MONEY, Cell::Decimal(revenue), "+6.2% on 2025"),
            figure("Orders", Kind::Integer, Cell::Integer(orders), "+3.9% on 2025"),
            figure(
                "Average order",
                MONEY,
                Cell::Decimal((revenue / Decimal::from(orders)).round_dp(2)),
                "+2.2% on 2025",
            ),
            figure("Gross margin", Kind::Percent, Cell::Decimal(Decimal::new(3172, 4)), "30.4% in 2025"),
        ],
        sections: vec![months()?, stores(), days()],
    })
}

fn figure(label: &str, kind: Kind, value: Cell, note: &str) -> Figure {
    Figure { label: label.to_owned(), kind, value, note: note.to_owned() }
}

/// A number from 0 to 999 that looks like chance.
fn chance(seed: usize) -> i64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    i64::try_from((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40).unwrap_or(0) % 1000
}

/// The revenue of a store in a month.
fn revenue(store: usize, month: usize) -> Decimal {
    let season = [88, 82, 94, 97, 104, 110, 96, 92, 101, 106, 128, 151][month % 12];
    let size = [310, 240, 205, 160, 74, 118, 132, 188][store % 8];
    Decimal::new(size * season * (920 + chance(store * 12 + month) / 6) / 10 + chance(month * 7 + store) % 100, 2)
        * Decimal::TEN
}

fn month(month: usize) -> Decimal {
    (0..STORES.len()).map(|store| revenue(store, month)).sum()
}

fn orders(store: usize, month: usize) -> i64 {
    let revenue: i64 = (revenue(store, month) / Decimal::from(64)).trunc().try_into().unwrap_or(0);
    revenue + chance(store + month * 31) % 40
}

fn months() -> Result<Section, Box<dyn Error>> {
    let before = |index: usize| month(index) * Decimal::new(930 + chance(index) / 40, 3);
    let rows = MONTHS.iter().enumerate().map(|(index, name)| {
        let (now, before) = (month(index), before(index).round_dp(2));
        let change = (now / before - Decimal::ONE).round_dp(4);
        let orders = (0..STORES.len()).map(|store| orders(store, index)).sum();
        let cells = [Cell::Integer(orders), Cell::Decimal(now), Cell::Decimal(before), Cell::Decimal(change)];
        std::iter::once(Cell::Text(format!("{name} 2026"))).chain(cells).collect()
    });
    let sum: Decimal = (0..12).map(month).sum();
    let last: Decimal = (0..12).map(|index| before(index).round_dp(2)).sum();
    let change = Total::Given(Cell::Decimal((sum / last - Decimal::ONE).round_dp(4)));
    Ok(Section {
        heading: "Revenue by month".to_owned(),
        text: "November and December brought in a quarter of the year's revenue. Every month was above the same \
               month of the year before; the weakest growth was in the summer, when the store at Majorstuen was \
               closed for eleven days."
            .to_owned(),
        chart: Some(Chart {
            kind: ChartKind::Bars,
            title: "This year and the last".to_owned(),
            unit: "EUR".to_owned(),
            labels: MONTHS.map(str::to_owned).to_vec(),
            series: vec![
                Series {
                    name: "2025".to_owned(),
                    values: (0..12).map(|index| Some(before(index).round_dp(2))).collect(),
                },
                Series { name: "2026".to_owned(), values: (0..12).map(|index| Some(month(index))).collect() },
            ],
        }),
        table: Table {
            columns: vec![
                Column::new("Month", Kind::Text),
                Column::new("Orders", Kind::Integer).summed(),
                Column::new("Revenue 2026", MONEY).summed(),
                Column::new("Revenue 2025", MONEY).summed(),
                Column { total: change, ..Column::new("Change", Kind::Percent) },
            ],
            rows: rows.collect(),
        },
    })
}

fn stores() -> Section {
    let columns = MONTHS.iter().map(|name| Column::new(*name, Kind::Decimal { places: 0 }).summed());
    let rows = STORES.iter().enumerate().map(|(store, name)| {
        let months = (0..12).map(|month| revenue(store, month));
        let sum = Cell::Decimal(months.clone().sum());
        std::iter::once(Cell::Text((*name).to_owned())).chain(months.map(Cell::Decimal)).chain([sum]).collect()
    });
    let whole = Column::new("Year", Kind::Decimal { places: 0 }).summed();
    let chart = Chart {
        kind: ChartKind::Lines,
        title: "The year of each store".to_owned(),
        unit: "EUR".to_owned(),
        labels: MONTHS.map(str::to_owned).to_vec(),
        series: STORES
            .iter()
            .enumerate()
            .map(|(store, name)| Series {
                name: (*name).to_owned(),
                // The store in Kyiv was opened in April.
                values: (0..12).map(|month| (store != 6 || month > 2).then(|| revenue(store, month))).collect(),
            })
            .collect(),
    };
    Section {
        heading: "Revenue by store".to_owned(),
        text: "In EUR, rounded to whole amounts.".to_owned(),
        chart: Some(chart),
        table: Table {
            columns: std::iter::once(Column::new("Store", Kind::Text)).chain(columns).chain([whole]).collect(),
            rows: rows.collect(),
        },
    }
}

fn days() -> Section {
    let first: Date = date(2026, 1, 1);
    let notes = ["", "", "", "", "Half-price day in all stores", "", "", "Deliveries late because of snow", "", ""];
    let rows = first.series(jiff::Span::new().days(1)).take(DAYS).enumerate().map(|(index, day)| {
        let orders = 90 + chance(index) / 4;
        let revenue = Decimal::new(orders * (6_150 + chance(index + 500) * 2), 2);
        vec![
            Cell::Date(day),
            Cell::Text(STORES[index % STORES.len()].to_owned()),
            Cell::Integer(orders),
            Cell::Decimal(revenue),
            Cell::Decimal(Decimal::new(chance(index + 9) / 20, 3)),
            Cell::Text(notes[index % notes.len()].to_owned()),
        ]
    });
    Section {
        heading: "Days".to_owned(),
        text: String::new(),
        chart: None,
        table: Table {
            columns: vec![
                Column::new("Day", Kind::Date),
                Column::new("Best store", Kind::Text),
                Column::new("Orders", Kind::Integer).summed(),
                Column::new("Revenue", MONEY).summed(),
                Column::new("Returned", Kind::Percent),
                Column::new("Remarks", Kind::Text),
            ],
            rows: rows.collect(),
        },
    }
}
