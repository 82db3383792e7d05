//! What is logged of a panic: where it was, and nothing of what it says, as that may hold what a client sent.

use std::panic::{self, PanicHookInfo};
use std::thread;

/// Logs every panic of this process by its place. The message is left out: `expect` and `unwrap` print values into it.
pub(super) fn log_them() {
    panic::set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location();
    let (file, line) = place.map_or(("", 0), |place| (place.file(), place.line()));
    let thread = thread::current();
    log::error!(
        target: "ovth::panic", file, line, thread = thread.name().unwrap_or_default();
        "a panic; its message is not logged, as it may hold data of a request"
    );
}
