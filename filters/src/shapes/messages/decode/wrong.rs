//! What is wrong with a request: the field, found from the inside out, and the cure.

use std::borrow::Cow;

use crate::neutral::{ApiError, ErrorClass};

/// A field that is not what it should be.
#[derive(Debug)]
pub(super) struct Wrong {
    path: Cow<'static, str>,
    cure: &'static str,
}

impl Wrong {
    /// The field, empty for the value that is being read, and what it must be.
    pub(super) const fn new(field: &'static str, cure: &'static str) -> Wrong {
        Wrong { path: Cow::Borrowed(field), cure }
    }

    /// The same, seen from the value that this one is a member of.
    pub(super) fn within(self, outer: &str) -> Wrong {
        let path = if self.path.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.path) };
        Wrong { path: path.into(), ..self }
    }
}

impl From<Wrong> for ApiError {
    fn from(wrong: Wrong) -> ApiError {
        if wrong.path.is_empty() {
            return ApiError::new(ErrorClass::BadRequest, wrong.cure);
        }
        ApiError::new(ErrorClass::BadRequest, format!("`{}`: {}", wrong.path, wrong.cure)).with_param(wrong.path)
    }
}
