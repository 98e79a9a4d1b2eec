//! The colours, so that a workbook and a PDF of one document look like one house made them.
//!
//! **Invariant:** text has a contrast of at least 4.5 to 1 on every ground it is set on (WCAG 2.2, 1.4.3);
//! a test works it out.

/// A colour as 0xRRGGBB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u32);

/// Words and numbers.
pub(crate) const INK: Colour = Colour(0x1B_2733);
/// Words that explain, such as labels and notes.
pub(crate) const QUIET: Colour = Colour(0x5A_6876);
/// What is to be seen first.
pub(crate) const ACCENT: Colour = Colour(0x1F_4E79);
/// A thin line.
pub(crate) const RULE: Colour = Colour(0xD3_DAE1);
/// The ground of every other row, and of a headline number.
pub(crate) const BAND: Colour = Colour(0xF4_F6F8);

/// The series of a chart, in order.
pub(crate) const SERIES: [Colour; crate::check::MOST_SERIES] = [
    Colour(0x1F_4E79),
    Colour(0xE0_8E2B),
    Colour(0x2A_9D8F),
    Colour(0xB2_4A4A),
    Colour(0x7A_6FB0),
    Colour(0x8A_9A3C),
    Colour(0x5B_A3CF),
    Colour(0x7C_8791),
];

/// The colour of a series.
pub(crate) fn of_series(index: usize) -> Colour {
    SERIES.get(index % SERIES.len()).copied().unwrap_or(ACCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Colour) -> f64 {
        let part = |shift: u32| {
            let share = f64::from(colour.0 >> shift & 0xFF) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    }

    #[test]
    fn text_can_be_read_on_every_ground() {
        for ground in [Colour(0xFF_FFFF), BAND] {
            for text in [INK, QUIET, ACCENT] {
                let contrast = (luminance(ground) + 0.05) / (luminance(text) + 0.05);
                assert!(contrast >= 4.5, "{text:?} on {ground:?}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn no_two_series_share_a_colour() {
        for (index, colour) in SERIES.iter().enumerate() {
            assert!(!SERIES[..index].contains(colour));
        }
    }
}
