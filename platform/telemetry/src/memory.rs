//! How much memory the process uses, and how much it may.

/// Figures in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident set of this process.
    pub used: u64,
    /// The limit: of the control group where there is one, else the machine's memory.
    pub total: u64,
}

/// Reads the figures; zeros on systems without `/proc`.
#[must_use]
pub fn memory() -> Memory {
    let used = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * rustix::param::page_size() as u64);
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text)).unwrap_or(0);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|limit| limit.trim().parse().ok());
    Memory { used, total: group.map_or(machine, |limit: u64| limit.min(machine)) }
}

/// Reads `MemTotal:       24576000 kB`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_uses_memory_within_its_limit() {
        let memory = memory();
        assert!(memory.used > 1024 * 1024 && memory.used < memory.total, "{memory:?}");
    }
}
