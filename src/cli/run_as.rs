//! The user that the gateway runs as: root that was told one becomes it before anything else happens.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{self, Environment};
use crate::privileges::{self, DropError, FolderError, Identity, Refused};
use crate::providers;

/// Who to become.
#[derive(Debug, Args)]
pub(super) struct RunAs {
    /// The user to run as when root starts it, by number, such as 10001:10001: it is given the data folder. 0:0 stays root
    #[arg(long = "user", value_name = "USER[:GROUP]", env = "OVTH_USER")]
    user: Option<String>,
}

/// Why the process is not the user that it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunAsError {
    #[error("--user (OVTH_USER): `{0}` {1}")]
    User(String, Refused),
    #[error(transparent)]
    Drop(#[from] DropError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Whether this process stays root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// It is an ordinary user, or root was asked for.
    Settled,
    /// It is root and nobody said so.
    Unasked,
}

impl Root {
    /// What to say of [`Root::Unasked`].
    pub(super) const WARNING: &str = "runs as root and need not: name a user with --user (OVTH_USER), such as 10001:10001, or use \
         conf/systemd/ovth.service; OVTH_USER=0:0 says that root is meant";
}

impl RunAs {
    /// Root that was told a user owns the data folder of that configuration for it and becomes it.
    pub(super) fn settle(&self, config: &Path) -> Result<Root, RunAsError> {
        let given = self.user.as_deref().map(str::trim).filter(|user| !user.is_empty());
        let parse = |user: &str| user.parse().map_err(|refused| RunAsError::User(user.to_owned(), refused));
        let user: Option<Identity> = given.map(parse).transpose()?;
        if !privileges::is_root() {
            return Ok(Root::Settled);
        }
        let Some(user) = user else { return Ok(Root::Unasked) };
        if !user.is_root() {
            privileges::own(&data_dir(config), user)?;
            privileges::become_user(user)?;
        }
        Ok(Root::Settled)
    }
}

/// The data folder, as far as root can tell: what is wrong with the configuration is told when it is read again.
fn data_dir(config: &Path) -> PathBuf {
    let environment = Environment::beside(config);
    let draft = config::load_draft(config, &environment, providers::builtins()).config;
    draft.map_or_else(|| environment.var("OVTH_DATA_DIR").unwrap_or("./data").into(), |config| config.data_dir)
}
