//! `ovth init`: writes what a gateway needs to begin with into a folder, and never over anything.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use super::print::{answer, end};
use crate::privileges::Identity;

/// Write a configuration to begin with
///
/// Puts config.yaml, .env with a new master key, and docker-compose.yml with what its profiles need into a folder. What is there
/// already stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ovth init ~/llm && cd ~/llm && $EDITOR .env && ovth check")]
pub(super) struct Arguments {
    /// The folder; it is made when it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// A file that is written.
struct Starter {
    path: &'static str,
    text: &'static str,
    mode: u32,
}

/// What others may read.
const OPEN: u32 = 0o644;

/// What only its owner may read.
const SECRET: u32 = 0o600;

/// The place of the master key in [`DOTENV`].
const MASTER_KEY: &str = "{MASTER_KEY}";

const DOTENV: &str = "\
# Keys of OVTH Gateway. No shell reads this file: values stand as they are, and nobody but you should read it (chmod 600).

# The key of the admin API. Made for you; whoever has it can mint keys.
OVTH_MASTER_KEY={MASTER_KEY}

# Providers: the key of at least one. One without is skipped. After a change: `docker compose up -d` (a restart keeps the old values), or
# `systemctl restart ovth`; nothing at all for `ovth serve`, which watches this file.
ANTHROPIC_API_KEY=
OPENAI_API_KEY=
GOOGLE_API_KEY=
# OpenRouter comes after them all.
#OPENROUTER_API_KEY=

# For docker compose --profile caddy: the name that Caddy gets a certificate for.
#OVTH_DOMAIN=llm.example.com
";

const FILES: &[Starter] = &[
    Starter { path: "config.yaml", text: include_str!("../../conf/config.starter.yaml"), mode: OPEN },
    Starter { path: ".env", text: DOTENV, mode: SECRET },
    Starter { path: "docker-compose.yml", text: include_str!("../../docker/docker-compose.yml"), mode: OPEN },
    Starter { path: "conf/Caddyfile", text: include_str!("../../conf/Caddyfile"), mode: OPEN },
    Starter {
        path: "conf/prometheus/compose.yml",
        text: include_str!("../../conf/prometheus/compose.yml"),
        mode: OPEN,
    },
    Starter { path: "conf/prometheus/alerts.yml", text: include_str!("../../conf/prometheus/alerts.yml"), mode: OPEN },
    // A folder before those inside of it, so that each is given to the owner of the whole.
    Starter {
        path: "conf/grafana/ovth-gateway.json",
        text: include_str!("../../conf/grafana/ovth-gateway.json"),
        mode: OPEN,
    },
    Starter {
        path: "conf/grafana/datasources/prometheus.yml",
        text: include_str!("../../conf/grafana/datasources/prometheus.yml"),
        mode: OPEN,
    },
    Starter {
        path: "conf/grafana/dashboards/ovth.yml",
        text: include_str!("../../conf/grafana/dashboards/ovth.yml"),
        mode: OPEN,
    },
];

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    end(write_all(&arguments.folder).and_then(answer))
}

/// Writes the files, and gives what to tell of it.
fn write_all(folder: &Path) -> Result<String, Failure> {
    make_folder(folder)?;
    let owner = owner_of_new_files(folder);
    let mut told = String::new();
    for file in FILES {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
            let is_new = !parent.exists();
            make_folder(parent)?;
            if let Some((user, group)) = owner.filter(|_| is_new) {
                chown(parent, Some(user), Some(group)).map_err(Failure::io(parent.display().to_string()))?;
            }
        }
        let line = match write_new(&path, file, owner) {
            Ok(()) => format!("wrote   {}", path.display()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
                return Err(Failure::Said(format!(
                    "{0} is a folder. Docker makes one where a file that it is to mount does not exist: run `rmdir {0}`, and this again",
                    path.display()
                )));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                format!("kept    {} (it exists, and is left as it is)", path.display())
            }
            Err(error) => return Err(Failure::io(format!("{} cannot be written", path.display()))(error)),
        };
        told.push_str(&line);
        told.push('\n');
    }
    told.push_str(&next_steps(folder));
    Ok(told)
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let is_new = !folder.exists();
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder).and_then(|()| {
        // Whatever the umask: in containers other users read it.
        if is_new { fs::set_permissions(folder, Permissions::from_mode(0o755)) } else { Ok(()) }
    });
    made.map_err(Failure::io(format!("the folder {} cannot be made", folder.display())))
}

/// Root that writes into somebody's folder, as in a container, leaves files that this somebody can edit.
fn owner_of_new_files(folder: &Path) -> Option<(u32, u32)> {
    let found = fs::metadata(folder).ok()?;
    (Identity::current().is_root() && found.uid() != 0).then(|| (found.uid(), found.gid()))
}

/// Writes a file unless there is anything by its name, a link to nowhere included.
fn write_new(path: &Path, file: &Starter, owner: Option<(u32, u32)>) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path)?;
    out.set_permissions(Permissions::from_mode(file.mode))?;
    let text = if file.text.contains(MASTER_KEY) {
        file.text.replace(MASTER_KEY, &master_key()?)
    } else {
        file.text.to_owned()
    };
    out.write_all(text.as_bytes())?;
    match owner {
        Some((user, group)) => std::os::unix::fs::fchown(&out, Some(user), Some(group)),
        None => Ok(()),
    }
}

/// 256 random bits.
fn master_key() -> io::Result<String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(io::Error::other)?;
    let mut key = String::with_capacity(2 * bits.len());
    for byte in bits {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    Ok(key)
}

fn next_steps(folder: &Path) -> String {
    let go = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    format!(
        "\nNext:\n  1. Put the key of at least one provider into {}\n  2. Check it:             {go}ovth check\n  \
         3. Start it:             ovth serve    (or: docker compose up -d)\n  4. Mint a key for an app: ovth keys create my-app",
        folder.join(".env").display()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn everything_is_written_once_and_the_keys_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let told = write_all(folder.path()).unwrap();
        assert_eq!(told.matches("wrote").count(), FILES.len(), "{told}");
        let dotenv = folder.path().join(".env");
        assert_eq!(fs::metadata(&dotenv).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&dotenv).unwrap();
        let key = text.lines().find_map(|line| line.strip_prefix("OVTH_MASTER_KEY=")).unwrap();
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        assert!(!told.contains(key), "{told}");

        let again = write_all(folder.path()).unwrap();
        assert_eq!(again.matches("kept").count(), FILES.len(), "{again}");
        assert_eq!(fs::read_to_string(&dotenv).unwrap(), text);
        let other = tempfile::tempdir().unwrap();
        write_all(&other.path().join("a/b")).unwrap();
        assert!(!fs::read_to_string(other.path().join("a/b/.env")).unwrap().contains(key), "each has a key of its own");
    }

    #[test]
    fn all_that_the_compose_file_mounts_is_written() {
        let compose = include_str!("../../docker/docker-compose.yml");
        let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split_once(':'));
        let mounted: Vec<&str> = mounts.map(|(source, _)| source).filter(|source| *source != "data").collect();
        assert!(mounted.len() >= 3, "{mounted:?}");
        for source in mounted {
            assert!(FILES.iter().any(|file| file.path.starts_with(source)), "{source}");
        }
    }

    #[test]
    fn a_link_to_nowhere_is_left_alone_and_a_folder_in_the_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (link, nowhere) = (folder.path().join(".env"), folder.path().join("nowhere"));
        std::os::unix::fs::symlink(&nowhere, &link).unwrap();
        assert!(write_all(folder.path()).unwrap().contains("kept"));
        assert!(!nowhere.exists());
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config.yaml")).unwrap();
        let error = write_all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is a folder") && error.contains("rmdir"), "{error}");
    }
}
