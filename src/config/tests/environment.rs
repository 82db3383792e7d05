//! The environment: what overrides what, and the env file.

use super::{BUILTINS, GUIDE, MASTER_KEY, check, good, told};
use crate::config::{Environment, load, parse};

#[test]
fn variables_override_what_a_container_needs() {
    let config = good(
        "listen: 127.0.0.1:1\nmetrics: {listen: 127.0.0.1:2}\ndata_dir: here\n",
        &[
            ("OVTH_LISTEN", "0.0.0.0:80"),
            ("OVTH_METRICS_LISTEN", "[::1]:81"),
            ("OVTH_DATA_DIR", "/data"),
            ("OVTH_ACCOUNT_CHECK", "never"),
            ("OVTH_SHUTDOWN_GRACE", "8s"),
        ],
    );
    assert_eq!(config.shutdown_grace, std::time::Duration::from_secs(8));
    assert_eq!(config.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.metrics_listen.to_string(), "[::1]:81");
    assert_eq!(config.data_dir.to_str(), Some("/data"));
    assert_eq!(config.account_check, None);
}

#[test]
fn bad_overrides_are_told_by_the_name_of_the_variable() {
    assert_eq!(
        told(GUIDE, &[("OVTH_LISTEN", "80"), ("OVTH_ACCOUNT_CHECK", "off"), ("OPENAI_BASE_URL", "localhost:9090/v1")]),
        "error: OVTH_LISTEN: must be an IP address and a port, such as 127.0.0.1:8080 (0.0.0.0:8080 for all interfaces); it is \"80\"\n\
         error: OVTH_ACCOUNT_CHECK: must be a time from 1m to 24h, such as 1h, or `never`; it is \"off\"\n\
         error: OPENAI_BASE_URL: must begin with http:// or https://; it is \"localhost:9090/v1\""
    );
    assert_eq!(
        told(GUIDE, &[("OVTH_SHUTDOWN_GRACE", "soon")]),
        "error: OVTH_SHUTDOWN_GRACE: must be a time from 0s to 1h, such as 8s or 2m; it is \"soon\""
    );
    // Nothing is hidden behind another problem of the same provider.
    let both = told(GUIDE, &[("OPENAI_BASE_URL", "x"), ("OPENAI_API_KEY", "...")]);
    assert!(both.contains("OPENAI_BASE_URL: ") && both.contains("OPENAI_API_KEY: "), "{both}");
}

#[test]
fn the_env_file_beside_the_configuration_is_read_and_the_process_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (path, dotenv) = (folder.path().join("config.yaml"), folder.path().join(".env"));
    std::fs::write(&path, GUIDE).unwrap();
    let lines = format!(
        "# keys\nexport OPENAI_API_KEY='from-file' # mine\nANTHROPIC_API_KEY=from-file\nOVTH_MASTER_KEY={MASTER_KEY}\n\
         OPENROUTER_API_KEY=first\nOPENROUTER_API_KEY=second\nGOOGLE_API_KEY=from-file\n"
    );
    std::fs::write(&dotenv, lines).unwrap();
    // Set but empty is a word of the process, too: the key is taken away.
    let env =
        Environment::from_pairs([("ANTHROPIC_API_KEY", "from-process"), ("GOOGLE_API_KEY", "")]).with_file(&dotenv);
    let (config, _) = load(&path, &env, &BUILTINS).unwrap();
    let keys: Vec<_> = config.providers.iter().map(|provider| (&*provider.id, provider.api_keys[0].expose())).collect();
    assert_eq!(keys, [("anthropic", "from-process"), ("openai", "from-file"), ("openrouter", "second")]);
}

#[test]
fn a_command_in_the_env_file_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    std::fs::write(&dotenv, "OPENAI_API_KEY=good\nOVTH_MASTER_KEY=$(openssl rand -hex 32)\nwhat is this\n").unwrap();
    let env = Environment::default().with_file(&dotenv);
    let problems = parse("", folder.path(), &env, &BUILTINS).unwrap_err();
    assert_eq!(
        problems.to_string(),
        format!(
            "warning: {} line 3: is not NAME=VALUE; the line is ignored\n\
             error: OVTH_MASTER_KEY: holds `$(`, `${{` or a backtick, and no shell runs here to replace it; \
             run `openssl rand -hex 32` yourself and paste what it prints",
            dotenv.display()
        )
    );
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.yaml");
    let problems = load(&missing, &Environment::default(), &BUILTINS).unwrap_err();
    assert_eq!(
        problems.to_string(),
        format!("error: {}: cannot be read: No such file or directory (os error 2)", missing.display())
    );
    // A folder is what docker makes of a mount whose source does not exist.
    let env = super::environment(&[]).with_file(folder.path());
    assert!(parse("", folder.path(), &env, &BUILTINS).is_err());
    let env = super::environment(&[]).with_file(&missing);
    assert!(parse("", folder.path(), &env, &BUILTINS).is_ok());
}

#[test]
fn an_env_file_beside_a_relative_path_is_found_by_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "OVTH_TEST_ONLY_BESIDE=yes\n").unwrap();
    let env = Environment::beside(&folder.path().join("config.yaml"));
    assert_eq!(env.var("OVTH_TEST_ONLY_BESIDE"), Some("yes"));
    assert_eq!(env.var("OVTH_TEST_ONLY_NOWHERE"), None);
    assert!(check(GUIDE, &[]).is_ok());
}
