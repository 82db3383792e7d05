//! What can be said on the command line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use clap::CommandFactory;

use super::*;

fn parsed(line: &str) -> Command {
    Cli::try_parse_from(line.split(' ')).unwrap().command
}

#[test]
fn the_definitions_agree_with_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn both_commands_that_read_a_configuration_take_it_in_the_same_way() {
    for command in ["serve", "check"] {
        for option in ["--config", "-c"] {
            let (Command::Serve(serve::Arguments { config, .. }) | Command::Check(check::Arguments { config })) =
                parsed(&format!("ovth {command} {option} /etc/ovth.yaml"))
            else {
                panic!("{command} is another command");
            };
            assert_eq!(config.path, Path::new("/etc/ovth.yaml"));
        }
        let definition = Cli::command();
        let config = definition
            .find_subcommand(command)
            .and_then(|command| command.get_arguments().find(|argument| argument.get_id() == "config"))
            .unwrap();
        assert_eq!(config.get_default_values(), ["config.yaml"]);
        assert_eq!(config.get_env().unwrap(), "OVTH_CONFIG");
    }
}

#[test]
fn the_simulator_stays_on_this_machine_unless_told_otherwise() {
    let Command::Simulate(simulate::Arguments { listen, recordings }) = parsed("ovth simulate") else {
        panic!("another command");
    };
    assert_eq!(listen.to_string(), "127.0.0.1:9090");
    assert_eq!(recordings, None);
}

#[test]
fn the_demonstration_ends_by_itself_unless_it_is_kept() {
    for (line, expected) in [("ovth demo", false), ("ovth demo --keep", true)] {
        let Command::Demo(demo::Arguments { keep }) = parsed(line) else { panic!("another command") };
        assert_eq!(keep, expected);
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let definition = Cli::command();
    assert!(definition.get_after_help().unwrap().to_string().contains("ovth serve --config config.yaml"));
    for command in definition.get_subcommands() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name}");
        assert!(command.get_after_help().unwrap().to_string().contains(&format!("ovth {name}")), "{name}");
    }
}

#[test]
fn no_command_is_not_understood() {
    for line in ["ovth", "ovth nonsense", "ovth check --confg x", "ovth simulate --listen nowhere"] {
        assert_eq!(Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 2, "{line}");
    }
}
