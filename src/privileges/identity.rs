//! A user and a group by number, as an image without a list of users has them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use nix::unistd::{Gid, Uid, getegid, geteuid};

/// The largest id: one above it says "leave it as it is" to the system.
const MAX_ID: u32 = u32::MAX - 1;

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

/// A text that names no user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the numbers of a user and a group, such as 10001:10001 (one number stands for both)")]
pub struct Refused;

impl Identity {
    /// What this process runs as.
    #[must_use]
    pub fn current() -> Identity {
        Identity { user: geteuid().as_raw(), group: getegid().as_raw() }
    }

    /// Whether it is the user who may do anything.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.user == 0
    }

    pub(super) const fn uid(self) -> Uid {
        Uid::from_raw(self.user)
    }

    pub(super) const fn gid(self) -> Gid {
        Gid::from_raw(self.group)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.user, self.group)
    }
}

impl FromStr for Identity {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Identity, Refused> {
        let number = |text: &str| match text.parse() {
            Ok(id) if id <= MAX_ID && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(id),
            _ => Err(Refused),
        };
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        Ok(Identity { user: number(user)?, group: number(group)? })
    }
}

/// Whether this process may do anything.
#[must_use]
pub fn is_root() -> bool {
    Identity::current().is_root()
}

/// Whether this process is in a container, as far as the image (and Podman), Docker or Kubernetes tell.
#[must_use]
pub fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some())
}
