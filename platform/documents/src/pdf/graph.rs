//! A chart, drawn: title, legend, axes with round numbers, and bars or lines.
//!
//! **Invariants:**
//! - Bars stand on zero, so that their lengths compare as their values do.
//! - Every value lies within the axis, and the numbers at the axis are exact.
//! - No two labels overlap: where there is no room for all, every other one stands, or every third.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};

use super::letters::{Letters, Run, Weight};
use super::paper::{Paper, SIDE};
use crate::colours::{self, INK, QUIET, RULE};
use crate::document::{Chart, ChartKind};
use crate::error::WriteError;
use crate::shown;

/// How high the drawing itself is, and how wide it is at the most.
const HEIGHT: f32 = 156.0;
const WIDEST: f32 = 760.0;
/// The sizes of the title and of all other words.
const TITLE: f32 = 9.5;
const SMALL: f32 = 7.5;
/// The distance of two lines of the legend or of labels.
const LEADING: f32 = 11.0;
/// Gridlines that are aimed at.
const STEPS: f64 = 5.0;
/// Labels are put on two lines rather than left out while there are not more than this.
const FEW: usize = 14;
/// How wide a label may be where others are left out. Half of it may reach into the margin of the page.
const THINNED: f32 = 80.0;
/// Points of a line are marked while there are not more than this.
const MARKED: usize = 40;
/// The share of a label's room that its bars take.
const WIDEST_BAR: f32 = 46.0;
const BARS: f32 = 0.72;

/// A legend, laid out: the lines, each of its entries with their distance from the left.
type Legend = Vec<Vec<(f32, usize, Run)>>;

/// How high a chart is, with all that belongs to it.
pub(super) fn height(letters: &mut Letters<'_>, chart: &Chart, width: f32) -> f32 {
    let legend = legend(letters, chart, width.min(WIDEST)).len() as f32;
    TITLE * 1.6 + LEADING * legend + HEIGHT + 2.0 * LEADING + 16.0
}

/// Draws a chart. There is room for it.
pub(super) fn draw(paper: &mut Paper, letters: &mut Letters<'_>, chart: &Chart) -> Result<(), WriteError> {
    let width = paper.width().min(WIDEST);
    paper.need(height(letters, chart, width))?;
    let title = letters.fit(&shown::line(&chart.title), Weight::Strong, TITLE, width * 0.7);
    paper.y += TITLE * 1.6;
    let beside = title.width(TITLE) + 8.0;
    let unit = letters.fit(&shown::line(&chart.unit), Weight::Regular, SMALL, width - beside);
    paper.text(SIDE, paper.y - 4.0, TITLE, INK, title);
    paper.text(SIDE + beside, paper.y - 4.0, SMALL, QUIET, unit);
    for line in legend(letters, chart, width) {
        paper.y += LEADING;
        for (x, index, run) in line {
            paper.area(SIDE + x, paper.y - 6.2, 7.0, 7.0, colours::of_series(index));
            paper.text(SIDE + x + 11.0, paper.y, SMALL, QUIET, run);
        }
    }
    paper.y += 10.0;

    let axis = Axis::of(chart);
    let numbers: Vec<_> =
        axis.ticks.iter().map(|tick| (*tick, letters.set(&axis.number(*tick), Weight::Regular))).collect();
    let inset = numbers.iter().map(|(_, run)| run.width(SMALL)).fold(0.0, f32::max) + 7.0;
    let plot = Plot { left: SIDE + inset, top: paper.y, width: width - inset, slots: chart.labels.len() };
    for (tick, run) in numbers {
        let y = plot.y(&axis, tick);
        paper.text(plot.left - 7.0 - run.width(SMALL), y + SMALL * 0.36, SMALL, QUIET, run);
        let colour = if tick == 0.0 { QUIET } else { RULE };
        paper.line(vec![(plot.left, y), (plot.left + plot.width, y)], 0.5, colour);
    }
    match chart.kind {
        ChartKind::Bars => bars(paper, chart, &axis, &plot),
        ChartKind::Lines => lines(paper, chart, &axis, &plot),
    }
    labels(paper, letters, chart, &plot);
    paper.y = plot.top + HEIGHT + 2.0 * LEADING + 8.0;
    Ok(())
}

/// Where a chart is drawn.
struct Plot {
    left: f32,
    top: f32,
    width: f32,
    /// As many as there are labels.
    slots: usize,
}

impl Plot {
    fn slot(&self) -> f32 {
        self.width / self.slots.max(1) as f32
    }

    /// The middle of a label's room.
    fn x(&self, index: usize) -> f32 {
        self.left + (index as f32 + 0.5) * self.slot()
    }

    fn y(&self, axis: &Axis, value: f64) -> f32 {
        let share = (value - axis.low) / (axis.high - axis.low);
        self.top + HEIGHT * (1.0 - share as f32)
    }
}

/// The vertical axis.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
    ticks: Vec<f64>,
}

impl Axis {
    fn of(chart: &Chart) -> Self {
        let values = chart.series.iter().flat_map(|series| &series.values).flatten().filter_map(Decimal::to_f64);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self::between(0.0, 1.0);
        }
        // A line may leave zero out if its values are all far from it. A bar may not.
        let is_far = chart.kind == ChartKind::Lines && (low > high * 0.6 || high < low * 0.6) && low < high;
        if is_far { Self::between(low, high) } else { Self::between(low.min(0.0), high.max(0.0)) }
    }

    /// An axis from at most `low` to at least `high` in round steps.
    fn between(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let rough = (high - low) / STEPS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let count = (last - first).clamp(1.0, 2.0 * STEPS) as u32;
        let ticks: Vec<_> = (0..=count).map(|index| (first + f64::from(index)) * step).collect();
        Self { low: first * step, high: (first + f64::from(count)) * step, step, ticks }
    }

    /// A number at the axis. Large ones are told in millions or billions, all in the same.
    fn number(&self, tick: f64) -> String {
        if tick == 0.0 {
            return "0".to_owned();
        }
        let largest = self.low.abs().max(self.high.abs());
        let (unit, name) = match largest {
            ..1e6 => (1.0, ""),
            ..1e9 => (1e6, "\u{A0}M"),
            ..1e12 => (1e9, "\u{A0}bn"),
            _ => (1e12, "\u{A0}tn"),
        };
        // Places until the step is a whole number of them: 2.5 needs one more than its power of ten tells.
        let places = (0..MOST).find(|places| is_whole(self.step / unit * 10_f64.powi(*places))).unwrap_or(MOST);
        let places = places.unsigned_abs();
        let value = Decimal::from_f64(tick / unit).map(|value| shown::number(value, places));
        value.map_or_else(|| format!("{tick:e}"), |value| format!("{value}{name}"))
    }
}

/// Places at the axis.
const MOST: i32 = 12;

fn is_whole(value: f64) -> bool {
    value >= 0.999 && (value - value.round()).abs() < 1e-6 * value
}

/// Puts the entries of the legend on lines. A chart of one series needs none.
fn legend(letters: &mut Letters<'_>, chart: &Chart, width: f32) -> Legend {
    let mut lines = Legend::new();
    if chart.series.len() < 2 {
        return lines;
    }
    let mut x = f32::MAX;
    for (index, series) in chart.series.iter().enumerate() {
        let run = letters.fit(&shown::line(&series.name), Weight::Regular, SMALL, width / 2.0);
        let wide = run.width(SMALL) + 27.0;
        if x + wide > width {
            lines.push(Vec::new());
            x = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            line.push((x, index, run));
        }
        x += wide;
    }
    lines
}

fn bars(paper: &mut Paper, chart: &Chart, axis: &Axis, plot: &Plot) {
    // Few groups do not make bars as wide as walls; a narrower group stands over its label all the same.
    let bar = (plot.slot() * BARS / chart.series.len().max(1) as f32).min(WIDEST_BAR);
    let group = bar * chart.series.len() as f32;
    // Bars of a group have a hairline of paper between them while they are wide enough for one.
    let gap = if bar > 4.0 { 0.8 } else { 0.0 };
    let zero = plot.y(axis, 0.0);
    for (number, series) in chart.series.iter().enumerate() {
        for (index, value) in series.values.iter().enumerate() {
            let Some(value) = value.and_then(|value| value.to_f64()) else { continue };
            let y = plot.y(axis, value);
            let x = plot.x(index) - group / 2.0 + bar * number as f32;
            let height = (zero - y).abs();
            paper.area(x + gap / 2.0, y.min(zero), bar - gap, height, colours::of_series(number));
        }
    }
}

fn lines(paper: &mut Paper, chart: &Chart, axis: &Axis, plot: &Plot) {
    for (number, series) in chart.series.iter().enumerate() {
        let colour = colours::of_series(number);
        let points = series.values.iter().enumerate().map(|(index, value)| {
            let value = value.and_then(|value| value.to_f64())?;
            Some((plot.x(index), plot.y(axis, value)))
        });
        let points: Vec<_> = points.collect();
        // Where a value is missing the line has a gap, and a value without neighbours is a dot.
        for part in points.split(Option::is_none) {
            let part: Vec<_> = part.iter().flatten().copied().collect();
            if chart.labels.len() <= MARKED || part.len() == 1 {
                part.iter().for_each(|(x, y)| paper.dot(*x, *y, 1.9, colour));
            }
            if part.len() > 1 {
                paper.line(part, 1.4, colour);
            }
        }
    }
}

/// Writes the labels below the axis.
fn labels(paper: &mut Paper, letters: &mut Letters<'_>, chart: &Chart, plot: &Plot) {
    let labels: Vec<_> = chart.labels.iter().map(|label| shown::line(label)).collect();
    let widest = labels.iter().map(|label| letters.width(label, Weight::Regular, SMALL)).fold(0.0, f32::max);
    let room = plot.slot() - 4.0;
    let baseline = plot.top + HEIGHT + LEADING + 1.0;
    let centred = |paper: &mut Paper, index: usize, line: usize, run: Run| {
        let x = plot.x(index) - run.width(SMALL) / 2.0;
        paper.text(x, baseline + line as f32 * LEADING * 0.85, SMALL, QUIET, run);
    };
    if widest > room && labels.len() <= FEW {
        for (index, label) in labels.iter().enumerate() {
            for (line, text) in two_lines(letters, label, room).iter().enumerate() {
                let run = letters.fit(text, Weight::Regular, SMALL, room);
                centred(paper, index, line, run);
            }
        }
        return;
    }
    let widest = if widest > room { widest.min(THINNED) } else { widest };
    let every = if widest > room { ((widest + 8.0) / plot.slot()).ceil().max(1.0) as usize } else { 1 };
    for (index, label) in labels.iter().enumerate().step_by(every) {
        let run = letters.fit(label, Weight::Regular, SMALL, widest.max(room));
        centred(paper, index, 0, run);
    }
}

/// A label on at most two lines; what is too much for them stays on the second.
fn two_lines(letters: &mut Letters<'_>, label: &str, room: f32) -> Vec<String> {
    let lines = letters.wrap(label, Weight::Regular, SMALL, room);
    let mut texts = lines.into_iter().map(|run| run.text.into_string());
    let first = texts.next().unwrap_or_default();
    let rest = texts.collect::<Vec<_>>().join(" ");
    if rest.is_empty() { vec![first] } else { vec![first, rest] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Series;
    use crate::pdf::letters::Fonts;
    use crate::pdf::paper::Mark;

    fn chart(kind: ChartKind, values: &[&str]) -> Chart {
        Chart {
            kind,
            title: "Revenue".to_owned(),
            unit: "EUR".to_owned(),
            labels: values.iter().map(|value| (*value).to_owned()).collect(),
            series: vec![Series {
                name: "2026".to_owned(),
                values: values.iter().map(|value| value.parse().ok()).collect(),
            }],
        }
    }

    fn numbers(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| axis.number(*tick)).collect()
    }

    #[test]
    fn the_numbers_at_the_axis_are_round() {
        for (values, wanted) in [
            (&["3", "97"][..], &["0", "20", "40", "60", "80", "100"][..]),
            (&["0.11", "0.02"], &["0", "0.025", "0.050", "0.075", "0.100", "0.125"]),
            (&["-40", "120"], &["\u{2212}50", "0", "50", "100", "150"]),
            (&["-7"], &["\u{2212}8", "\u{2212}6", "\u{2212}4", "\u{2212}2", "0"]),
            (&["1200000"], &["0", "0.25\u{A0}M", "0.50\u{A0}M", "0.75\u{A0}M", "1.00\u{A0}M", "1.25\u{A0}M"]),
            (&["0"], &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&["none"], &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ] {
            assert_eq!(numbers(&Axis::of(&chart(ChartKind::Bars, values))), wanted, "{values:?}");
        }
    }

    #[test]
    fn bars_stand_on_zero_and_lines_may_leave_it() {
        let values = &["1010", "1040", "1090"];
        assert!(Axis::of(&chart(ChartKind::Bars, values)).low == 0.0);
        let axis = Axis::of(&chart(ChartKind::Lines, values));
        assert_eq!(numbers(&axis), ["1,000", "1,020", "1,040", "1,060", "1,080", "1,100"]);
    }

    #[test]
    fn every_value_lies_within_the_axis() {
        for kind in [ChartKind::Bars, ChartKind::Lines] {
            for values in [
                &["79228162514264337593543950335", "-79228162514264337593543950335"][..],
                &["0.0000000000000000000000000001"],
                &["-3", "-3.001"],
                &["999999999999", "1"],
                &["5", "5"],
            ] {
                let axis = Axis::of(&chart(kind, values));
                assert!(axis.low < axis.high, "{values:?}");
                assert!(axis.ticks.len() <= 11, "{values:?}");
                for value in values.iter().filter_map(|value| value.parse::<f64>().ok()) {
                    assert!(axis.low <= value && value <= axis.high, "{value} in {} to {}", axis.low, axis.high);
                }
            }
        }
    }

    /// Labels of so many letters each.
    fn labelled(kind: ChartKind, labels: usize, letters: usize) -> Chart {
        let values = (0..labels).map(|index| Decimal::from_usize(index * 37 % 101)).collect();
        let series = Series { name: "A name in the legend".to_owned(), values };
        Chart {
            kind,
            title: "Revenue".to_owned(),
            unit: "EUR".to_owned(),
            labels: vec!["M".repeat(letters); labels],
            series: vec![series; crate::MOST_SERIES],
        }
    }

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_page() {
        let fonts = Fonts::read().expect("the fonts of the program");
        let mut letters = Letters::new(&fonts);
        for (labels, long) in [(1, 150), (3, 60), (12, 3), (12, 12), (14, 40), (15, 40), (60, 5), (400, 1), (400, 30)] {
            for kind in [ChartKind::Bars, ChartKind::Lines] {
                let mut paper = Paper::new();
                draw(&mut paper, &mut letters, &labelled(kind, labels, long)).expect("a chart");
                let pages = paper.finish();
                assert_eq!(pages.len(), 1);
                let (width, _) = pages[0].lie.size();
                let mut texts: Vec<_> = { pages[0].marks.iter() }
                    .filter_map(|mark| match mark {
                        Mark::Text { x, y, size, run, .. } => Some((*y, *x, x + run.width(*size))),
                        _ => None,
                    })
                    .collect();
                texts.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
                for (_, left, right) in &texts {
                    // A label in the middle of the first or the last room may reach into the margin.
                    assert!(*left > 0.0 && *right < width, "{labels} of {long}: {left} to {right}");
                }
                for pair in texts.windows(2) {
                    let is_beside = pair[0].0 != pair[1].0 || pair[0].2 < pair[1].1;
                    assert!(is_beside, "{labels} of {long}: {pair:?}");
                }
            }
        }
    }
}
