//! The `entrepot` program: see `entrepot --help`.

use std::process::ExitCode;

// The allocator that a server with many small, short-lived values wants; measured in stack trials.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    entrepot_server::run(give_back_memory)
}

/// Gives pages back that the allocator keeps and nobody uses.
fn give_back_memory() {
    #[expect(unsafe_code, reason = "a call into the allocator that is in use; it takes no pointer")]
    // SAFETY: `mi_collect` may be called at any time by any thread.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
