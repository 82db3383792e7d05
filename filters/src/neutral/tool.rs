//! Tools that a request declares, and which of them the model is to use.

use std::borrow::Cow;

use super::CacheMark;
use crate::Shape;
use crate::json::Json;

/// A tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool<'a> {
    /// A function of the client's with a schema.
    Function(Function<'a>),
    /// A tool of the client's that takes free text.
    Custom(CustomTool<'a>),
    /// A tool that the provider runs, or whose schema it knows.
    Hosted(HostedTool<'a>),
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name as the client gave it.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema of its arguments, as it came; `None` when it takes none.
    pub parameters: Option<Json<'a>>,
    /// Whether the arguments must keep to the schema.
    pub strict: Option<bool>,
    /// A cache may be cut behind it.
    pub cache: Option<CacheMark>,
    /// Fields of it that only its own shape has, by name.
    pub extras: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// A tool that takes free text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomTool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The grammar that its input keeps to, as the OpenAI shapes have it: `{type: grammar, grammar: {...}}`.
    pub format: Option<Json<'a>>,
}

/// A tool that the provider runs, or whose schema it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedTool<'a> {
    /// Whose it is.
    pub shape: Shape,
    /// Its `type` there.
    pub kind: Cow<'a, str>,
    /// Its name, where it has one.
    pub name: Option<Cow<'a, str>>,
    /// The whole declaration.
    pub raw: Json<'a>,
}

impl Tool<'_> {
    /// Its name; of a hosted tool without one, its type.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Tool::Function(function) => &function.name,
            Tool::Custom(tool) => &tool.name,
            Tool::Hosted(tool) => tool.name.as_deref().unwrap_or(&tool.kind),
        }
    }
}

/// Which tools the model is to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As it sees fit.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(Cow<'a, str>),
    /// Only these, as it sees fit or at least one.
    Allowed {
        /// At least one.
        required: bool,
        /// Their names.
        names: Vec<Cow<'a, str>>,
    },
}

impl ToolChoice<'_> {
    /// Whether the model is made to call a tool.
    #[must_use]
    pub const fn is_forced(&self) -> bool {
        matches!(self, ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
    }
}

/// A function that its client knows by a name within a group (a `namespace` of responses); other shapes have one name for the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// The one name.
    pub name: String,
    /// The name of the group.
    pub group: String,
    /// The name within it.
    pub own: String,
}
