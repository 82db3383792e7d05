//! A change of a key that says for each field whether it stays, goes back to what is configured, or gets a value.

use crate::config::{Allowance, Cap, Globs};

use super::{KeySettings, Label};

/// What becomes of one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Leave,
    /// It goes back to what is configured for every key.
    Reset,
    /// It gets this value.
    Set(T),
}

impl<T> Change<T> {
    fn apply(self, to: &mut Option<T>) {
        match self {
            Change::Leave => {}
            Change::Reset => *to = None,
            Change::Set(value) => *to = Some(value),
        }
    }
}

/// As JSON has it: null resets, a value sets.
impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Change<T> {
        value.map_or(Change::Reset, Change::Set)
    }
}

/// What becomes of each limit of an [`Allowance`]. The default leaves all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsPatch {
    /// Tokens, weighted, per UTC day.
    pub daily_tokens: Change<Cap>,
    /// Tokens, weighted, per calendar month (UTC).
    pub monthly_tokens: Change<Cap>,
    /// Pico-dollars per UTC day.
    pub daily_usd: Change<Cap>,
    /// Pico-dollars per calendar month (UTC).
    pub monthly_usd: Change<Cap>,
    /// Requests begun within any 60 seconds.
    pub requests_per_minute: Change<Cap>,
    /// Tokens, weighted, of requests begun within any 60 seconds.
    pub tokens_per_minute: Change<Cap>,
    /// Requests under way at the same time.
    pub max_concurrent: Change<Cap>,
    /// Output tokens of one answer.
    pub max_output_tokens: Change<Cap>,
}

impl LimitsPatch {
    /// Takes all limits back to what is configured.
    #[must_use]
    pub const fn reset() -> LimitsPatch {
        LimitsPatch {
            daily_tokens: Change::Reset,
            monthly_tokens: Change::Reset,
            daily_usd: Change::Reset,
            monthly_usd: Change::Reset,
            requests_per_minute: Change::Reset,
            tokens_per_minute: Change::Reset,
            max_concurrent: Change::Reset,
            max_output_tokens: Change::Reset,
        }
    }

    /// Changes these limits.
    pub fn apply(self, to: &mut Allowance) {
        self.daily_tokens.apply(&mut to.daily_tokens);
        self.monthly_tokens.apply(&mut to.monthly_tokens);
        self.daily_usd.apply(&mut to.daily_usd);
        self.monthly_usd.apply(&mut to.monthly_usd);
        self.requests_per_minute.apply(&mut to.requests_per_minute);
        self.tokens_per_minute.apply(&mut to.tokens_per_minute);
        self.max_concurrent.apply(&mut to.max_concurrent);
        self.max_output_tokens.apply(&mut to.max_output_tokens);
    }
}

/// What becomes of a key's label and of each of its settings. The default leaves all of them.
///
/// ```
/// use ovth_gateway::config::Cap;
/// use ovth_gateway::keys::{Change, KeyPatch, KeySettings};
///
/// let mut patch = KeyPatch::default();
/// patch.limits.daily_tokens = Change::Set(Cap::At(100_000));
/// patch.strict = None.into();
/// let settings: KeySettings = patch.into_settings();
/// assert_eq!(settings.limits.daily_tokens, Some(Cap::At(100_000)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPatch {
    /// The new label, if there is one.
    pub label: Option<Label>,
    /// Its limits.
    pub limits: LimitsPatch,
    /// Limits of each end user that it names.
    pub per_end_user: LimitsPatch,
    /// Routes it may use.
    pub routes: Change<Globs>,
    /// Models it may use.
    pub models: Change<Globs>,
    /// From which moment on (seconds since 1970) it is not taken any more.
    pub expires_at: Change<u64>,
    /// Whether what a provider cannot be told is an error.
    pub strict: Change<bool>,
}

impl KeyPatch {
    /// Changes label and settings of a key.
    pub fn apply(mut self, label: &mut Label, settings: &mut KeySettings) {
        if let Some(new) = self.label.take() {
            *label = new;
        }
        self.apply_settings(settings);
    }

    /// The settings of a new key that is described in the same words. The label is not looked at.
    #[must_use]
    pub fn into_settings(self) -> KeySettings {
        let mut settings = KeySettings::default();
        self.apply_settings(&mut settings);
        settings
    }

    fn apply_settings(self, settings: &mut KeySettings) {
        self.limits.apply(&mut settings.limits);
        self.per_end_user.apply(&mut settings.per_end_user);
        self.routes.apply(&mut settings.routes);
        self.models.apply(&mut settings.models);
        self.expires_at.apply(&mut settings.expires_at);
        self.strict.apply(&mut settings.strict);
    }
}
