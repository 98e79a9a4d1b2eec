//! The rows of the results, and how they are printed.

use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) what: String,
    pub(crate) yardstick: String,
    /// The figure as it is quoted.
    pub(crate) measured: String,
    /// What it must be.
    pub(crate) wanted: String,
    pub(crate) reached: Option<bool>,
    /// The median and both ends.
    pub(crate) figures: [f64; 3],
    /// What was measured on the way, for orientation on this machine.
    pub(crate) detail: String,
}

/// The median, the lowest and the highest.
pub(crate) fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    let last = figures.len() - 1;
    [figures[last / 2], figures[0], figures[last]]
}

/// A ratio that must be at least, or at most, so much; or is only told.
pub(crate) fn ratio(
    scenario: &'static str,
    what: &str,
    yardstick: &str,
    figures: Vec<f64>,
    (at_least, at_most): (Option<f64>, Option<f64>),
    detail: String,
) -> Row {
    let [median, low, high] = spread(figures);
    let reached = at_least.map(|least| median >= least).or(at_most.map(|most| median <= most));
    let wanted = match (at_least, at_most) {
        (Some(least), _) => format!("≥ {least:.2}"),
        (None, Some(most)) => format!("≤ {most:.2}"),
        (None, None) => "told only".to_owned(),
    };
    Row {
        scenario,
        what: what.to_owned(),
        yardstick: yardstick.to_owned(),
        measured: format!("{median:.2} ({low:.2} to {high:.2})"),
        wanted,
        reached,
        figures: [median, low, high],
        detail,
    }
}

/// A figure with a unit that must be at most so much.
pub(crate) fn at_most(
    scenario: &'static str,
    what: &str,
    figures: Vec<f64>,
    most: f64,
    unit: &str,
    detail: String,
) -> Row {
    let [median, low, high] = spread(figures);
    Row {
        scenario,
        what: what.to_owned(),
        yardstick: String::new(),
        measured: format!("{median:.1} {unit} ({low:.1} to {high:.1})"),
        wanted: format!("≤ {most} {unit}"),
        reached: Some(median <= most),
        figures: [median, low, high],
        detail,
    }
}

/// A figure with a unit that must be at least so much.
pub(crate) fn at_least(
    scenario: &'static str,
    what: &str,
    figures: Vec<f64>,
    least: f64,
    unit: &str,
    detail: String,
) -> Row {
    let [median, low, high] = spread(figures);
    Row {
        scenario,
        what: what.to_owned(),
        yardstick: String::new(),
        measured: format!("{median:.1} {unit} ({low:.1} to {high:.1})"),
        wanted: format!("≥ {least} {unit}"),
        reached: Some(median >= least),
        figures: [median, low, high],
        detail,
    }
}

/// Prints the rows as a Markdown table, with the machine above.
pub(crate) fn print(rows: &[Row]) {
    println!("\nmachine: {}\n", machine());
    println!(
        "| scenario | what | against | measured: median (range) | wanted | |\n| --- | --- | --- | --- | --- | --- |"
    );
    for row in rows {
        let mark = match row.reached {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        };
        let Row { scenario, what, yardstick, measured, wanted, .. } = row;
        println!("| {scenario} | {what} | {yardstick} | {measured} | {wanted} | {mark} |");
    }
    println!();
    for row in rows {
        println!("{}: {}", row.scenario, row.detail);
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("of an unknown name", |(_, name)| name);
    let cache = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").unwrap_or_default();
    let cache = if cache.is_empty() { "an unknown L3".to_owned() } else { format!("L3 of {}", cache.trim_end()) };
    let memory = kib as f64 / 1_048_576.0;
    format!("{cores} cores ({name}, {cache}), {memory:.0} GiB of memory, shared by server, database and load")
}
