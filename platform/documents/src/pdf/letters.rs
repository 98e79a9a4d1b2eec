//! Text as shapes: which glyph stands where, how wide a line is, and where a text breaks.
//!
//! The fonts are part of the program (Inter, cut down to Latin, Greek and Cyrillic; see `fonts/README.md`), so a
//! document looks the same on every machine. A character that they do not have is printed as an empty box.
//!
//! **Invariants:**
//! - A text is set as it is: no ligature, arrow or the like takes the place of characters. The fonts have none
//!   left.
//! - All digits are equally wide, so numbers below one another line up.
//! - A line that [`Letters::wrap`] or [`Letters::fit`] gives is no wider than asked for, unless a single
//!   character is.

use std::ops::Range;

use harfrust::{Buffer, Direction, Font, Script, ShapeOptions, ShapePlan, ShaperFont};
use krilla::text::GlyphId;
use unicode_linebreak::{BreakOpportunity, linebreaks};

use crate::error::WriteError;

const REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");
const STRONG: &[u8] = include_bytes!("../../fonts/Inter-SemiBold.ttf");

/// What stands for the end of a text that is cut.
const ELLIPSIS: char = '\u{2026}';

/// How heavy letters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Strong,
}

impl Weight {
    /// The bytes of its font.
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => REGULAR,
            Self::Strong => STRONG,
        }
    }
}

/// A glyph and where it stands. Lengths are in ems.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Glyph {
    id: u32,
    advance: f32,
    right: f32,
    up: f32,
    /// The bytes of the text that it stands for.
    start: u32,
    end: u32,
}

impl krilla::text::Glyph for Glyph {
    fn glyph_id(&self) -> GlyphId {
        GlyphId::new(self.id)
    }

    fn text_range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn x_advance(&self, size: f32) -> f32 {
        self.advance * size
    }

    fn x_offset(&self, size: f32) -> f32 {
        self.right * size
    }

    fn y_offset(&self, size: f32) -> f32 {
        self.up * size
    }

    fn y_advance(&self, _: f32) -> f32 {
        0.0
    }

    fn location(&self) -> Option<krilla::surface::Location> {
        None
    }
}

/// A line of text, ready to be set at any size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) text: Box<str>,
    pub(super) weight: Weight,
    pub(super) glyphs: Box<[Glyph]>,
    /// In ems.
    width: f32,
}

impl Run {
    /// How wide it is at a size, in points.
    pub(super) fn width(&self, size: f32) -> f32 {
        self.width * size
    }
}

/// The fonts of the program, read.
pub(super) struct Fonts {
    regular: Font,
    strong: Font,
}

impl Fonts {
    pub(super) fn read() -> Result<Self, WriteError> {
        let read = |bytes: &'static [u8], name| Font::new(bytes, 0).ok_or(WriteError::Font(name));
        Ok(Self { regular: read(REGULAR, "Inter")?, strong: read(STRONG, "Inter SemiBold")? })
    }
}

/// Sets text in the fonts.
pub(super) struct Letters<'a> {
    regular: Face<'a>,
    strong: Face<'a>,
    /// Used again and again, so that a short text allocates nothing but its result.
    buffer: Buffer,
}

struct Face<'a> {
    font: &'a Font,
    shaper: ShaperFont<'a, 'static>,
    /// What was worked out for each script that came up. There are fewer than two hundred.
    plans: Vec<(Option<Script>, ShapePlan)>,
    units: f32,
}

impl<'a> Face<'a> {
    fn new(font: &'a Font) -> Self {
        Self { font, shaper: ShaperFont::new(font), plans: Vec::new(), units: f32::from(font.units_per_em().max(1)) }
    }

    /// The index of the plan for a script.
    fn plan(&mut self, script: Option<Script>) -> usize {
        if let Some(index) = self.plans.iter().position(|(known, _)| *known == script) {
            return index;
        }
        let plan = ShapePlan::new(self.font, Direction::LeftToRight, script, None, &[]);
        self.plans.push((script, plan));
        self.plans.len() - 1
    }
}

impl<'a> Letters<'a> {
    pub(super) fn new(fonts: &'a Fonts) -> Self {
        Self { regular: Face::new(&fonts.regular), strong: Face::new(&fonts.strong), buffer: Buffer::new() }
    }

    /// Sets a text on one line.
    pub(super) fn set(&mut self, text: &str, weight: Weight) -> Run {
        let face = match weight {
            Weight::Regular => &mut self.regular,
            Weight::Strong => &mut self.strong,
        };
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        // The fonts have no script that runs from right to left.
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_language(None);
        let index = face.plan(buffer.script());
        let options = ShapeOptions::new().plan(face.plans.get(index).map(|(_, plan)| plan));
        // It fails for a buffer or a plan that is not of this font and direction, which cannot be: without
        // shapes the text is missing, which a test would see.
        let is_shaped = harfrust::shape(&face.shaper, buffer, options).is_ok();
        let (infos, places) =
            if is_shaped { (buffer.glyph_infos(), buffer.glyph_positions()) } else { (&[][..], &[][..]) };
        let ems = |units: i32| units as f32 / face.units;
        let mut end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut glyphs: Vec<Glyph> = Vec::with_capacity(infos.len());
        // From the back, because a glyph's text ends where that of the next begins.
        for (info, place) in infos.iter().zip(places).rev() {
            if let Some(next) = glyphs.last().filter(|next| next.start != info.cluster) {
                end = next.start;
            }
            glyphs.push(Glyph {
                id: info.glyph_id,
                advance: ems(place.x_advance),
                right: ems(place.x_offset),
                up: ems(place.y_offset),
                start: info.cluster,
                end,
            });
        }
        glyphs.reverse();
        let width = glyphs.iter().map(|glyph| glyph.advance).sum();
        Run { text: text.into(), weight, glyphs: glyphs.into(), width }
    }

    /// How wide a text is at a size, in points.
    pub(super) fn width(&mut self, text: &str, weight: Weight, size: f32) -> f32 {
        self.set(text, weight).width(size)
    }

    /// How wide the widest word of a text is.
    pub(super) fn widest_word(&mut self, text: &str, weight: Weight, size: f32) -> f32 {
        pieces(text).map(|(piece, _)| self.width(piece.trim_end(), weight, size)).fold(0.0, f32::max)
    }

    /// Sets a text on lines of at most this width. A word that is wider is broken wherever it must be.
    pub(super) fn wrap(&mut self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<Run> {
        if !text.contains('\n') {
            let whole = self.set(text, weight);
            if whole.width(size) <= width {
                return vec![whole];
            }
        }
        let mut lines = Vec::new();
        let mut line = Line::default();
        for (piece, must_break) in pieces(text) {
            let bare = self.set(piece.trim_end(), weight).width(size);
            if !line.text.is_empty() && line.width + bare > width {
                lines.push(self.set(line.take().trim_end(), weight));
            }
            if bare > width {
                for part in self.broken(piece.trim_end(), weight, size, width) {
                    if !line.text.is_empty() {
                        lines.push(self.set(line.take().trim_end(), weight));
                    }
                    line.width = self.width(&part, weight, size);
                    line.text = part;
                }
                let rest = piece.get(piece.trim_end().len()..).unwrap_or_default();
                line.width += self.width(rest.trim_end_matches('\n'), weight, size);
                line.text.push_str(rest);
            } else {
                line.width += self.width(piece.trim_end_matches('\n'), weight, size);
                line.text.push_str(piece);
            }
            if must_break {
                lines.push(self.set(line.take().trim_end(), weight));
            }
        }
        if !line.text.is_empty() || lines.is_empty() {
            lines.push(self.set(line.take().trim_end(), weight));
        }
        lines
    }

    /// A word in parts that are no wider than this, broken between characters.
    fn broken(&mut self, word: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let run = self.set(word, weight);
        let (mut parts, mut begin, mut wide) = (Vec::new(), 0, 0.0);
        for glyph in &run.glyphs {
            let (start, advance) = (glyph.start as usize, glyph.advance * size);
            // Kerning across the break is lost, so a hair's breadth is kept free for it.
            if wide + advance > width - size * 0.1 && start > begin {
                parts.extend(word.get(begin..start).map(str::to_owned));
                (begin, wide) = (start, 0.0);
            }
            wide += advance;
        }
        parts.extend(word.get(begin..).filter(|rest| !rest.is_empty()).map(str::to_owned));
        parts
    }

    /// Sets a text on one line of at most this width; what does not fit gives way to an ellipsis.
    pub(super) fn fit(&mut self, text: &str, weight: Weight, size: f32, width: f32) -> Run {
        let whole = self.set(text, weight);
        if whole.width(size) <= width {
            return whole;
        }
        let room = width - self.width(ELLIPSIS.encode_utf8(&mut [0; 4]), weight, size) - size * 0.1;
        let mut wide = 0.0;
        let end = whole.glyphs.iter().find_map(|glyph| {
            wide += glyph.advance * size;
            (wide > room).then_some(glyph.start as usize)
        });
        let kept = text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim_end();
        self.set(&format!("{kept}{ELLIPSIS}"), weight)
    }
}

/// The line that is being filled.
#[derive(Default)]
struct Line {
    text: String,
    width: f32,
}

impl Line {
    fn take(&mut self) -> String {
        self.width = 0.0;
        std::mem::take(&mut self.text)
    }
}

/// The parts of a text between which a line may end (UAX #14), each with the spaces after it, and whether one
/// must. After the last none must.
fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut begin = 0;
    linebreaks(text).filter_map(move |(end, kind)| {
        let piece = text.get(begin..end).filter(|piece| !piece.is_empty());
        begin = end;
        let must = kind == BreakOpportunity::Mandatory && end < text.len();
        piece.map(|piece| (piece, must))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_letters(test: impl FnOnce(&mut Letters<'_>)) {
        let fonts = Fonts::read().expect("the fonts of the program");
        test(&mut Letters::new(&fonts));
    }

    fn texts(lines: &[Run]) -> Vec<&str> {
        lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn each_script_that_is_promised_has_its_glyphs() {
        with_letters(|letters| {
            for text in [
                "Ærlig bjørk på Ås, Łódź, İstanbul",
                "Ελληνικά: ώρα",
                "Съешь ещё этих булок, Ґрунт",
                "€ £ ₴ ₽ – — … − “” ‰ ½ → ✓",
            ] {
                for weight in [Weight::Regular, Weight::Strong] {
                    let run = letters.set(text, weight);
                    let missing = run.glyphs.iter().filter(|glyph| glyph.id == 0).count();
                    assert_eq!(missing, 0, "{text}");
                    assert!(run.width(10.0) > 50.0, "{text}");
                }
            }
            for weight in [Weight::Regular, Weight::Strong] {
                assert!(letters.set("語", weight).glyphs.iter().any(|glyph| glyph.id == 0));
            }
            // What stands for a character without a glyph can be seen.
            for face in [&letters.regular, &letters.strong] {
                assert!(face.shaper.glyph_extents(harfrust::GlyphId::new(0)).is_some_and(|extents| extents.width > 0));
            }
        });
    }

    #[test]
    fn digits_are_equally_wide() {
        with_letters(|letters| {
            for weight in [Weight::Regular, Weight::Strong] {
                let widths = ["000000", "111111", "478293"].map(|text| letters.width(text, weight, 10.0));
                assert!(widths.iter().all(|width| (width - widths[0]).abs() < 0.001), "{widths:?}");
            }
        });
    }

    #[test]
    fn no_characters_are_taken_for_others() {
        with_letters(|letters| {
            let run = letters.set("-> fi <= (c)", Weight::Regular);
            assert_eq!(run.glyphs.len(), run.text.len());
        });
    }

    #[test]
    fn each_glyph_knows_its_text() {
        with_letters(|letters| {
            let run = letters.set("aå Ω", Weight::Regular);
            let texts: Vec<_> = run.glyphs.iter().map(|g| &run.text[g.start as usize..g.end as usize]).collect();
            assert_eq!(texts, ["a", "å", " ", "Ω"]);
            let marks = letters.set("xa\u{30A}y", Weight::Regular);
            assert!(marks.glyphs.iter().any(|g| &marks.text[g.start as usize..g.end as usize] == "a\u{30A}"));
        });
    }

    #[test]
    fn a_text_breaks_where_it_may() {
        with_letters(|letters| {
            let lines = letters.wrap("Sales per store, in thousands", Weight::Regular, 10.0, 70.0);
            assert_eq!(texts(&lines), ["Sales per", "store, in", "thousands"]);
            let lines = letters.wrap("one\n\ntwo", Weight::Regular, 10.0, 500.0);
            assert_eq!(texts(&lines), ["one", "", "two"]);
            assert_eq!(texts(&letters.wrap("", Weight::Regular, 10.0, 50.0)), [""]);
        });
    }

    #[test]
    fn no_line_is_wider_than_asked_for_and_none_of_the_text_is_lost() {
        with_letters(|letters| {
            let word = "AVAWAToÅΩЖ".repeat(40);
            for text in [word.clone(), format!("a {word} b {word}"), "a b c d ".repeat(90), "мир-".repeat(70)] {
                for width in [30.0, 77.0, 200.0] {
                    let lines = letters.wrap(&text, Weight::Strong, 9.0, width);
                    for line in &lines {
                        assert!(line.width(9.0) <= width, "{} in {width}", line.text);
                    }
                    let bare = |text: &str| text.replace(' ', "");
                    assert_eq!(bare(&texts(&lines).concat()), bare(&text));
                }
            }
        });
    }

    #[test]
    fn what_does_not_fit_gives_way_to_an_ellipsis() {
        with_letters(|letters| {
            assert_eq!(&*letters.fit("Bergen", Weight::Regular, 10.0, 60.0).text, "Bergen");
            let cut = letters.fit("Bergen and its surroundings", Weight::Regular, 10.0, 60.0);
            assert_eq!(&*cut.text, "Bergen an…");
            assert!(cut.width(10.0) <= 60.0);
        });
    }
}
