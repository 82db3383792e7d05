//! After a failure: which of the remaining targets is tried next.

use std::sync::Arc;

use super::Target;
use crate::providers::{Failure, Next, Scope};

/// The targets that one request may still try, and what its failures have told of them.
///
/// Targets that the same fault concerns are given up: other models behind a refused credential fail as well. A host
/// that could not be reached is put off, as the fault may pass, and given up when that happens once more.
#[derive(Debug)]
pub struct Pursuit {
    rest: Vec<Arc<Target>>,
    /// Digests of the hosts that could not be reached once.
    unreached: Vec<u64>,
}

impl Pursuit {
    /// A request that has tried nothing yet.
    #[must_use]
    pub fn new(targets: Vec<Arc<Target>>) -> Pursuit {
        Pursuit { rest: targets, unreached: Vec::new() }
    }

    /// The target to try: the first one, or the best one after the last one `failed` so. `None` when no other would do better.
    pub fn next(&mut self, failed: Option<(&Target, &Failure)>) -> Option<Arc<Target>> {
        if let Some((target, failure)) = failed {
            self.learn(target, failure);
        }
        (!self.rest.is_empty()).then(|| self.rest.remove(0))
    }

    /// What [`Pursuit::next`] tells after a failure; nothing is taken where another target is under way already.
    pub fn next_but(&mut self, is_under_way: bool, (target, failure): (&Target, &Failure)) -> Option<Arc<Target>> {
        if is_under_way {
            self.learn(target, failure);
            return None;
        }
        self.next(Some((target, failure)))
    }

    /// The targets that are left, best first.
    #[must_use]
    pub fn rest(&self) -> &[Arc<Target>] {
        &self.rest
    }

    /// That target was tried in another way.
    pub fn leave_out(&mut self, target: &Arc<Target>) {
        self.rest.retain(|other| !Arc::ptr_eq(other, target));
    }

    /// Whether no target is left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Gives up, or puts off, what a failure concerns as well.
    pub fn learn(&mut self, failed: &Target, failure: &Failure) {
        let digest = failed.key.within(failure.scope);
        let concerned = |target: &Target| target.key.within(failure.scope) == digest;
        match failure.next {
            Next::Stop => self.rest.clear(),
            Next::OtherTranslation => self.rest.retain(|target| !failed.is_told_alike(target)),
            Next::OtherAccount => {
                self.rest.retain(|target| failed.is_told_alike(target) && failed.key.account() != target.key.account())
            }
            Next::LargerWindow => {
                let bound = failed.context_window();
                self.rest.retain(|target| bound.is_some() && target.context_window() > bound);
            }
            Next::NextTarget => match failure.scope {
                Scope::Host if !self.unreached.contains(&digest) => {
                    self.unreached.push(digest);
                    // The sort is stable.
                    self.rest.sort_by_key(|target| concerned(target));
                }
                Scope::Host | Scope::Target | Scope::Credential => self.rest.retain(|target| !concerned(target)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use ovth_filters::neutral::ErrorClass;

    use super::super::fixture;
    use super::*;

    /// What a request tries whose attempts fail so, one after the other; `Overloaded` when the list ends.
    fn tried(targets: &[(&str, &str)], failures: &[ErrorClass]) -> Vec<String> {
        let mut pursuit = Pursuit::new(fixture::targets(targets));
        let mut tried = Vec::new();
        let mut next = pursuit.next(None);
        while let Some(target) = next {
            let class = failures.get(tried.len()).copied().unwrap_or(ErrorClass::OperatorModel);
            next = pursuit.next(Some((&target, &fixture::failure(class))));
            tried.extend(fixture::ids(&[target]));
        }
        tried
    }

    #[test]
    fn the_next_target_depends_on_the_failure() {
        // Windows in the fixture: small 8,000, same 8,000, large 100,000, the others unknown.
        let all = [("openai", "small"), ("openai", "same"), ("openai", "x"), ("google", "large")];
        let only_openai = [("openai", "small"), ("openai", "same")];
        let cases = [
            (ErrorClass::RateLimit, &all[..], Some("openai/same")),
            (ErrorClass::OperatorAuth, &all, Some("google/large")),
            (ErrorClass::OperatorAuth, &only_openai, None),
            (ErrorClass::Transport, &all, Some("google/large")),
            (ErrorClass::Transport, &only_openai, Some("openai/same")),
            (ErrorClass::OperatorModel, &all, Some("openai/same")),
            (ErrorClass::ContextOverflow, &all, Some("google/large")),
            (ErrorClass::ContextOverflow, &only_openai, None),
            (ErrorClass::BadRequest, &all, None),
            (ErrorClass::ContentRefused, &all, None),
        ];
        for (class, targets, expected) in cases {
            assert_eq!(tried(targets, &[class]).get(1).map(String::as_str), expected, "{class}");
        }
    }

    #[test]
    fn a_host_that_cannot_be_reached_is_tried_twice_at_most() {
        let targets = [("openai", "a"), ("openai", "b"), ("google", "c"), ("openai", "d"), ("openai", "e")];
        let down = [ErrorClass::Transport; 5];
        assert_eq!(tried(&targets, &down), ["openai/a", "google/c", "openai/b"]);
        // The fault has passed: the others of that host are tried as well.
        assert_eq!(
            tried(&targets, &[ErrorClass::Transport]),
            ["openai/a", "google/c", "openai/b", "openai/d", "openai/e"]
        );
    }

    #[test]
    fn what_a_request_has_learned_it_does_not_forget() {
        let targets = [("openai", "a"), ("google", "b"), ("openai", "c"), ("google", "d")];
        assert_eq!(tried(&targets, &[ErrorClass::OperatorAuth]), ["openai/a", "google/b", "google/d"]);
        let windows = [("openai", "small"), ("openai", "same"), ("google", "large"), ("openai", "x")];
        assert_eq!(tried(&windows, &[ErrorClass::ContextOverflow]), ["openai/small", "google/large"]);
    }
}
