//! Whose tokenizer and prompt format a model has, and what those make of a request: a table of names and rates.

use crate::Shape;

/// A family of models that count alike.
#[derive(Clone, Copy, Debug)]
pub struct Family(&'static Rates);

/// What a family makes of a request. See `filters/tests/input.rs` for how near it comes.
#[derive(Debug)]
pub(super) struct Rates {
    /// What the names of its models begin with, behind any name of a maker.
    names: &'static [&'static str],
    /// Its tokens for a hundred of OpenAI's.
    pub(super) text: u64,
    /// Tokens of every request: where the answer begins, and a system prompt that the host puts in.
    pub(super) request: u64,
    /// Tokens of a message beside its content: whose it is, where it ends.
    pub(super) message: u64,
    /// How tools are told to the model.
    pub(super) tools: ToolForm,
    /// Whether tools stand in the prompt although `tool_choice` is `none`.
    pub(super) keeps_tools: bool,
    /// Tokens once, when there are tools.
    pub(super) tool_preamble: u64,
    /// Tokens of each tool beside its definition.
    pub(super) tool: u64,
    /// Tokens of what comes with a tool that the provider runs itself.
    pub(super) server_tool: u64,
    /// Tokens more where thinking is asked for.
    pub(super) thinking: u64,
    /// Tokens of a tool's call, or its result, beside what is said in it.
    pub(super) call: u64,
    /// Tokens of a picture whose size is not known.
    pub(super) image: u64,
    /// Tokens of a page of a document.
    pub(super) page: u64,
    /// What it makes of an answer, where that is not what most who speak the shape make of it.
    pub(super) answer: Option<&'static super::Rates>,
}

/// How definitions of tools stand in the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolForm {
    /// As types of TypeScript.
    Types,
    /// As they were sent.
    Json,
}

/// OpenAI, and hosts that serve its models.
static OPENAI: Rates = Rates {
    names: &["gpt", "chatgpt", "o1", "o3", "o4", "codex"],
    text: 100,
    request: 3,
    message: 4,
    tools: ToolForm::Types,
    keeps_tools: true,
    tool_preamble: 15,
    tool: 0,
    server_tool: 600,
    thinking: 0,
    call: 5,
    image: 765,
    page: 600,
    answer: None,
};

/// OpenAI's open models: a system prompt comes with their template.
static GPT_OSS: Rates = Rates {
    names: &["gpt-oss"],
    text: 100,
    request: 65,
    message: 4,
    tools: ToolForm::Types,
    keeps_tools: false,
    tool_preamble: 35,
    tool: 0,
    server_tool: 600,
    thinking: 0,
    call: 10,
    image: 765,
    page: 600,
    answer: None,
};

/// Anthropic's models with the tokenizer of Claude 3.
static CLAUDE: Rates = Rates {
    names: &["claude"],
    text: 114,
    request: 4,
    message: 3,
    tools: ToolForm::Json,
    keeps_tools: true,
    tool_preamble: 480,
    tool: 20,
    server_tool: 1_900,
    thinking: 27,
    call: 40,
    image: 1_500,
    page: 1_600,
    answer: Some(&super::CLAUDE_ANSWERS),
};

/// Anthropic's models with the tokenizer of Opus 4.7, which makes more tokens of the same text.
static CLAUDE_NEW: Rates = Rates {
    names: &[
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-sonnet-5",
        "claude-haiku-5",
        "claude-fable",
    ],
    text: 146,
    request: 4,
    message: 3,
    tools: ToolForm::Json,
    keeps_tools: true,
    tool_preamble: 480,
    tool: 20,
    server_tool: 1_900,
    thinking: 27,
    call: 40,
    image: 1_500,
    page: 1_600,
    answer: Some(&super::CLAUDE_ANSWERS),
};

/// Google's models.
static GOOGLE: Rates = Rates {
    names: &["gemini", "gemma"],
    text: 100,
    request: 0,
    message: 0,
    tools: ToolForm::Json,
    keeps_tools: true,
    tool_preamble: 0,
    tool: 0,
    server_tool: 600,
    thinking: 0,
    call: 4,
    image: 258,
    page: 258,
    answer: None,
};

/// xAI's models: every request has a system prompt.
static GROK: Rates = Rates {
    names: &["grok"],
    text: 100,
    request: 165,
    message: 4,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 40,
    tool: 10,
    server_tool: 600,
    thinking: 0,
    call: 10,
    image: 500,
    page: 600,
    answer: None,
};

/// Meta's models, whose template names dates and tells at length how tools are called.
static LLAMA: Rates = Rates {
    names: &["llama", "meta-llama"],
    text: 100,
    request: 28,
    message: 4,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 560,
    tool: 40,
    server_tool: 600,
    thinking: 0,
    call: 10,
    image: 1_000,
    page: 1_000,
    answer: None,
};

/// Mistral's models.
static MISTRAL: Rates = Rates {
    names: &["mistral", "magistral", "ministral", "codestral", "devstral", "voxtral", "pixtral"],
    text: 106,
    request: 4,
    message: 4,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 35,
    tool: 10,
    server_tool: 600,
    thinking: 0,
    call: 20,
    image: 1_000,
    page: 1_000,
    answer: None,
};

/// DeepSeek's models.
static DEEPSEEK: Rates = Rates {
    names: &["deepseek"],
    text: 105,
    request: 1,
    message: 2,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 280,
    tool: 10,
    server_tool: 600,
    thinking: 0,
    call: 20,
    image: 1_000,
    page: 1_000,
    answer: None,
};

/// Zhipu's models.
static GLM: Rates = Rates {
    names: &["glm"],
    text: 102,
    request: 3,
    message: 4,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 110,
    tool: 10,
    server_tool: 600,
    thinking: 0,
    call: 20,
    image: 1_000,
    page: 1_000,
    answer: None,
};

/// Other models with open weights, in whose templates the tools stand as JSON.
static OPEN: Rates = Rates {
    names: &["qwen", "kimi", "minimax", "sonar", "phi", "nemotron", "llama3-8b", "llama3-70b"],
    text: 102,
    request: 3,
    message: 4,
    tools: ToolForm::Json,
    keeps_tools: false,
    tool_preamble: 60,
    tool: 10,
    server_tool: 600,
    thinking: 0,
    call: 20,
    image: 1_000,
    page: 1_000,
    answer: None,
};

/// The registry: one line a family. Where two names fit, the first line counts.
static FAMILIES: [&Rates; 11] =
    [&GPT_OSS, &OPENAI, &CLAUDE_NEW, &CLAUDE, &GOOGLE, &GROK, &OPEN, &LLAMA, &MISTRAL, &DEEPSEEK, &GLM];

impl Family {
    /// The family of a model by its name, as providers and hosts write it: `gpt-5`, `anthropic/claude-opus-4.5`,
    /// `us.anthropic.claude-haiku-4-5`. Of a name that says nothing, as those of Azure's deployments may, the family of the
    /// shape's maker.
    #[must_use]
    pub fn of(shape: Shape, model: &str) -> Family {
        // Hosts write 4.8 where the maker writes 4-8.
        let model = model.to_ascii_lowercase().replace('.', "-");
        let parts = |names: &[&str]| {
            let begins = |part: &str| names.iter().any(|name| part.starts_with(name));
            begins(&model)
                || model.match_indices(['/', ':', '-']).any(|(at, _)| model.get(at + 1..).is_some_and(begins))
        };
        let named = FAMILIES.iter().find(|family| parts(family.names));
        Family(named.copied().unwrap_or(match shape {
            Shape::Chat | Shape::Responses => &OPENAI,
            Shape::Messages => &CLAUDE,
            Shape::GenerateContent => &GOOGLE,
        }))
    }

    /// What it makes of an answer; `None`: what most who speak the shape make of it.
    pub(crate) const fn answer(self) -> Option<&'static super::Rates> {
        self.0.answer
    }

    pub(super) const fn rates(self) -> &'static Rates {
        self.0
    }
}
