//! Where the running gateway is, and the master key it takes: from the command line, the environment, `.env` and the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::failure::Failure;
use super::remote::{MasterKey, Remote};
use crate::config::{self, Config, Environment, Secret};
use crate::providers;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_CONFIG: &str = "config.yaml";
const URL_VARIABLE: &str = "OVTH_URL";
const KEY_VARIABLE: &str = "OVTH_MASTER_KEY";

/// How to reach the gateway. The master key comes from `OVTH_MASTER_KEY`: no option takes it, as others can read those.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// The address of the running gateway [default: `admin.listen` or `listen` of the configuration file, else http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL", env = URL_VARIABLE, hide_env_values = true)]
    pub(super) url: Option<String>,
    /// The configuration file, for the address, and with `.env` beside it, for OVTH_MASTER_KEY [default: config.yaml]
    #[arg(id = "config", long = "config", short = 'c', global = true, value_name = "FILE", env = "OVTH_CONFIG")]
    #[arg(hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// Print the gateway's answer as one JSON document, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// An address of the gateway, and where it is from.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) url: Url,
    /// Whether the caller named it; else it is that of the configuration on this machine.
    pub(super) was_given: bool,
}

/// Everything that is known of the gateway before it is asked.
pub(super) struct Place {
    /// Its address.
    pub(super) address: Address,
    /// The master key, if there is any.
    pub(super) master_key: Option<MasterKey>,
    /// The configuration, as far as it could be read; it may have errors.
    pub(super) config: Option<Config>,
    /// What is wrong with the configuration, when nothing of it can be used.
    pub(super) config_problem: Option<String>,
    /// Where variables are read from besides the environment.
    pub(super) env_file: PathBuf,
}

impl Connection {
    /// Finds out where the gateway is.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        let environment = Environment::beside(path);
        // The file is needed by few commands and may be on another machine; but one that was named must be there.
        let (config, config_problem) = match path.try_exists() {
            Ok(true) => {
                let draft = config::load_draft(path, &environment, providers::builtins());
                let problem = draft.config.is_none().then(|| draft.problems.to_string());
                (draft.config, problem)
            }
            Ok(false) if self.config.is_none() => (None, None),
            Ok(false) => return Err(Failure::Config(format!("{} does not exist", path.display()))),
            Err(error) => return Err(Failure::Config(format!("{} cannot be read: {error}", path.display()))),
        };
        let given = self.url.as_deref().filter(|url| !url.is_empty()).or_else(|| environment.var(URL_VARIABLE));
        let url = match (given, &config) {
            (Some(url), _) => parse_url(url)?,
            (None, Some(config)) => parse_url(&admin_url(config))?,
            (None, None) => parse_url(DEFAULT_URL)?,
        };
        let address = Address { url, was_given: given.is_some() };
        let env_file = path.with_file_name(".env");
        let master_key = master_key(&environment, config.as_ref(), path);
        Ok(Place { address, master_key, config, config_problem, env_file })
    }

    /// The gateway, to be asked with the master key.
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        let place = self.place()?;
        match place.master_key {
            Some(key) => Remote::new(place.address, key),
            None => Err(Failure::NoMasterKey { env_file: place.env_file }),
        }
    }
}

fn master_key(environment: &Environment, config: Option<&Config>, path: &Path) -> Option<MasterKey> {
    if let Some(key) = environment.var(KEY_VARIABLE) {
        let in_process = std::env::var_os(KEY_VARIABLE).is_some_and(|value| !value.is_empty());
        let place = if in_process {
            "in the environment".to_owned()
        } else {
            path.with_file_name(".env").display().to_string()
        };
        let origin = if in_process { format!("{KEY_VARIABLE} {place}") } else { format!("{KEY_VARIABLE} in {place}") };
        return Some(MasterKey { secret: Secret::new(key), origin });
    }
    let secret = config.map(|config| config.master_key.clone()).filter(|key| !key.expose().is_empty())?;
    Some(MasterKey { secret, origin: format!("`master_key` in {}", path.display()) })
}

/// Where the gateway of that configuration serves its admin API on this machine: on a listener of its own, or on the one for clients.
fn admin_url(config: &Config) -> String {
    match config.admin_listen {
        Some(listen) => local_url(listen),
        None => client_url(config.listen, config),
    }
}

/// Where a gateway of that configuration that listens there serves its clients on this machine.
pub(super) fn client_url(listen: SocketAddr, config: &Config) -> String {
    let url = local_url(listen);
    // A certificate without an address of its own is for this one.
    match &config.tls {
        Some(tls) if tls.listen.is_none() => url.replacen("http:", "https:", 1),
        _ => url,
    }
}

/// Where a gateway that listens on that address answers on this machine.
pub(super) fn local_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// An address without anything that does not belong to it. Messages repeat it, so it must not hold a password.
pub(super) fn parse_url(text: &str) -> Result<Url, Failure> {
    let fail = |reason| Failure::Url { url: text.to_owned(), reason };
    let url = Url::parse(text.trim()).map_err(|_| fail("it cannot be read"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(fail("it does not begin with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::Url { url: "...".to_owned(), reason: "it holds a name or a password" });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("it has a part after `?` or `#`"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_gateway_on_all_interfaces_is_asked_on_this_machine() {
        for (listen, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000"),
            ("[::]:9000", "http://[::1]:9000"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(local_url(listen.parse().unwrap()), url);
        }
    }

    #[test]
    fn addresses_are_http_or_https_and_hold_no_password() {
        for good in ["http://127.0.0.1:8080", "https://llm.example.com/", " https://example.com/llm "] {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:8080", "localhost:8080", "ftp://x", "http://", "http://x?y=1", "http://x/#y"] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
        let error = parse_url("http://me:hunter2@example.com").unwrap_err().to_string();
        assert!(error.contains("password") && !error.contains("hunter2"), "{error}");
    }
}
