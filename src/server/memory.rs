//! How much memory this process may have, and what of it bodies may take.

use std::fs;
use std::path::{Path, PathBuf};

use log::warn;

/// Bodies may take one of so many parts of the memory that the process may have. The rest is for what is not counted one by one: streams and
/// their connections, the ledger's pages, tables of tokenizers, remembered conversations, and what the allocator cannot give back at once.
const PARTS: u64 = 4;

/// Where the system keeps control groups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The bytes that bodies may take: what the setting says, or less where the memory of this process is bounded.
pub(super) fn body_budget(setting: usize) -> usize {
    let limit = limit(Path::new(CGROUPS));
    let share = share(setting, limit);
    if let Some(limit) = limit
        && share < setting
    {
        warn!(limits_buffered_bytes = setting, memory_limit = limit, used = share;
            "limits.buffered_bytes is more than a quarter of the memory that this process may have: that quarter is used");
    }
    share
}

/// What of that limit bodies may take, by this setting.
fn share(setting: usize, limit: Option<u64>) -> usize {
    let most = limit.and_then(|limit| usize::try_from(limit / PARTS).ok());
    setting.min(most.unwrap_or(usize::MAX))
}

/// The bytes that this process may have: the least of what its control group, those above it and its own limit of address space allow.
fn limit(cgroups: &Path) -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = groups(cgroups, &own).into_iter().filter_map(|file| read_limit(&file)).min();
    let (space, _) = rlimit::getrlimit(rlimit::Resource::AS).unwrap_or((rlimit::INFINITY, rlimit::INFINITY));
    let of_space = (space != rlimit::INFINITY).then_some(space);
    of_groups.into_iter().chain(of_space).min()
}

/// The files that may hold a limit, as `/proc/self/cgroup` tells: `0::/path` for version 2, `N:memory:/path` for version 1. A container sees its own
/// group at the root, whatever its path is.
fn groups(cgroups: &Path, own: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = match controllers {
            "" => (cgroups.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                (cgroups.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(path.ancestors().map(|above| root.join(above).join(name)));
    }
    files
}

/// A limit; none where the file says `max`, or a number that is larger than any memory.
fn read_limit(file: &Path) -> Option<u64> {
    let limit = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (limit < 1 << 60).then_some(limit)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn found(files: &[(&str, &str)], own: &str) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        groups(folder.path(), own).iter().filter_map(|file| read_limit(file)).min()
    }

    #[test]
    fn the_least_limit_of_a_group_and_those_above_it_holds() {
        let two = [("a/b/memory.max", "max\n"), ("a/memory.max", "268435456\n"), ("memory.max", "max\n")];
        assert_eq!(found(&two, "0::/a/b\n"), Some(256 << 20));
        let one =
            [("memory/a/memory.limit_in_bytes", "9223372036854771712\n"), ("memory/memory.limit_in_bytes", "1000\n")];
        assert_eq!(found(&one, "3:cpuset:/x\n4:memory:/a\n0::/\n"), Some(1_000));
        // In a container the path is that of the host, and the group itself is the root.
        assert_eq!(found(&[("memory.max", "4096")], "0::/docker/0123\n"), Some(4_096));
    }

    #[test]
    fn no_group_and_no_number_is_no_limit() {
        assert_eq!(found(&[], "0::/a\n"), None);
        assert_eq!(found(&[("memory.max", "what\n")], "0::/\nnonsense\n"), None);
        assert_eq!(found(&[("memory/memory.limit_in_bytes", "9223372036854771712")], "4:memory:/\n"), None);
    }

    #[test]
    fn the_setting_holds_up_to_a_quarter_of_the_limit() {
        assert_eq!(share(128 << 20, None), 128 << 20);
        assert_eq!(share(128 << 20, Some(1 << 30)), 128 << 20);
        assert_eq!(share(128 << 20, Some(512 << 20)), 128 << 20, "just so");
        assert_eq!(share(128 << 20, Some(256 << 20)), 64 << 20);
        assert_eq!(share(128 << 20, Some(3)), 0);
        assert_eq!(share(usize::MAX, Some(u64::MAX)), usize::try_from(u64::MAX / PARTS).unwrap());
    }
}
