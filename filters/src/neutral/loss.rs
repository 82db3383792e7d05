//! What of a request its target's shape could not say.

use std::borrow::Cow;
use std::fmt;

use super::{ApiError, ErrorClass};

/// One thing that did not go on as the client said it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loss {
    /// What became of it.
    pub kind: LossKind,
    /// The field in the client's own shape, such as `tools.strict` or `messages.name`: no indexes, so that one report serves
    /// all, and no values.
    pub field: Cow<'static, str>,
}

/// What became of a thing that could not go on as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossKind {
    /// It was left out.
    Dropped,
    /// Something near it was sent.
    Approximated,
    /// It was brought into the bounds that the target has.
    Clamped,
    /// It was wrong and was put right.
    Repaired,
}

impl LossKind {
    /// The word in `x-ovth-warnings`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            LossKind::Dropped => "dropped",
            LossKind::Approximated => "approximated",
            LossKind::Clamped => "clamped",
            LossKind::Repaired => "repaired",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.field)
    }
}

/// All that did not go on as the client said it, each thing once, in order of finding; at most [`Losses::MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    found: Vec<Loss>,
}

impl Losses {
    /// More are not told apart: a header has bounds.
    pub const MAX: usize = 32;

    /// The longest name of a field that is told whole.
    const MAX_FIELD: usize = 64;

    /// Notes one. A name that comes from the client is cut and cleaned: it ends in a header.
    pub fn note(&mut self, kind: LossKind, field: impl Into<Cow<'static, str>>) {
        let field = clean(field.into());
        let loss = Loss { kind, field };
        if self.found.len() < Losses::MAX && !self.found.contains(&loss) {
            self.found.push(loss);
        }
    }

    /// Notes that a field was left out.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(LossKind::Dropped, field);
    }

    /// Notes that something near a field was sent.
    pub fn approximated(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(LossKind::Approximated, field);
    }

    /// Notes that a value was brought into bounds.
    pub fn clamped(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(LossKind::Clamped, field);
    }

    /// Notes that something wrong was put right.
    pub fn repaired(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(LossKind::Repaired, field);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Loss] {
        &self.found
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Those that a request counts which allows no loss itself ([`crate::neutral::Request::require_parameters`]): OpenRouter's
    /// routing fields say where it goes and nothing of what it asks.
    #[must_use]
    pub fn of_the_request(&self) -> Losses {
        let is_route = |loss: &&Loss| matches!(&*loss.field, "models" | "route" | "transforms" | "plugins");
        Losses { found: self.found.iter().filter(|loss| !is_route(loss)).cloned().collect() }
    }

    /// What a client is told that allows no loss.
    #[must_use]
    pub fn error(&self, target: &str) -> Option<ApiError> {
        let first = self.found.first()?;
        let list: Vec<String> = self.found.iter().map(Loss::to_string).collect();
        let message = format!(
            "`{}` cannot be sent to {target} as it is ({}), and this request allows no loss: leave it out, choose a model that takes it, or do not ask for strict translation",
            first.field,
            list.join(", ")
        );
        Some(ApiError::new(ErrorClass::BadRequest, message).with_param(first.field.clone()))
    }
}

impl fmt::Display for Losses {
    /// As it stands in `x-ovth-warnings`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, loss) in self.found.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{loss}")?;
        }
        Ok(())
    }
}

fn clean(field: Cow<'static, str>) -> Cow<'static, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | '=');
    if field.len() <= Losses::MAX_FIELD && field.chars().all(is_plain) {
        return field;
    }
    field.chars().take(Losses::MAX_FIELD).map(|c| if is_plain(c) { c } else { '_' }).collect::<String>().into()
}
