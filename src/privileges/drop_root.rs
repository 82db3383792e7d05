//! Root becomes an ordinary user, with no way back.

use std::fs;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setuid};

use super::Identity;

/// Why the process did not become another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropError {
    /// The system refused a step.
    #[error(
        "cannot become user {to}: {step}: {source}. A container needs the capabilities SETUID and SETGID for it (`cap_add: [CHOWN, SETUID, SETGID]`), \
         or must be started as that user (`user: \"{to}\"`)"
    )]
    Refused {
        /// The user it was to become.
        to: Identity,
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: Errno,
    },
    /// All steps were taken and root is still within reach: nothing is started then.
    #[error("cannot become user {to}: the way back to root is still open")]
    WayBack {
        /// The user it was to become.
        to: Identity,
    },
}

/// Makes the whole process run as that user and group, without further groups or capabilities, and makes sure that there is no way
/// back. Threads that run already (the one that catches signals does) become that user too: the C library sees to it, and this looks at each.
///
/// # Errors
/// When the system refuses a step, or root is still within reach after all of them. The process must end then.
pub fn become_user(to: Identity) -> Result<(), DropError> {
    let refused = |step| move |source| DropError::Refused { to, step, source };
    // Groups first: without root they cannot be changed any more.
    setgroups(&[]).map_err(refused("setgroups"))?;
    setresgid(to.gid(), to.gid(), to.gid()).map_err(refused("setresgid"))?;
    // The kernel clears all capabilities when none of the three ids is root's any more.
    setresuid(to.uid(), to.uid(), to.uid()).map_err(refused("setresuid"))?;
    // Not even a program with the set-user-id bit gives anything back.
    prctl::set_no_new_privs().map_err(refused("no_new_privs"))?;
    let is_done =
        is_only(to).map_err(refused("getresuid"))? && setuid(Uid::from_raw(0)).is_err() && all_threads_are(to);
    if is_done { Ok(()) } else { Err(DropError::WayBack { to }) }
}

/// Whether this thread is that user in every respect.
fn is_only(identity: Identity) -> Result<bool, Errno> {
    let (user, group) = (getresuid()?, getresgid()?);
    Ok([user.real, user.effective, user.saved].iter().all(|id| *id == identity.uid())
        && [group.real, group.effective, group.saved].iter().all(|id| *id == identity.gid())
        && getgroups()?.iter().all(|group| *group == identity.gid()))
}

/// Whether every thread is, as far as the system shows them.
fn all_threads_are(identity: Identity) -> bool {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return true };
    threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok()).all(|status| {
        let has = |name: &str, wanted: &str| {
            let values = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            values.split_whitespace().all(|value| value == wanted)
        };
        has("Uid:", &identity.user.to_string())
            && has("Gid:", &identity.group.to_string())
            && has("CapPrm:", NO_CAPABILITIES)
            && has("CapEff:", NO_CAPABILITIES)
    })
}

/// An empty set of capabilities, as the system writes it.
const NO_CAPABILITIES: &str = "0000000000000000";
