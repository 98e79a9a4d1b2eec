//! The top of the first page: whose document it is, what it is, and the headline numbers.
//!
//! **Invariant:** a headline number is never cut: it is set smaller until it fits its tile. Only a text is.

use super::letters::{Letters, Weight};
use super::paper::{Paper, SIDE};
use crate::colours::{ACCENT, BAND, INK, QUIET};
use crate::document::{Document, Figure, Kind};
use crate::error::WriteError;
use crate::shown;

/// Tiles in a row, and the space between them.
const IN_A_ROW: usize = 4;
const GAP: f32 = 10.0;
/// How high a tile is, and how far its words are from its edges.
const TILE: f32 = 60.0;
const INSET: f32 = 11.0;
/// The size of a headline number where there is room, the smallest that all of them are set in for the sake of
/// one, and the smallest of a text.
const FIGURE: f32 = 17.0;
const ALIKE: f32 = 11.0;
const LEAST: f32 = 6.0;

/// Writes the title and what belongs to it.
pub(super) fn title(paper: &mut Paper, letters: &mut Letters<'_>, document: &Document) -> Result<(), WriteError> {
    paper.area(SIDE, paper.y - 10.0, 36.0, 3.0, ACCENT);
    paper.y += 2.0;
    let organisation = shown::line(&document.organisation);
    if !organisation.is_empty() {
        let run = letters.fit(&organisation, Weight::Strong, 9.5, paper.width());
        paper.y += 11.0;
        paper.text(SIDE, paper.y, 9.5, ACCENT, run);
        paper.y += 5.0;
    }
    lines(paper, letters, &shown::line(&document.title), (Weight::Strong, 24.0, INK), 1.22)?;
    lines(paper, letters, &shown::line(&document.period), (Weight::Strong, 11.0, INK), 1.6)?;
    lines(paper, letters, &shown::line(&document.subtitle), (Weight::Regular, 9.5, QUIET), 1.5)?;
    paper.y += 16.0;
    Ok(())
}

/// Writes a text over as many lines as it needs. An empty one takes no room.
pub(super) fn lines(
    paper: &mut Paper,
    letters: &mut Letters<'_>,
    text: &str,
    (weight, size, colour): (Weight, f32, crate::colours::Colour),
    leading: f32,
) -> Result<(), WriteError> {
    if text.is_empty() {
        return Ok(());
    }
    for run in letters.wrap(text, weight, size, paper.width()) {
        paper.need(size * leading)?;
        paper.y += size * leading;
        paper.text(SIDE, paper.y - size * 0.28, size, colour, run);
    }
    Ok(())
}

/// Writes the headline numbers as tiles, as evenly over the rows as they go.
pub(super) fn figures(paper: &mut Paper, letters: &mut Letters<'_>, document: &Document) -> Result<(), WriteError> {
    let count = document.figures.len();
    if count == 0 {
        return Ok(());
    }
    let columns = count.div_ceil(count.div_ceil(IN_A_ROW));
    let width = (paper.width() - GAP * (columns - 1) as f32) / columns as f32;
    let room = width - 2.0 * INSET;
    let sizes = document.figures.iter().map(|figure| size(letters, &value(document, figure), room));
    let alike = sizes.fold(FIGURE, f32::min).max(ALIKE);
    for row in document.figures.chunks(columns) {
        paper.need(TILE)?;
        for (index, figure) in row.iter().enumerate() {
            tile(paper, letters, figure, &value(document, figure), (SIDE + index as f32 * (width + GAP), width), alike);
        }
        paper.y += TILE + GAP;
    }
    paper.y += 2.0;
    Ok(())
}

/// A headline number as it is written.
fn value(document: &Document, figure: &Figure) -> String {
    shown::line(&shown::alone(figure.kind, &figure.value, &document.zone))
}

/// The size in which a headline number fits its tile.
fn size(letters: &mut Letters<'_>, value: &str, room: f32) -> f32 {
    let whole = letters.width(value, Weight::Strong, FIGURE);
    // A hair less than would just fit, because lengths are rounded.
    if whole <= room { FIGURE } else { FIGURE * 0.99 * room / whole }
}

fn tile(
    paper: &mut Paper,
    letters: &mut Letters<'_>,
    figure: &Figure,
    value: &str,
    (x, width): (f32, f32),
    alike: f32,
) {
    let (top, room) = (paper.y, width - 2.0 * INSET);
    paper.area(x, top, width, TILE, BAND);
    paper.area(x, top, 2.5, TILE, ACCENT);
    let label = letters.fit(&shown::line(&figure.label), Weight::Regular, 8.0, room);
    paper.text(x + INSET, top + 17.0, 8.0, QUIET, label);
    let fitting = size(letters, value, room).min(alike);
    // A number is bounded, but a text may be longer than any tile.
    let size = if figure.kind == Kind::Text { fitting.max(LEAST) } else { fitting };
    let value = letters.fit(value, Weight::Strong, size, room);
    paper.text(x + INSET, top + 36.5, size, INK, value);
    let note = letters.fit(&shown::line(&figure.note), Weight::Regular, 7.5, room);
    paper.text(x + INSET, top + 51.0, 7.5, QUIET, note);
}
