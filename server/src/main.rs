//! The `entrepot` program: see `entrepot --help`.

use std::process::ExitCode;

// The allocator that a server with many small, short-lived values wants; measured in stack trials.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    entrepot_server::run()
}
