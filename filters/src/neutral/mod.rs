//! The neutral form: what every shape decodes to and encodes from. It is rich: what one shape can say and another cannot
//! is carried, and who cannot say it on says so in [`Losses`].

mod answering;
mod collector;
mod error;
mod event;
mod finish;
mod loss;
mod message;
mod part;
mod profile;
mod reasoning;
mod request;
mod response;
mod tool;
mod usage;

pub use answering::Answering;
pub(crate) use answering::minted;
pub(crate) use collector::{Collector, told};
pub use error::{ApiError, ErrorClass};
pub use event::{Event, Opening};
pub use finish::Finish;
pub use loss::{Loss, LossKind, Losses};
pub use message::{Message, Role};
pub use part::{
    CacheMark, Citation, CitationKind, Document, Image, Media, Opaque, Part, Sound, Source, TextPart, ToolCall,
    ToolResult,
};
pub use profile::{BudgetBounds, HostRules, Profile, SystemRole, Thinking};
pub use reasoning::{Effort, Origin, Reasoning, ReasoningAsk, ReasoningMode, State, StateFormat};
pub use request::{Output, Request, Sampling, Tier};
pub use response::Response;
pub use tool::{CustomTool, Function, Grouped, HostedTool, Tool, ToolChoice};
pub use usage::Usage;
