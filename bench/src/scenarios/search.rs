//! Search over the real products: how long it takes, what it costs a processor, and whether what is typed is found.
//! Nothing is cached here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Stage, Wanted, milliseconds, percentile};
use crate::programs::entrepot;
use crate::table::{Row, at_least, at_most};

/// Searches a second: some four times what the busiest hour of a shop with a million visits a day brings.
const PER_SECOND: u32 = 50;
const CONNECTIONS: usize = 8;

pub(super) const ON_STAGE: &[&str] =
    &["search", "search-paced", "search-cpu", "search-prefixes", "search-slips", "search-slips-in-two"];

/// What people type, by kind: one or two letters, an unfinished word, whole words, two words, slips, broad words,
/// phrases, codes, and what there is not.
const QUERIES: [&str; 52] = [
    "c",
    "s",
    "to",
    "ch",
    "but",
    "can",
    "cho",
    "vegetab",
    "chocolat",
    "toma",
    "straw",
    "detergen",
    "seasonin",
    "yogu",
    "apple",
    "chocolate",
    "cheese",
    "bread",
    "coffee",
    "shampoo",
    "candles",
    "pasta",
    "apple sauce",
    "ice cream",
    "orange jui",
    "dog foo",
    "paper tow",
    "peanut but",
    "frozen pizza",
    "greeting car",
    "aplpe",
    "chocolte",
    "sacue",
    "strawbery",
    "orange jucie",
    "ice craem",
    "detergant",
    "shampo",
    "vegtable",
    "grocery",
    "oz",
    "national",
    "private",
    "produce",
    "\"apple sauce\"",
    "\"ice cream\"",
    "\"peanut butter\"",
    "26190",
    "25671",
    "zzzzzz",
    "qwertzuiop",
    "no such thing at all",
];
/// How often each is asked, for its cost.
const ROUNDS: usize = 10;

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.any(&["search", "search-paced"]) {
        rows.extend(times(stage).await?);
    }
    if wanted.one("search-cpu") {
        rows.push(cost(stage).await?);
    }
    if wanted.any(&["search-prefixes", "search-slips", "search-slips-in-two"]) {
        rows.extend(found(stage).await?);
    }
    Ok(rows)
}

/// A search as an address; of what is typed only letters, digits, spaces and quotes are in these.
fn address(text: &str, facets: bool) -> String {
    let text = text.replace(' ', "+").replace('"', "%22");
    let facets = if facets { "" } else { "&facets=&fields=title" };
    format!("/api/v2/products/search?q={text}&limit=20{facets}")
}

/// Words as the titles have them, so frequent words are asked for often; two thirds with a second word, one third cut
/// short as while typing.
async fn times(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let sql = "SELECT title FROM catalog.product ORDER BY md5(sku || 'search') LIMIT 1500";
    let titles = entrepot(&stage.data, &["psql", "--", "-Atc", sql])?;
    let queries = titles.lines().enumerate().filter_map(|(index, title)| {
        let words: Vec<&str> = title.split(|char: char| !char.is_alphabetic()).filter(|word| word.len() > 2).collect();
        let (first, second) = (words.first()?, words.get(1));
        let text = match (index % 3, second) {
            (0, _) | (_, None) => (*first).to_owned(),
            (1, Some(second)) => format!("{first} {second}"),
            (_, Some(second)) => format!("{first} {}", second.chars().take(3).collect::<String>()),
        };
        Some(address(&text, true))
    });
    let paths: Vec<String> = queries.take(1_000).collect();
    stage.http.without_pause(&paths[..200], CONNECTIONS).await?;
    let (mut crowded, mut crowd) = (Vec::new(), String::new());
    let (mut paced, mut pace) = (Vec::new(), String::new());
    for _ in 0..3 {
        let start = Instant::now();
        let times = stage.http.without_pause(&paths, CONNECTIONS).await?;
        write!(crowd, "{:.0}/s, ", paths.len() as f64 / start.elapsed().as_secs_f64())?;
        crowded.push(p99(&times, &mut crowd)?);
        let times = stage.http.at_rate(&paths[..500], PER_SECOND, CONNECTIONS).await?;
        paced.push(p99(&times, &mut pace)?);
    }
    let crowd = format!("{CONNECTIONS} connections without a pause, facets and highlights on, ms: {crowd}");
    let pace = format!("{PER_SECOND}/s, from when each was due, ms: {pace}");
    let what = |how: &str| format!("search over 92,331 products, not cached, {how}, p99");
    Ok(vec![
        at_most("search", &what("8 connections without a pause"), crowded, 50.0, "ms", crowd),
        at_most("search-paced", &what("50 a second"), paced, 50.0, "ms", pace),
    ])
}

/// The processor time of the server and of its database for each of the queries, one after the other.
async fn cost(stage: &Stage) -> anyhow::Result<Row> {
    let paths: Vec<String> = QUERIES.iter().map(|text| address(text, true)).collect();
    stage.http.without_pause(&paths, 1).await?;
    let mut figures = Vec::new();
    for _ in 0..3 {
        let before = stage.running.processor_time_of_all()?;
        for _ in 0..ROUNDS {
            stage.http.without_pause(&paths, 1).await?;
        }
        let taken = stage.running.processor_time_of_all()?.saturating_sub(before);
        figures.push(milliseconds(taken) / (ROUNDS * paths.len()) as f64);
    }
    let detail =
        format!("{} queries, {ROUNDS} times each, with facets and highlights; server and database", paths.len());
    let what = "search: processor time each, mean over 52 queries of all kinds";
    Ok(at_most("search-cpu", what, figures, 8.0, "ms", detail))
}

/// Types all words of titles letter by letter, and mistypes those of five and six letters: what part of it finds
/// something.
async fn found(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let sql = "SELECT DISTINCT title FROM catalog.product ORDER BY title";
    let titles = entrepot(&stage.data, &["psql", "--", "-Atc", sql])?;
    let words: BTreeSet<String> = titles
        .split(|char: char| !char.is_ascii_alphabetic())
        .map(str::to_ascii_lowercase)
        .filter(|word| word.len() >= 3)
        .collect();
    ensure!(words.len() > 1_000, "only {} words", words.len());

    let (mut typed, mut lost) = (0_usize, Vec::new());
    let beginnings: BTreeSet<&str> = words.iter().flat_map(|word| (3..=word.len()).map(|end| &word[..end])).collect();
    for beginning in beginnings {
        typed += 1;
        if !finds(stage, beginning).await? {
            lost.push(beginning);
        }
    }
    let share = |missed: usize, of: usize| 100.0 * (1.0 - missed as f64 / of.max(1) as f64);
    let prefixes = at_least(
        "search-prefixes",
        "words of titles typed letter by letter, from three letters on: beginnings that find something",
        vec![share(lost.len(), typed)],
        100.0,
        "%",
        format!("{typed} beginnings of {} words; lost: {:?}", words.len(), &lost[..lost.len().min(20)]),
    );

    let (mut slipped, mut missed) = (0_usize, Vec::new());
    for word in words.iter().filter(|word| matches!(word.len(), 5 | 6)) {
        for slip in slips(word) {
            slipped += 1;
            if !finds(stage, &format!("{slip} ")).await? {
                missed.push(format!("{slip} ({word})"));
            }
        }
    }
    let slips = at_least(
        "search-slips",
        "words of five and six letters with two letters swapped, one missing, one doubled, one replaced: found",
        vec![share(missed.len(), slipped)],
        99.0,
        "%",
        format!("{slipped} slips; not found: {:?}", &missed[..missed.len().min(20)]),
    );
    Ok(vec![prefixes, slips, slips_in_two(stage, &titles).await?])
}

/// The first two words of titles, the first mistyped: what part of it finds something. What a slip made into another
/// word that products have is in it, too.
async fn slips_in_two(stage: &Stage, titles: &str) -> anyhow::Result<Row> {
    let pairs = titles.lines().filter_map(|title| {
        let words = title.split(|char: char| !char.is_ascii_alphabetic()).filter(|word| word.len() >= 4);
        let mut words = words.map(str::to_ascii_lowercase);
        Some((words.next()?, words.next()?))
    });
    let pairs: BTreeSet<(String, String)> = pairs.collect();
    let (mut slipped, mut missed) = (0_usize, Vec::new());
    for (first, second) in &pairs {
        for slip in slips(first) {
            slipped += 1;
            let text = format!("{slip} {second}");
            if !finds(stage, &text).await? {
                missed.push(text);
            }
        }
    }
    Ok(at_least(
        "search-slips-in-two",
        "the first two words of titles, one slip in the first: found",
        vec![100.0 * (1.0 - missed.len() as f64 / slipped.max(1) as f64)],
        98.0,
        "%",
        format!("{slipped} slips in {} pairs; not found: {:?}", pairs.len(), &missed[..missed.len().min(20)]),
    ))
}

/// A word with one slip of each kind, in its middle.
fn slips(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let at = letters.len() / 2;
    let with = |change: &dyn Fn(&mut Vec<char>)| -> String {
        let mut letters = letters.clone();
        change(&mut letters);
        letters.into_iter().collect()
    };
    let other = if letters[at] == 'x' { 'y' } else { 'x' };
    let all = [
        with(&|letters| letters.swap(at - 1, at)),
        with(&|letters| {
            letters.remove(at);
        }),
        with(&|letters| letters.insert(at, letters[at])),
        with(&|letters| letters[at] = other),
    ];
    all.into_iter().filter(|slip| slip != word).collect()
}

async fn finds(stage: &Stage, text: &str) -> anyhow::Result<bool> {
    let found = stage.http.json(&address(text, false)).await?;
    Ok(found["data"].as_array().is_some_and(|rows| !rows.is_empty()))
}

/// Notes the usual percentiles, in milliseconds, and returns the 99th.
fn p99(times: &[Duration], told: &mut String) -> anyhow::Result<f64> {
    let at = |percent| milliseconds(percentile(times, percent));
    write!(told, "p50 {:.1}, p95 {:.1}, p99 {:.1}; ", at(50), at(95), at(99))?;
    Ok(at(99))
}
