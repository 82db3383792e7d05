//! What commands write: answers to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use super::failure::Failure;

/// Writes an answer and a line end to standard output. A reader that has gone away (`| head`) has all that it wanted.
pub(super) fn answer(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::io("the answer cannot be written")(error)),
        _ => Ok(()),
    }
}

/// Writes a table or a list, which has its line ends, to standard output.
pub(super) fn lines(text: impl Display) -> Result<(), Failure> {
    answer(text.to_string().trim_end_matches('\n'))
}

/// Tells people something beside the answer.
pub(super) fn note(text: impl Display) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Ends a command: tells what went wrong, if anything did.
pub(super) fn end(result: Result<(), Failure>) -> ExitCode {
    end_with(result.map(|()| true), 1)
}

/// The same for a command whose answer may be a "no" (status 1); a failure has the given status.
pub(super) fn end_with(result: Result<bool, Failure>, failed: u8) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            note(format_args!("error: {failure}"));
            ExitCode::from(failed)
        }
    }
}
