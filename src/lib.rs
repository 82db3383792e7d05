//! The parts of the gateway; the binary `ovth` only calls [`cli::run`].

pub mod accounts;
pub mod admin;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod conversations;
pub mod fetch;
pub mod keys;
pub mod ledger;
pub mod observe;
pub mod privileges;
pub mod providers;
pub mod proxy;
pub mod reconcile;
pub mod reload;
pub mod resolver;
pub mod routing;
pub mod server;
pub mod simulator;
pub mod store;
