//! What is known of the accounts behind the configured keys, as their providers said last.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntGaugeVec, Registry};

use super::declare::gauges;
use super::names;

/// What a provider said of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The key is taken.
    Ok,
    /// The key is not taken.
    Refused,
    /// The key is taken, and the account must pay first.
    Unpaid,
    /// Nobody was asked, or nobody answered.
    Unknown,
}

impl KeyState {
    /// Every state.
    pub const ALL: [KeyState; 4] = [KeyState::Ok, KeyState::Refused, KeyState::Unpaid, KeyState::Unknown];

    const fn as_str(self) -> &'static str {
        match self {
            KeyState::Ok => "ok",
            KeyState::Refused => "refused",
            KeyState::Unpaid => "unpaid",
            KeyState::Unknown => "unknown",
        }
    }
}

/// What is known of one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderAccounts {
    /// The provider's id in the configuration.
    pub provider: String,
    /// The state of each of its keys; a host that wants none has one account all the same.
    pub keys: Vec<KeyState>,
    /// Models that routes choose from and that an account of the provider lacks.
    pub missing_models: usize,
}

/// The metrics of accounts.
pub struct Accounts {
    keys: IntGaugeVec,
    missing_models: IntGaugeVec,
    told: Mutex<BTreeSet<String>>,
}

impl Accounts {
    pub(super) fn new(registry: &Registry) -> Accounts {
        Accounts {
            keys: gauges(registry, &names::ACCOUNT_KEYS),
            missing_models: gauges(registry, &names::ACCOUNT_MISSING_MODELS),
            told: Mutex::default(),
        }
    }

    /// Replaces what is told; providers that are not named are no longer told.
    pub fn set(&self, providers: &[ProviderAccounts]) {
        // What one panicked on is replaced here.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for known in providers {
            for state in KeyState::ALL {
                let count = known.keys.iter().filter(|key| **key == state).count();
                self.keys.with_label_values(&[&known.provider, state.as_str()]).set(gauge(count));
            }
            self.missing_models.with_label_values(&[&known.provider]).set(gauge(known.missing_models));
        }
        let now: BTreeSet<String> = providers.iter().map(|known| known.provider.clone()).collect();
        for gone in told.difference(&now) {
            // Errors tell that there is no such row, and there is none afterwards.
            for state in KeyState::ALL {
                let _ = self.keys.remove_label_values(&[gone, state.as_str()]);
            }
            let _ = self.missing_models.remove_label_values(&[gone]);
        }
        *told = now;
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Metrics;

    #[test]
    fn keys_are_counted_by_state_and_a_provider_that_is_gone_leaves_the_page() {
        let metrics = Metrics::new();
        let known = |provider: &str, keys: &[KeyState], missing_models| ProviderAccounts {
            provider: provider.to_owned(),
            keys: keys.to_vec(),
            missing_models,
        };
        metrics.accounts.set(&[known("a", &[KeyState::Ok, KeyState::Refused], 2), known("b", &[KeyState::Unknown], 0)]);
        let page = metrics.render();
        for line in [
            "ovth_account_keys{provider=\"a\",state=\"ok\"} 1",
            "ovth_account_keys{provider=\"a\",state=\"refused\"} 1",
            "ovth_account_keys{provider=\"a\",state=\"unpaid\"} 0",
            "ovth_account_missing_models{provider=\"a\"} 2",
            "ovth_account_keys{provider=\"b\",state=\"unknown\"} 1",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
        }

        metrics.accounts.set(&[known("b", &[KeyState::Ok], 0)]);
        let page = metrics.render();
        assert!(!page.contains("provider=\"a\""), "{page}");
        assert!(page.contains("ovth_account_keys{provider=\"b\",state=\"ok\"} 1"), "{page}");
    }
}
