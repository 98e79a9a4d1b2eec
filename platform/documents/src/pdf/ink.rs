//! The pages as PDF: marks become content streams, and each page gets its header and footer.
//!
//! **Invariant:** a text reaches the file as glyphs with the characters that they stand for, so it can be
//! searched and copied, and is never read as anything else.

use jiff::tz::TimeZone;
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, LineCap, LineJoin, Stroke};
use krilla::surface::Surface;
use krilla::text::Font;

use super::letters::{Letters, Run, Weight};
use super::paper::{Mark, Page, SIDE};
use crate::colours::{Colour, QUIET, RULE};
use crate::document::Document;
use crate::error::WriteError;
use crate::shown;

/// The size of headers and footers.
const SMALL: f32 = 7.5;
/// How far from the edges of the page the header's and the footer's baselines are.
const EDGES: (f32, f32) = (30.0, 26.0);
/// How far a circle's control points are from its ends, for a radius of 1.
const ROUND: f32 = 0.552_285;

/// Where a section begins.
pub(super) struct Place {
    pub(super) heading: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// Writes the file.
pub(super) fn write(
    document: &Document,
    letters: &mut Letters<'_>,
    pages: &[Page],
    places: Vec<Place>,
) -> Result<Vec<u8>, WriteError> {
    let fonts = Pens { regular: pen(Weight::Regular)?, strong: pen(Weight::Strong)? };
    let mut file = krilla::Document::new();
    for (index, page) in pages.iter().enumerate() {
        let (width, height) = page.lie.size();
        // A4 is a page size, so this cannot be; a page of the library's own size is better than none.
        let settings = PageSettings::from_wh(width, height).unwrap_or_default();
        let mut sheet = file.start_page_with(settings);
        let mut surface = sheet.surface();
        for mark in &page.marks {
            draw(&mut surface, &fonts, mark);
        }
        for mark in margins(document, letters, page, index, pages.len()) {
            draw(&mut surface, &fonts, &mark);
        }
        surface.finish();
        sheet.finish();
    }
    file.set_metadata(metadata(document));
    let mut outline = Outline::new();
    for place in places {
        let top = Point::from_xy(0.0, (place.y - 8.0).max(0.0));
        outline.push_child(OutlineNode::new(place.heading, XyzDestination::new(place.page, top)));
    }
    file.set_outline(outline);
    file.finish().map_err(WriteError::Pdf)
}

fn metadata(document: &Document) -> Metadata {
    let made = document.made_at.to_zoned(TimeZone::UTC);
    let part = |part: i8| u8::try_from(part).unwrap_or(0);
    let date = DateTime::new(u16::try_from(made.year()).unwrap_or(0))
        .month(part(made.month()))
        .day(part(made.day()))
        .hour(part(made.hour()))
        .minute(part(made.minute()))
        .second(part(made.second()))
        .utc_offset_hour(0);
    let metadata = Metadata::new()
        .title(shown::line(&document.title))
        .description(shown::line(&document.period))
        .language("en".to_owned())
        .creation_date(date);
    match shown::line(&document.organisation) {
        organisation if organisation.is_empty() => metadata,
        organisation => metadata.authors(vec![organisation]),
    }
}

/// What stands in the margins: above, from the second page on, which document it is; below, whose it is, when
/// it was made, and the number of the page.
fn margins(document: &Document, letters: &mut Letters<'_>, page: &Page, index: usize, pages: usize) -> Vec<Mark> {
    let (width, height) = page.lie.size();
    let right = width - SIDE;
    let text = |x, y, run| Mark::Text { x, y, size: SMALL, colour: QUIET, run };
    let mut marks = Vec::new();
    if index > 0 {
        let parts = [shown::line(&document.title), shown::line(&document.period)];
        let named = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>();
        let run = letters.fit(&named.join("  \u{B7}  "), Weight::Regular, SMALL, page.lie.width());
        marks.push(text(SIDE, EDGES.0, run));
    }
    let line = height - EDGES.1 - 12.0;
    marks.push(Mark::Line { points: vec![(SIDE, line), (right, line)], thickness: 0.5, colour: RULE });
    let number = letters.set(&format!("Page {} of {pages}", index + 1), Weight::Regular);
    let room = page.lie.width() - number.width(SMALL) - 20.0;
    let parts = [shown::line(&document.organisation), shown::made(document)];
    let named = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>();
    marks.push(text(SIDE, height - EDGES.1, letters.fit(&named.join("  \u{B7}  "), Weight::Regular, SMALL, room)));
    marks.push(text(right - number.width(SMALL), height - EDGES.1, number));
    marks
}

/// The fonts as the file embeds them.
struct Pens {
    regular: Font,
    strong: Font,
}

impl Pens {
    fn of(&self, run: &Run) -> Font {
        match run.weight {
            Weight::Regular => self.regular.clone(),
            Weight::Strong => self.strong.clone(),
        }
    }
}

fn pen(weight: Weight) -> Result<Font, WriteError> {
    Font::new(weight.bytes().into(), 0).ok_or(WriteError::Font("Inter"))
}

fn ink(colour: Colour) -> rgb::Color {
    let [_, red, green, blue] = colour.0.to_be_bytes();
    rgb::Color::new(red, green, blue)
}

fn draw(surface: &mut Surface<'_>, pens: &Pens, mark: &Mark) {
    let fill = |colour| Some(Fill { paint: ink(colour).into(), ..Fill::default() });
    let mut path = PathBuilder::new();
    match mark {
        Mark::Text { x, y, size, colour, run } => {
            surface.set_stroke(None);
            surface.set_fill(fill(*colour));
            surface.draw_glyphs(Point::from_xy(*x, *y), &run.glyphs, pens.of(run), &run.text, *size, false);
            return;
        }
        Mark::Area { x, y, width, height, colour } => {
            surface.set_stroke(None);
            surface.set_fill(fill(*colour));
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(rect);
            }
        }
        Mark::Line { points, thickness, colour } => {
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke {
                paint: ink(*colour).into(),
                width: *thickness,
                line_cap: LineCap::Butt,
                line_join: LineJoin::Round,
                ..Stroke::default()
            }));
            for (index, (x, y)) in points.iter().enumerate() {
                if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
            }
        }
        Mark::Dot { x, y, radius, colour } => {
            surface.set_stroke(None);
            surface.set_fill(fill(*colour));
            circle(&mut path, *x, *y, *radius);
        }
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn circle(path: &mut PathBuilder, x: f32, y: f32, r: f32) {
    let k = r * ROUND;
    path.move_to(x + r, y);
    path.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
    path.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
    path.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
    path.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
    path.close();
}
