//! The pages as they are laid out: marks at places, before any of it is PDF.
//!
//! Lengths are in points, from the top left corner of a page to the right and down.
//!
//! **Invariants:**
//! - There is always a page to write on.
//! - There are never more than [`MOST_PDF_PAGES`] pages.

use super::letters::Run;
use crate::colours::Colour;
use crate::error::WriteError;

/// Pages of a PDF.
pub const MOST_PDF_PAGES: usize = 2_000;

/// The shorter and the longer side of A4.
const A4: (f32, f32) = (595.28, 841.89);
/// The margins: at the sides, above and below. The footer stands in the lower one.
pub(super) const SIDE: f32 = 44.0;
const ABOVE: f32 = 52.0;
const BELOW: f32 = 50.0;

/// How a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    Portrait,
    Landscape,
}

impl Lie {
    /// Its width and height.
    pub(super) fn size(self) -> (f32, f32) {
        match self {
            Self::Portrait => A4,
            Self::Landscape => (A4.1, A4.0),
        }
    }

    /// The width between the margins.
    pub(super) fn width(self) -> f32 {
        self.size().0 - 2.0 * SIDE
    }
}

/// Something drawn.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A line of text, from its left end on the baseline.
    Text { x: f32, y: f32, size: f32, colour: Colour, run: Run },
    /// A filled rectangle, from its upper left corner.
    Area { x: f32, y: f32, width: f32, height: f32, colour: Colour },
    /// A line through points.
    Line { points: Vec<(f32, f32)>, thickness: f32, colour: Colour },
    /// A filled circle around a point.
    Dot { x: f32, y: f32, radius: f32, colour: Colour },
}

/// A page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) lie: Lie,
    pub(super) marks: Vec<Mark>,
}

/// The pages, and how far down the last of them is written.
pub(super) struct Paper {
    /// All but the last.
    done: Vec<Page>,
    page: Page,
    /// Where the next thing begins.
    pub(super) y: f32,
}

impl Paper {
    pub(super) fn new() -> Self {
        Self { done: Vec::new(), page: Page { lie: Lie::Portrait, marks: Vec::new() }, y: ABOVE }
    }

    pub(super) fn lie(&self) -> Lie {
        self.page.lie
    }

    /// The width between the margins.
    pub(super) fn width(&self) -> f32 {
        self.page.lie.width()
    }

    /// The index of the page that is being written.
    pub(super) fn number(&self) -> usize {
        self.done.len()
    }

    /// How much is left of the page.
    pub(super) fn left(&self) -> f32 {
        self.page.lie.size().1 - BELOW - self.y
    }

    /// How much there is of an empty page.
    pub(super) fn whole(lie: Lie) -> f32 {
        lie.size().1 - ABOVE - BELOW
    }

    /// Whether nothing is on the page yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.page.marks.is_empty()
    }

    /// Begins a page, unless the last one lies that way and is empty.
    pub(super) fn turn(&mut self, lie: Lie) -> Result<(), WriteError> {
        let page = Page { lie, marks: Vec::new() };
        let last = std::mem::replace(&mut self.page, page);
        if !last.marks.is_empty() {
            self.done.push(last);
        }
        self.y = ABOVE;
        if self.done.len() >= MOST_PDF_PAGES {
            return Err(WriteError::TooManyPages { most: MOST_PDF_PAGES });
        }
        Ok(())
    }

    /// Begins a page if less than this is left of the last one.
    pub(super) fn need(&mut self, height: f32) -> Result<(), WriteError> {
        if self.left() < height && !self.is_fresh() { self.turn(self.lie()) } else { Ok(()) }
    }

    pub(super) fn text(&mut self, x: f32, y: f32, size: f32, colour: Colour, run: Run) {
        if !run.glyphs.is_empty() {
            self.page.marks.push(Mark::Text { x, y, size, colour, run });
        }
    }

    pub(super) fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.page.marks.push(Mark::Area { x, y, width, height, colour });
    }

    pub(super) fn line(&mut self, points: Vec<(f32, f32)>, thickness: f32, colour: Colour) {
        self.page.marks.push(Mark::Line { points, thickness, colour });
    }

    pub(super) fn dot(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        self.page.marks.push(Mark::Dot { x, y, radius, colour });
    }

    /// The pages, all written.
    pub(super) fn finish(mut self) -> Vec<Page> {
        if self.done.is_empty() || !self.page.marks.is_empty() {
            self.done.push(self.page);
        }
        self.done
    }
}
