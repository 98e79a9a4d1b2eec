//! A program under valgrind's callgrind: what it executes for requests between two moments, counted.
//!
//! **What makes the figures comparable:**
//! - Only what the program itself executes is counted; nothing of the kernel.
//! - Of that, what happens within [`COUNTED`]: what a connection's task does each time it is woken, and what a request
//!   began that goes on by itself. What the program does by the clock is in neither, and would be counted with fifty
//!   times as much of it, as everything takes fifty times as long here. Nor is what happens before and after that: the
//!   runtime's own, and the tasks of connections to the database.
//! - Counting is switched by valgrind's own monitor (`vgdb`) while the program waits, so it costs the program
//!   nothing.
//! - The simulated caches are larger than what one request touches and empty before it, so their misses are the
//!   lines of 64 bytes that it touched: a figure of the program, not of any processor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Caches that nothing which one request touches is pushed out of.
const CACHES: [&str; 3] = ["--I1=1048576,16,64", "--D1=1048576,16,64", "--LL=33554432,16,64"];
/// Shims that every allocation of Rust passes, as the linker names them, but for what the compiler puts around.
const ALLOCATING: [&str; 3] = ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"];

/// Within which function instructions are counted; ours and the yardstick have it.
const COUNTED: &str = "entrepot_runtime::measured::poll_for_requests*";

/// What was executed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    /// Lines of 64 bytes that were fetched into empty caches: of code, and of data.
    pub(crate) code_lines: u64,
    pub(crate) data_lines: u64,
}

/// Where callgrind writes, for one program.
pub(crate) struct Callgrind {
    folder: PathBuf,
    /// Figures that were written so far.
    dumps: u32,
}

impl Callgrind {
    /// Writes into a folder of its own, which is made.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), dumps: 0 })
    }

    /// A command that runs `program` so, counting nothing yet.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind", "--instr-atstart=no", "--compress-strings=no", "--compress-pos=no"]);
        command.arg("--cache-sim=yes").args(CACHES);
        command.arg(format!("--toggle-collect={COUNTED}"));
        command.arg(format!("--callgrind-out-file={}", self.folder.join("out").display()));
        command.arg(program);
        command
    }

    /// Empties the simulated caches and begins to count.
    pub(crate) fn begin_cold(&self, pid: u32) -> anyhow::Result<()> {
        monitor(pid, &["instrumentation", "off"])?;
        monitor(pid, &["instrumentation", "on"])?;
        self.begin(pid)
    }

    /// Begins to count.
    pub(crate) fn begin(&self, pid: u32) -> anyhow::Result<()> {
        monitor(pid, &["zero"])
    }

    /// What was counted since the beginning. Nothing at all, now and then, where the caches were emptied while every
    /// thread of the program waited for the kernel.
    pub(crate) fn end(&mut self, pid: u32) -> anyhow::Result<Counted> {
        monitor(pid, &["dump"])?;
        self.dumps += 1;
        let path = self.folder.join(format!("out.{}", self.dumps));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        read(&text)
    }
}

fn monitor(pid: u32, words: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("vgdb").arg(format!("--pid={pid}")).args(words).output();
    let output = output.context("vgdb, which comes with valgrind; script/bootstrap installs it")?;
    ensure!(output.status.success(), "vgdb {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Reads callgrind's format, as far as it is wanted: the events' names, their sums, and what was executed in the shims
/// that every allocation passes. Each is one jump, so its instructions are its calls; the calls themselves would be those
/// of the whole program.
fn read(text: &str) -> anyhow::Result<Counted> {
    let (mut events, mut sums) = (Vec::new(), Vec::new());
    let (mut allocations, mut is_allocating, mut is_of_a_call) = (0, false, false);
    for line in text.lines() {
        if let Some(names) = line.strip_prefix("events: ") {
            events = names.split_whitespace().collect();
        } else if let Some(figures) = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")) {
            sums = figures.split_whitespace().map(str::parse::<u64>).collect::<Result<_, _>>()?;
        } else if let Some(name) = line.strip_prefix("fn=") {
            is_allocating = ALLOCATING.iter().any(|allocating| name.ends_with(allocating));
        } else if line.starts_with("calls=") {
            is_of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            if is_allocating && !is_of_a_call {
                let executed = line.split_whitespace().nth(1).context("a line of costs has a figure")?;
                allocations += executed.parse::<u64>()?;
            }
            is_of_a_call = false;
        }
    }
    let sums: BTreeMap<&str, u64> = events.into_iter().zip(sums).collect();
    let of = |name: &str| sums.get(name).copied().unwrap_or(0);
    Ok(Counted { instructions: of("Ir"), allocations, code_lines: of("I1mr"), data_lines: of("D1mr") + of("D1mw") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_shims_execute_themselves_is_an_allocation() {
        let text = "events: Ir Dr\nfn=__rustc::__rust_alloc\n0 12 0\ncfn=mi_malloc_aligned\ncalls=40 0 \n0 999 9\n\n\
                    fn=other\n0 7 1\ncfn=__rustc::__rust_realloc\ncalls=8 0 \n0 80 9\n\nfn=__rustc::__rust_realloc\n\
                    0 3 0\n\ntotals: 1023 19\n";
        let counted = read(text).expect("read");
        assert_eq!((counted.instructions, counted.allocations), (1_023, 15));
    }
}
