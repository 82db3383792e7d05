//! An error in its shape's own form, ready to be sent.

/// An error as a whole answer; the content type is `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedError {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Vec<u8>,
}

/// How a shape calls a class of errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) status: u16,
    /// The error's `type`, or `status` in generate_content.
    pub(crate) kind: &'static str,
    /// The usual code, where clients branch on one.
    pub(crate) code: Option<&'static str>,
}

/// A form without a code.
pub(crate) const fn form(status: u16, kind: &'static str) -> Form {
    Form { status, kind, code: None }
}

/// A form with the code that clients branch on.
pub(crate) const fn coded(status: u16, kind: &'static str, code: &'static str) -> Form {
    Form { status, kind, code: Some(code) }
}

/// The wire form as JSON.
pub(crate) fn to_json<T: serde::Serialize>(wire: &T) -> Vec<u8> {
    serde_json::to_vec(wire).expect("error bodies hold strings and integers only, which always have a JSON form")
}
