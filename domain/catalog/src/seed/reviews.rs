//! Reviews for the small shop: as many as its products say they have, with that average.
//!
//! The large catalogs have ratings and no reviews behind them, as they are there to be measured: the
//! first review of such a product is its only one.

use jiff::ToSpan as _;

use super::generator::{Random, start};
use crate::model::{ProductRecord, RatingSummary, ReviewRecord};

const AUTHORS: [&str; 16] = [
    "Mira K.",
    "Jonas",
    "A. Okafor",
    "tea_for_two",
    "Lena W.",
    "R. Patel",
    "Sofía",
    "Old Kettle",
    "Noor",
    "Paul B.",
    "Yuki",
    "E. Lindqvist",
    "Camille",
    "G. Rossi",
    "Hana",
    "Teo",
];
/// A title and a text for each number of stars, from one to five.
const TEXTS: [&[(&str, &str)]; 5] = [
    &[("Not for me", "I sent it back."), ("Arrived broken", "The parcel had been through a lot. So had this.")],
    &[("Less than I hoped", "It looks better in the picture."), ("Too dear", "Fine, but not at this price.")],
    &[("It is all right", "Does what it says, and no more."), ("Fair", "I would take the larger size next time.")],
    &[("Very good", "Used every day since it came."), ("Nearly perfect", "One star less for the box."), ("Good", "")],
    &[
        ("Exactly right", "I have bought it three times by now."),
        ("Lovely", "My guests ask where it is from."),
        ("Would buy again", ""),
        ("A quiet pleasure", "Take your time with it."),
    ],
];
/// Hours in which the reviews came in.
const HOURS: usize = 24 * 28;

/// As many reviews of the product as it says it has, and its rating made theirs.
pub(super) fn reviews(random: &mut Random, product: &mut ProductRecord) -> Vec<ReviewRecord> {
    let stars = stars(random, product);
    let summary = RatingSummary::of(stars.iter().map(|stars| (*stars, 1)));
    product.rating = summary.decimal();
    stars
        .into_iter()
        .map(|rating| {
            let hours = 1 + i64::try_from(random.below(HOURS)).unwrap_or(0);
            let created_at = start().checked_add(hours.hours()).unwrap_or_else(|_| start());
            let texts = TEXTS[usize::from(rating.unsigned_abs()).clamp(1, TEXTS.len()) - 1];
            let (title, body) = if random.chance(40) { *random.pick(texts) } else { ("", "") };
            ReviewRecord {
                id: random.id(created_at),
                product_id: product.id,
                rating,
                title: title.to_owned(),
                body: body.to_owned(),
                author: (*random.pick(&AUTHORS)).to_owned(),
                created_at,
            }
        })
        .collect()
}

/// Stars that come as near to the product's rating as so many can.
fn stars(random: &mut Random, product: &ProductRecord) -> Vec<i16> {
    let count = i64::from(product.rating_count);
    let hundredths = i64::try_from(product.rating.mantissa()).unwrap_or(0);
    let wanted = (hundredths * count + 50) / 100;
    let mut stars: Vec<i16> = (0..count).map(|_| *random.pick(&[5, 5, 5, 4, 4, 3, 2, 1])).collect();
    let mut sum: i64 = stars.iter().copied().map(i64::from).sum();
    while sum != wanted.clamp(count, 5 * count) {
        let one = random.below(stars.len());
        let step = if sum < wanted { 1 } else { -1 };
        if (1..=5).contains(&(stars[one] + step)) {
            stars[one] += step;
            sum += i64::from(step);
        }
    }
    stars
}
