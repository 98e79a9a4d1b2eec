//! A table over as many pages as it takes.
//!
//! **Invariants:**
//! - Every page that has rows begins with the header.
//! - Numbers end at the right edge of their column and are never broken over lines: a table in which they have
//!   no room is set smaller or across, and one in which they have none even so is refused.
//! - A row that fits on a page is on one page; only one that is higher goes on on the next.
//! - The last [`TOGETHER`] rows and the totals stand on one page, as far as they fit on one.

use std::ops::Range;

use super::letters::{Letters, Run, Weight};
use super::paper::{Lie, Paper, SIDE};
use crate::colours::{ACCENT, BAND, Colour, INK, RULE};
use crate::document::{Cell, Document, Kind, Table, Total};
use crate::error::WriteError;
use crate::shown;
use crate::totals::totals;

/// The ways a table is tried, in this order: how the page lies, and the size of the letters.
const TRIES: [(Lie, f32); 5] =
    [(Lie::Portrait, 8.5), (Lie::Portrait, 7.5), (Lie::Landscape, 8.5), (Lie::Landscape, 7.5), (Lie::Landscape, 6.5)];
/// The distance of lines and the space around a cell, for letters of size 1.
const LEADING: f32 = 1.32;
const SPACE: (f32, f32) = (0.62, 0.37);
/// How far a column of words may be pressed together, for letters of size 1. All ways are tried with the first
/// before any is with the second.
const PRESSED: [f32; 2] = [14.0, 6.5];

/// The last rows that stay together, so that no page has just one of them.
const TOGETHER: usize = 3;

/// How a table is set.
pub(super) struct Plan {
    pub(super) lie: Lie,
    size: f32,
    /// The columns' widths, with the space around their cells.
    widths: Vec<f32>,
    header: Row,
    totals: Option<Row>,
}

/// The lines of each cell.
struct Row {
    cells: Vec<Vec<Run>>,
    /// The lines of the highest cell.
    lines: usize,
}

impl Row {
    fn new(cells: Vec<Vec<Run>>) -> Self {
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
        Self { cells, lines }
    }
}

/// What each column needs, for letters of size 1.
#[derive(Clone)]
struct Needs {
    /// With no cell broken.
    natural: f32,
    /// Whether it holds words, which can do with less.
    gives: bool,
}

impl Needs {
    /// The least it can do with.
    fn least(&self, pressed: f32) -> f32 {
        if self.gives { self.natural.min(pressed) } else { self.natural }
    }
}

impl Plan {
    /// How high the header is, with some rows below it.
    pub(super) fn beginning(&self, rows: usize) -> f32 {
        self.height(self.header.lines) + self.height(1) * rows as f32
    }

    fn height(&self, lines: usize) -> f32 {
        self.size * (lines as f32 * LEADING + 2.0 * SPACE.1)
    }

    /// The room for rows on an empty page.
    fn room(&self) -> f32 {
        Paper::whole(self.lie) - self.height(self.header.lines)
    }

    /// The lines of one row that fit into so much room, but at least one.
    fn lines_in(&self, room: f32) -> usize {
        ((room / self.size - 2.0 * SPACE.1) / LEADING).floor().max(1.0) as usize
    }
}

/// Decides how a table is set. `None` for one with no columns, or with no size at which it fits.
pub(super) fn plan(letters: &mut Letters<'_>, document: &Document, table: &Table) -> Option<Plan> {
    if table.columns.is_empty() {
        return None;
    }
    // A sum that is too large is a fault that was found before.
    let totals = totals(table).ok().flatten();
    let needs = needs(letters, document, table, totals.as_deref());
    let ways = PRESSED.into_iter().flat_map(|pressed| TRIES.map(|(lie, size)| (pressed, lie, size)));
    let (lie, size, widths) =
        { ways }.find_map(|(pressed, lie, size)| Some((lie, size, widths(&needs, pressed, size, lie.width())?)))?;
    let headers = table.columns.iter().zip(&widths).map(|(column, width)| {
        letters.wrap(&shown::header(column, &document.zone), Weight::Strong, size, width - 2.0 * SPACE.0 * size)
    });
    let header = Row::new(headers.collect());
    let totals = totals.map(|cells| {
        let cells = cells.iter().enumerate().map(|(index, cell)| {
            let text = total_text(document, table, index, cell);
            fill(letters, table, index, &text, Weight::Strong, size, &widths)
        });
        Row::new(cells.collect())
    });
    Some(Plan { lie, size, widths, header, totals })
}

/// Writes a table as planned.
pub(super) fn write(
    paper: &mut Paper,
    letters: &mut Letters<'_>,
    document: &Document,
    table: &Table,
    plan: &Plan,
) -> Result<(), WriteError> {
    let mut lay = |cells: &Vec<Cell>| {
        let lines = cells.iter().enumerate().map(|(index, cell)| {
            let kind = table.columns.get(index).map_or(Kind::Text, |column| column.kind);
            let text = shown::cell(kind, cell, &document.zone);
            fill(letters, table, index, &text, Weight::Regular, plan.size, &plan.widths)
        });
        Row::new(lines.collect())
    };
    let (body, end) = table.rows.split_at(table.rows.len().saturating_sub(TOGETHER));
    let mut hand = Hand { paper, table, plan, is_top: true, rows: 0 };
    hand.header();
    for cells in body {
        hand.row(&lay(cells))?;
    }
    let end: Vec<_> = end.iter().map(&mut lay).collect();
    let height = end.iter().chain(&plan.totals).map(|row| plan.height(row.lines)).sum();
    if height <= plan.room() {
        hand.need(height)?;
    }
    for row in &end {
        hand.row(row)?;
    }
    if let Some(row) = &plan.totals {
        hand.need(plan.height(row.lines))?;
        hand.rule(1.0, ACCENT);
        hand.lines(row, false)?;
    }
    hand.rule(0.5, RULE);
    Ok(())
}

/// What writes a table.
struct Hand<'a> {
    paper: &'a mut Paper,
    table: &'a Table,
    plan: &'a Plan,
    /// Whether nothing but the header is on the page.
    is_top: bool,
    /// Rows written.
    rows: usize,
}

impl Hand<'_> {
    /// A rule across the table.
    fn rule(&mut self, thickness: f32, colour: Colour) {
        let (right, y) = (SIDE + self.paper.width(), self.paper.y);
        self.paper.line(vec![(SIDE, y), (right, y)], thickness, colour);
    }

    fn header(&mut self) {
        let plan = self.plan;
        self.put(&plan.header, 0..plan.header.lines, ACCENT);
        self.rule(1.0, ACCENT);
        self.is_top = true;
    }

    /// Goes on on the next page.
    fn turn(&mut self) -> Result<(), WriteError> {
        self.rule(0.5, RULE);
        self.paper.turn(self.plan.lie)?;
        self.header();
        Ok(())
    }

    /// Goes on on the next page if less than this is left of the page, and that gives more room.
    fn need(&mut self, height: f32) -> Result<(), WriteError> {
        if self.paper.left() < height && !self.is_top { self.turn() } else { Ok(()) }
    }

    fn row(&mut self, row: &Row) -> Result<(), WriteError> {
        self.need(self.plan.height(row.lines))?;
        self.lines(row, self.rows % 2 == 1)?;
        self.rows += 1;
        Ok(())
    }

    /// Writes all lines of a row, over several pages if it is higher than one.
    fn lines(&mut self, row: &Row, has_ground: bool) -> Result<(), WriteError> {
        let mut from = 0;
        while from < row.lines {
            if from > 0 {
                self.turn()?;
            }
            let to = row.lines.min(from + self.plan.lines_in(self.paper.left()));
            if has_ground {
                let height = self.plan.height(to - from);
                self.paper.area(SIDE, self.paper.y, self.paper.width(), height, BAND);
            }
            self.put(row, from..to, INK);
            self.is_top = false;
            from = to;
        }
        Ok(())
    }

    /// Writes some lines of a row and goes below them.
    fn put(&mut self, row: &Row, lines: Range<usize>, colour: Colour) {
        let Plan { size, header, .. } = self.plan;
        let mut x = SIDE;
        for ((cell, column), width) in row.cells.iter().zip(&self.table.columns).zip(&self.plan.widths) {
            // A header stands on its rule.
            let lift = if std::ptr::eq(row, header) { lines.len().saturating_sub(cell.len()) } else { 0 };
            for (index, run) in cell.iter().skip(lines.start).take(lines.len()).enumerate() {
                let y = self.paper.y + size * (SPACE.1 + LEADING * (index + lift) as f32 + 0.98);
                let space = SPACE.0 * size;
                let at = if column.kind.is_number() { x + width - space - run.width(*size) } else { x + space };
                self.paper.text(at, y, *size, colour, run.clone());
            }
            x += width;
        }
        self.paper.y += self.plan.height(lines.len());
    }
}

/// The lines of a cell.
fn fill(
    letters: &mut Letters<'_>,
    table: &Table,
    index: usize,
    text: &str,
    weight: Weight,
    size: f32,
    widths: &[f32],
) -> Vec<Run> {
    let is_text = table.columns.get(index).is_some_and(|column| column.kind == Kind::Text);
    if !is_text {
        return vec![letters.set(text, weight)];
    }
    let width = widths.get(index).copied().unwrap_or_default() - 2.0 * SPACE.0 * size;
    letters.wrap(text, weight, size, width)
}

fn total_text(document: &Document, table: &Table, index: usize, cell: &Cell) -> String {
    match table.columns.get(index) {
        Some(column) if index == 0 && column.total == Total::Nothing => "Total".to_owned(),
        Some(column) => shown::cell(column.kind, cell, &document.zone),
        None => String::new(),
    }
}

fn needs(letters: &mut Letters<'_>, document: &Document, table: &Table, totals: Option<&[Cell]>) -> Vec<Needs> {
    let columns = table.columns.iter().enumerate().map(|(index, column)| {
        // A header may be broken between its words.
        let title = shown::header(column, &document.zone);
        let mut natural = letters.widest_word(&title, Weight::Strong, 1.0);
        if let Some(total) = totals.and_then(|totals| totals.get(index)) {
            let text = total_text(document, table, index, total);
            natural = natural.max(letters.width(&text, Weight::Strong, 1.0));
        }
        for cell in table.rows.iter().filter_map(|row| row.get(index)) {
            let text = shown::cell(column.kind, cell, &document.zone);
            natural = text.split('\n').map(|line| letters.width(line, Weight::Regular, 1.0)).fold(natural, f32::max);
        }
        // A hair more than just fits, because lengths are rounded.
        Needs { natural: natural + 2.0 * SPACE.0 + 0.02, gives: column.kind == Kind::Text }
    });
    columns.collect()
}

/// The widths of columns that fill a page of this width, if they fit.
fn widths(needs: &[Needs], pressed: f32, size: f32, page: f32) -> Option<Vec<f32>> {
    let natural: f32 = needs.iter().map(|need| need.natural * size).sum();
    if natural <= page {
        // What is left over goes to all of them alike, so that the table is as wide as the page.
        let more = (page - natural) / needs.len() as f32;
        return Some(needs.iter().map(|need| need.natural * size + more).collect());
    }
    let least: f32 = needs.iter().map(|need| need.least(pressed) * size).sum();
    if least > page {
        return None;
    }
    // Each gets its least, and of the rest as much as it would rather have.
    let share = (page - least) / (natural - least);
    let width = |need: &Needs| size * (need.least(pressed) + (need.natural - need.least(pressed)) * share);
    Some(needs.iter().map(width).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Column;
    use crate::pdf::letters::Fonts;
    use crate::pdf::paper::Mark;

    fn need(natural: f32, gives: bool) -> Needs {
        Needs { natural, gives }
    }

    #[test]
    fn columns_fill_the_page() {
        for needs in
            [vec![need(10.0, true), need(5.0, false)], vec![need(90.0, true), need(5.0, false), need(30.0, true)]]
        {
            let widths = widths(&needs, 14.0, 8.0, 500.0).expect("they fit");
            assert!((widths.iter().sum::<f32>() - 500.0).abs() < 0.01, "{widths:?}");
        }
    }

    #[test]
    fn only_words_give_way() {
        let needs = [need(200.0, true), need(20.0, false)];
        let widths = widths(&needs, 14.0, 8.0, 500.0).expect("they fit");
        assert!((widths[1] - 160.0).abs() < 0.01, "{widths:?}");
    }

    #[test]
    fn what_does_not_fit_is_not_set() {
        assert_eq!(widths(&[need(63.0, false)], 14.0, 8.0, 500.0), None);
        assert_eq!(widths(&vec![need(30.0, true); 5], 14.0, 8.0, 500.0), None);
        assert!(widths(&vec![need(30.0, true); 5], 6.5, 8.0, 500.0).is_some());
    }

    #[test]
    fn numbers_end_at_the_right_edge_of_their_column() {
        let fonts = Fonts::read().expect("the fonts of the program");
        let mut letters = Letters::new(&fonts);
        let table = Table {
            columns: vec![Column::new("Pieces in stock", Kind::Integer).summed(), Column::new("Store", Kind::Text)],
            rows: [7, -1_234, 1_000_000].map(|number| vec![Cell::Integer(number), Cell::Text("a".to_owned())]).to_vec(),
        };
        let document = document();
        let plan = plan(&mut letters, &document, &table).expect("it fits");
        let mut paper = Paper::new();
        write(&mut paper, &mut letters, &document, &table, &plan).expect("a table");
        let edge = SIDE + plan.widths[0] - SPACE.0 * plan.size;
        let pages = paper.finish();
        let ends: Vec<_> = { pages[0].marks.iter() }
            .filter_map(|mark| match mark {
                Mark::Text { x, size, run, .. } if *x < edge => Some(x + run.width(*size)),
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 5, "the header, three rows and the total");
        assert!(ends.iter().all(|end| (end - edge).abs() < 0.01), "{ends:?} and not {edge}");
    }

    #[test]
    fn no_word_of_a_header_is_broken_for_want_of_a_hair() {
        let fonts = Fonts::read().expect("the fonts of the program");
        let mut letters = Letters::new(&fonts);
        let long = Cell::Text("a remark that is long ".repeat(20));
        for title in ["Amount (NOK)", "Warehouse AVA", "Revenue", "Tooth"] {
            let columns = vec![Column::new(title, Kind::Integer), Column::new("Remark", Kind::Text)];
            let table = Table { columns, rows: vec![vec![Cell::Integer(1), long.clone()]] };
            let plan = plan(&mut letters, &document(), &table).expect("it fits");
            let lines: Vec<_> = plan.header.cells[0].iter().map(|run| &*run.text).collect();
            assert_eq!(lines, title.split(' ').collect::<Vec<_>>());
        }
    }

    fn document() -> Document {
        Document {
            title: "Stock".to_owned(),
            subtitle: String::new(),
            organisation: String::new(),
            period: String::new(),
            made_at: jiff::Timestamp::UNIX_EPOCH,
            zone: jiff::tz::TimeZone::UTC,
            figures: Vec::new(),
            sections: Vec::new(),
        }
    }
}
