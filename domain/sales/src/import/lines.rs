//! Lines of sales as they arrive: CSV with a row a day, or NDJSON with a row a month.
//!
//! A CSV has a header with `storeId`, `year`, `month`, `day` and any fields of a day; an empty cell is a
//! field that the day does not have. An NDJSON line is a row of a batch.
//!
//! **Invariants:**
//! - Nothing is kept of what was read, but the line that is not whole yet, and that is bounded.
//! - A line that cannot be read is a fault of that line, unless the file itself is none.
//! - A line ends with a line feed, a carriage return, or the two, but not between quotation marks (RFC 4180): as in all
//!   the CSV that this program reads.

use entrepot_contracts::StoreId;
use entrepot_web::Fault;
use entrepot_web::body::is_exact;
use serde_json::{Map, Number, Value};

use crate::model::{MonthInput, MonthKey, read_days};

/// Bytes of a line at the most.
const LONGEST_LINE: usize = 256 * 1024;
const KEY_COLUMNS: [&str; 4] = ["storeId", "year", "month", "day"];
/// Columns of a CSV at the most.
const MOST_COLUMNS: usize = 64;

/// What lines are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Ndjson,
}

impl Format {
    /// What a file is written in that begins so: lines of JSON begin with an object each. `None` where nothing tells yet.
    pub(crate) fn of(beginning: &[u8]) -> Option<Self> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let text = beginning.strip_prefix(MARK).unwrap_or(beginning);
        if MARK.starts_with(text) {
            return None;
        }
        let first = text.trim_ascii_start().first()?;
        Some(if *first == b'{' { Self::Ndjson } else { Self::Csv })
    }
}

/// Why the whole cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Unreadable {
    pub(crate) line: u64,
    pub(crate) what: String,
}

/// A line's number, and what it says.
pub(crate) type Line = (u64, Result<MonthInput, Vec<Fault>>);

/// Cuts bytes into lines and reads them.
pub(crate) struct LineReader {
    format: Format,
    /// What is not a whole line yet, and how much of it was looked through.
    rest: Vec<u8>,
    looked: usize,
    place: Place,
    /// Lines that ended, and those that ended within the one that is not whole.
    line: u64,
    within: u64,
    columns: Option<Vec<String>>,
    cells: Cells,
}

/// Where in a record of a CSV (RFC 4180) a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of a cell.
    Begin,
    Plain,
    Quoted,
    /// Behind a quotation mark in quotation marks: the end, or the first of two.
    Behind,
    /// Behind what stands behind the end of a quotation: the record is none.
    Broken,
}

impl LineReader {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            rest: Vec::new(),
            looked: 0,
            place: Place::Begin,
            line: 0,
            within: 0,
            columns: None,
            cells: Cells::new(),
        }
    }

    /// Takes the next bytes and adds the lines that are whole now, also those before one that cannot be read.
    pub(crate) fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Unreadable> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let mut start = 0;
        let mut at = self.looked;
        while let Some(byte) = rest.get(at) {
            let is_end = matches!(byte, b'\n' | b'\r');
            if is_end && *byte == b'\r' && at + 1 == rest.len() {
                // It may be half of an end of line.
                break;
            }
            let behind = at + if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
            if !is_end {
                self.place = self.place.behind(*byte);
            } else if self.format == Format::Csv && self.place == Place::Quoted {
                self.within += 1;
            } else {
                self.whole(&rest[start..at], lines)?;
                start = behind;
            }
            at = behind;
        }
        rest.drain(..start);
        self.looked = at - start;
        self.rest = rest;
        if self.looked > LONGEST_LINE { Err(self.too_long()) } else { Ok(()) }
    }

    /// Reads the last line, which may have no end.
    pub(crate) fn end(&mut self, lines: &mut Vec<Line>) -> Result<(), Unreadable> {
        let rest = std::mem::take(&mut self.rest);
        let line = rest.strip_suffix(b"\r").unwrap_or(&rest);
        if self.format == Format::Csv && self.place == Place::Quoted {
            self.place = Place::Broken;
        }
        if !line.is_empty() {
            self.whole(line, lines)?;
        }
        if self.format == Format::Csv && self.columns.is_none() {
            return Err(self.unreadable("there is no header".to_owned()));
        }
        Ok(())
    }

    fn unreadable(&self, what: String) -> Unreadable {
        Unreadable { line: self.line + 1, what }
    }

    fn too_long(&self) -> Unreadable {
        self.unreadable(format!("is longer than {LONGEST_LINE} bytes"))
    }

    /// A line that is whole, without what ended it.
    fn whole(&mut self, line: &[u8], lines: &mut Vec<Line>) -> Result<(), Unreadable> {
        let is_broken = std::mem::replace(&mut self.place, Place::Begin) == Place::Broken;
        if line.len() > LONGEST_LINE {
            return Err(self.too_long());
        }
        if is_broken && self.format == Format::Csv && self.columns.is_none() {
            return Err(
                self.unreadable("the header has a quotation that does not end, or something behind one".to_owned())
            );
        }
        let line = if self.line == 0 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        let read = if line.iter().all(u8::is_ascii_whitespace) {
            None
        } else {
            match self.format {
                Format::Ndjson => Some(ndjson(line)),
                Format::Csv if is_broken => Some(Err(vec![Fault::at(
                    "",
                    "not_csv",
                    "has a quotation that does not end, or something behind one",
                )])),
                Format::Csv => self.csv(line)?,
            }
        };
        self.line += 1;
        // A record has the number of its first line.
        lines.extend(read.map(|read| (self.line, read)));
        self.line += std::mem::take(&mut self.within);
        Ok(())
    }

    /// A record of a CSV; nothing for the header.
    fn csv(&mut self, line: &[u8]) -> Result<Option<Result<MonthInput, Vec<Fault>>>, Unreadable> {
        let Ok(line) = str::from_utf8(line) else {
            if self.columns.is_none() {
                return Err(self.unreadable("the header cannot be read as UTF-8".to_owned()));
            }
            return Ok(Some(Err(vec![Fault::at("", "not_csv", "is not UTF-8")])));
        };
        let record = self.cells.of(line);
        let Some(columns) = &self.columns else {
            let columns = header(&record).map_err(|what| self.unreadable(what))?;
            self.columns = Some(columns);
            return Ok(None);
        };
        Ok(Some(day(columns, &record)))
    }
}

impl Place {
    /// The place behind a byte that ends no line.
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Begin | Self::Behind, b'"') => Self::Quoted,
            (Self::Begin | Self::Plain | Self::Behind, b',') => Self::Begin,
            (Self::Begin | Self::Plain, _) => Self::Plain,
            (Self::Quoted, b'"') => Self::Behind,
            (Self::Quoted, _) => Self::Quoted,
            (Self::Behind | Self::Broken, _) => Self::Broken,
        }
    }
}

/// Cuts lines of a CSV into cells, in memory that is used again.
struct Cells {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// The cells of one line.
struct Record<'a> {
    text: &'a [u8],
    ends: &'a [usize],
}

impl Cells {
    fn new() -> Self {
        // What ends a line was taken off it.
        Self { reader: csv_core::Reader::new(), text: Vec::new(), ends: Vec::new() }
    }

    fn of(&mut self, line: &str) -> Record<'_> {
        self.reader.reset();
        // No cell is longer than the line, and there are as many as it has commas, and one.
        self.text.resize(line.len().max(self.text.len()), 0);
        self.ends.resize((line.len() + 1).max(self.ends.len()), 0);
        let (_, _, text, cells) = self.reader.read_record(line.as_bytes(), &mut self.text, &mut self.ends);
        // Nothing more to come: that ends the record.
        let (_, _, more, last) = self.reader.read_record(&[], &mut self.text[text..], &mut self.ends[cells..]);
        Record { text: &self.text[..text + more], ends: &self.ends[..cells + last] }
    }
}

impl<'a> Record<'a> {
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Without the spaces around it.
    fn cell(&self, index: usize) -> Option<&'a str> {
        let from = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let cell = self.text.get(from..*self.ends.get(index)?)?;
        // Cells begin and end where ASCII stands in UTF-8.
        str::from_utf8(cell).ok().map(str::trim)
    }

    fn cells(&self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).filter_map(|index| self.cell(index))
    }
}

/// The columns, or why there are none.
fn header(record: &Record<'_>) -> Result<Vec<String>, String> {
    if record.len() > MOST_COLUMNS {
        return Err(format!("the header has more than {MOST_COLUMNS} columns"));
    }
    let columns: Vec<String> = record.cells().map(str::to_owned).collect();
    if columns.iter().any(|column| column.contains(['\n', '\r'])) {
        return Err("the header has a quotation of several lines".to_owned());
    }
    for wanted in KEY_COLUMNS {
        if columns.iter().filter(|column| *column == wanted).count() != 1 {
            return Err(format!("the header must name {} once each, and then fields", KEY_COLUMNS.join(", ")));
        }
    }
    if let Some((_, twice)) = columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column)) {
        let twice: String = twice.chars().take(100).collect();
        return Err(format!("the header names {twice:?} twice"));
    }
    Ok(columns)
}

/// So much of a cell as is told of it.
fn told(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

fn ndjson(line: &[u8]) -> Result<MonthInput, Vec<Fault>> {
    match entrepot_web::body::parse(line) {
        Ok(value) => MonthInput::read(&value, ""),
        Err(problem) => Err(vec![Fault::at("", "not_json", problem.detail().to_owned())]),
    }
}

fn day(columns: &[String], record: &Record<'_>) -> Result<MonthInput, Vec<Fault>> {
    if record.len() != columns.len() {
        let detail = format!("has {} cells, and the header {}", record.len(), columns.len());
        return Err(vec![Fault::at("", "wrong_cells", detail)]);
    }
    let cell = |name: &str| {
        let at = columns.iter().position(|column| column == name);
        at.and_then(|at| record.cell(at)).unwrap_or_default()
    };
    let mut faults = Vec::new();
    let store = cell("storeId").parse::<StoreId>();
    if let Err(error) = &store {
        faults.push(Fault::at("/storeId", "not_a_store", error.to_string()));
    }
    let mut number = |name: &'static str| {
        let found = cell(name).parse::<i32>().ok();
        if found.is_none() {
            faults.push(Fault::at(
                format!("/{name}"),
                "not_an_integer",
                format!("{:?} is no whole number", told(cell(name))),
            ));
        }
        found
    };
    let (year, month, day) = (number("year"), number("month"), number("day"));
    let mut fields = Map::new();
    for (column, text) in columns.iter().zip(record.cells()) {
        if KEY_COLUMNS.contains(&column.as_str()) || text.is_empty() {
            continue;
        }
        match text.parse::<Number>() {
            Ok(_) if !is_exact(text) => faults.push(Fault::at(
                format!("/{column}"),
                "inexact_number",
                format!("{:?} has too many digits", told(text)),
            )),
            Ok(number) => {
                fields.insert(column.clone(), Value::Number(number));
            }
            Err(_) => {
                faults.push(Fault::at(format!("/{column}"), "not_a_number", format!("{:?} is no number", told(text))))
            }
        }
    }
    let (Ok(store), Some(year), Some(month), Some(day)) = (store, year, month, day) else { return Err(faults) };
    let Some(key) = MonthKey::new(store, year, month) else {
        faults.push(Fault::at("/month", "out_of_range", format!("{year}-{month} is no month that can be")));
        return Err(faults);
    };
    let days = Value::Object(Map::from_iter([(day.to_string(), Value::Object(fields))]));
    match read_days(&days, Some(&key), "", false) {
        Ok(days) if faults.is_empty() => Ok(MonthInput { key, days }),
        read => {
            faults.extend(read.err().into_iter().flatten());
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_first_sign() {
        for (beginning, wanted) in [
            ("storeId,year", Some(Format::Csv)),
            ("{\"storeId\"", Some(Format::Ndjson)),
            ("\u{feff}\n {", Some(Format::Ndjson)),
            ("\u{feff}s", Some(Format::Csv)),
            ("\"", Some(Format::Csv)),
            ("", None),
            ("\n\r\n ", None),
            ("\u{feff}", None),
        ] {
            assert_eq!(Format::of(beginning.as_bytes()), wanted, "{beginning:?}");
        }
        assert_eq!(Format::of(b"\xef\xbb"), None, "the beginning of a mark");
    }
    use proptest::prelude::*;
    use serde_json::json;

    fn all(format: Format, pieces: &[&[u8]]) -> Result<Vec<Line>, Unreadable> {
        let mut reader = LineReader::new(format);
        let mut lines = Vec::new();
        for piece in pieces {
            reader.push(piece, &mut lines)?;
        }
        reader.end(&mut lines)?;
        Ok(lines)
    }

    fn codes(lines: &[Line]) -> Vec<(u64, Vec<&'static str>)> {
        let of = |read: &Result<MonthInput, Vec<Fault>>| {
            read.as_ref().err().map(|faults| faults.iter().map(|fault| fault.code).collect()).unwrap_or_default()
        };
        lines.iter().map(|(line, read)| (*line, of(read))).collect()
    }

    #[test]
    fn a_csv_line_is_a_day() {
        let text =
            b"\xef\xbb\xbfstoreId,year,month,day,sales,units\r\n330,2024,2,29,10.50,3\r\n\r\n\"331\",2024,2,1,,7\n";
        let lines = all(Format::Csv, &[text]).expect("a CSV");
        assert_eq!(codes(&lines), [(2, vec![]), (4, vec![])]);
        let days = |index: usize| lines[index].1.as_ref().map(|input| Value::Object(input.days.clone())).expect("read");
        assert_eq!(days(0), json!({"29": {"sales": 10.5, "units": 3}}));
        assert_eq!(days(1), json!({"1": {"units": 7}}));
    }

    /// Old Macs and some spreadsheets end lines with a carriage return.
    #[test]
    fn any_end_of_line_ends_a_line() {
        let rows = ["storeId,year,month,day,sales", "330,2024,1,1,1", "330,2024,1,2,2", "330,2024,1,3,3"];
        for ends in [["\r"; 4], ["\n"; 4], ["\r\n"; 4], ["\n", "\r", "\r\n", ""], ["\r\n", "\n", "\r", "\r"]] {
            let text: String = rows.iter().zip(ends).map(|(row, end)| format!("{row}{end}")).collect();
            let wanted = [(2, vec![]), (3, vec![]), (4, vec![])];
            assert_eq!(codes(&all(Format::Csv, &[text.as_bytes()]).expect("a CSV")), wanted, "{text:?}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(codes(&all(Format::Csv, &bytes).expect("a CSV")), wanted, "{text:?}");
        }
        let text = b"{\"storeId\":\"330\",\"year\":2024,\"month\":1,\"dailyData\":{}}\r{}";
        assert_eq!(all(Format::Ndjson, &[text]).expect("lines").len(), 2);
    }

    #[test]
    fn cells_are_quoted_as_rfc_4180_has_it() {
        let mut cells = Cells::new();
        let mut read = |line: &str| cells.of(line).cells().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read("a, b ,\"c,\"\"d\"\"\",,é"), ["a", "b", "c,\"d\"", "", "é"]);
        assert_eq!(read("a"), ["a"], "nothing of the line before is left");
        assert_eq!(read(&",".repeat(1_000)).len(), 1_001);
    }

    #[test]
    fn a_quotation_holds_lines_together() {
        let read = |text: &str| codes(&all(Format::Csv, &[text.as_bytes()]).expect("a CSV"));
        let head = "storeId,year,month,day,sales";
        let broken = || vec!["not_csv"];
        assert_eq!(
            read(&format!("{head},comment\n350,2024,1,3,5,\"see\n351,2024,1,3,99999,\r\n\"\n330,2024,1,4,1,\n")),
            [(2, vec!["not_a_number"]), (5, vec![])]
        );
        assert_eq!(read(&format!("{head}\n331,2024,1,1,\"5\n330,2024,1,2,7\n")), [(2, broken())]);
        assert_eq!(read(&format!("{head}\n331,2024,1,1,\"1\"0\n330,2024,1,2,\"7\"\n")), [(2, broken()), (3, vec![])]);
        assert_eq!(read(&format!("{head}\n331,2024,1,1,5\"\n")), [(2, vec!["not_a_number"])]);
    }

    #[test]
    fn every_fault_has_its_line() {
        let text = "storeId,year,month,day,sales\n330,2023,2,29,1\n-,x,1,1,1\n330,2023,1,1\n330,2023,1,1,ten\n330,2023,13,1,1\n";
        let lines = all(Format::Csv, &[text.as_bytes()]).expect("a CSV");
        assert_eq!(
            codes(&lines),
            [
                (2, vec!["not_a_day"]),
                (3, vec!["not_a_store", "not_an_integer"]),
                (4, vec!["wrong_cells"]),
                (5, vec!["not_a_number"]),
                (6, vec!["out_of_range"]),
            ]
        );
        let text = "{\"storeId\":\"330\",\"year\":2024,\"month\":1,\"dailyData\":{}}\nnot JSON\n{\"storeId\":\"330\"}";
        let lines = all(Format::Ndjson, &[text.as_bytes()]).expect("lines");
        assert_eq!(codes(&lines), [(1, vec![]), (2, vec!["not_json"]), (3, vec!["required", "required", "required"])]);
    }

    #[test]
    fn what_is_no_file_of_ours_is_told_at_once() {
        let line = |text: &str| all(Format::Csv, &[text.as_bytes()]).expect_err("unreadable").line;
        assert_eq!(line(""), 1);
        assert_eq!(line("a,b,c\n1,2,3\n"), 1);
        // What a quotation in the header would hold is no header.
        for header in [
            "sales,\"c\n361,2024,3,1,5,\n",
            "\"sales\n332,2024,1,1,5\n",
            "sales,\"c\n361,2024,3,1,5,\"\n1,2\n",
            "\"sa\"les\n",
        ] {
            assert_eq!(line(&format!("storeId,year,month,day,{header}")), 1, "{header}");
        }
        assert_eq!(line(&format!("storeId,year,month,day\n{}", "x".repeat(300_000))), 2);
    }

    proptest! {
        #[test]
        fn the_pieces_make_no_difference(cuts in proptest::collection::vec(0_usize..120, 0..6)) {
            let text = "storeId,year,month,day,sales\r330,2024,1,1,1\r\n330,2024,1,2,2\r\rä,1,1,1,1\n330,2024,1,3,3".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let whole = all(Format::Csv, &[text]).expect("a CSV");
            let cut = all(Format::Csv, &pieces).expect("a CSV");
            prop_assert_eq!(codes(&whole), codes(&cut));
        }
    }
}
