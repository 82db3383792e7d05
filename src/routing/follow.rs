//! After a failure: which of the remaining targets is tried next.

use std::sync::Arc;

use super::Target;
use crate::providers::{Failure, Next, Scope};

/// The place in `rest` of the target to try after `failed` failed so; `None` when no other would do better.
///
/// Targets that the same fault concerns are passed over: other models behind a refused credential fail as well. A host
/// that could not be reached is only put off, as the fault may pass.
#[must_use]
pub fn next_target(failed: &Target, failure: &Failure, rest: &[Arc<Target>]) -> Option<usize> {
    let concerned = |target: &Target| target.key.within(failure.scope) == failed.key.within(failure.scope);
    match failure.next {
        Next::Stop => None,
        Next::LargerWindow => {
            let window = failed.context_window()?;
            rest.iter().position(|target| target.context_window().is_some_and(|other| other > window))
        }
        Next::NextTarget => {
            let unconcerned = rest.iter().position(|target| !concerned(target));
            match failure.scope {
                Scope::Host => unconcerned.or((!rest.is_empty()).then_some(0)),
                Scope::Target | Scope::Credential => unconcerned,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ovth_filters::neutral::ErrorClass;

    use super::super::fixture;
    use super::*;

    #[test]
    fn the_next_target_depends_on_the_failure() {
        // Windows in the fixture: small 8,000, same 8,000, large 100,000, the others unknown.
        let all = fixture::targets(&[("openai", "small"), ("openai", "same"), ("openai", "x"), ("google", "large")]);
        let only_openai = fixture::targets(&[("openai", "small"), ("openai", "same")]);
        let cases = [
            (ErrorClass::RateLimit, &all, Some(0)),
            (ErrorClass::OperatorAuth, &all, Some(2)),
            (ErrorClass::OperatorAuth, &only_openai, None),
            (ErrorClass::Transport, &all, Some(2)),
            (ErrorClass::Transport, &only_openai, Some(0)),
            (ErrorClass::OperatorModel, &all, Some(0)),
            (ErrorClass::ContextOverflow, &all, Some(2)),
            (ErrorClass::ContextOverflow, &only_openai, None),
            (ErrorClass::BadRequest, &all, None),
            (ErrorClass::ContentRefused, &all, None),
        ];
        for (class, targets, expected) in cases {
            let Some((failed, rest)) = targets.split_first() else { unreachable!("the plans have targets") };
            assert_eq!(next_target(failed, &fixture::failure(class), rest), expected, "{class}");
        }
    }
}
