//! The column layouts of the exports that are known, and telling which one a file has by its header line.
//!
//! Where the names come from (read in November 2026):
//!
//! - OpenAI's completions usage. The columns that the usage API gives are in its published OpenAPI document
//!   (`UsageCompletionsResult`; as of version 2.3.0 `input_tokens` counts "cached and cache-write tokens" too, in the generated crate
//!   <https://docs.rs/crate/openai-client-base/0.16.0/source/src/models/usage_completions_result.rs>). The dashboard's file
//!   (`completions_usage_<from>_<to>.csv`) has the same columns after `start_time,end_time,start_time_iso,end_time_iso`, writes counts as
//!   `59200.0`, and leaves all other cells of a bucket without usage empty: a real one is printed in
//!   <https://github.com/xavierjflanagan/Guardian> (`openai-usage-and-cost-report-2025-10-12.md`). With no usage at all it has those
//!   four columns only. `input_uncached_tokens` is `input_tokens` less `input_cached_tokens`. The cost export has the same four columns, then
//!   `amount_value`.
//! - Anthropic's console (Usage, Export): `usage_date_utc,model_version,api_key,workspace,usage_type,context_window,`
//!   `usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,`
//!   `usage_output_tokens,web_search_count,inference_geo,speed`, with model ids dated or not, as in public importers' tests
//!   and in <https://github.com/erezgit/my-jarvis-desktop> (`03-anthropic-schema-comparison.md`). Older files have one
//!   `usage_input_tokens_cache_write` for both times to live.

use super::counts::Kinds;
use super::export::ExportError;

/// Whose export a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The completions usage of OpenAI's dashboard or usage API.
    OpenAi,
    /// The usage of Anthropic's console.
    Anthropic,
}

impl Layout {
    /// The provider that writes such files.
    #[must_use]
    pub const fn provider(self) -> &'static str {
        match self {
            Layout::OpenAi => "openai",
            Layout::Anthropic => "anthropic",
        }
    }

    /// The columns that a file must have, for messages.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Layout::OpenAi => {
                "start_time (or start_time_iso), model, input_tokens, output_tokens; and input_cached_tokens, \
                 input_cache_write_tokens, num_model_requests, end_time where there are any"
            }
            Layout::Anthropic => {
                "usage_date_utc, model_version, usage_input_tokens_no_cache, usage_output_tokens; and \
                 usage_input_tokens_cache_write_5m, usage_input_tokens_cache_write_1h, usage_input_tokens_cache_read \
                 where there are any"
            }
        }
    }
}

/// Where a file has what; column numbers from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) layout: Layout,
    /// When the time span of a row begins, and when it ends, where that is told.
    pub(super) start: usize,
    pub(super) end: Option<usize>,
    /// Absent: the file has no figures at all.
    pub(super) figures: Option<Figures>,
    /// The columns that name an API key.
    pub(super) api_keys: Vec<usize>,
}

/// The columns of what is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) model: usize,
    pub(super) requests: Option<usize>,
    /// Whether `input` counts what is in the cache columns too.
    pub(super) input_has_cached: bool,
    pub(super) input: usize,
    pub(super) cache_read: Option<usize>,
    pub(super) cache_write: Option<usize>,
    pub(super) cache_write_1h: Option<usize>,
    pub(super) output: usize,
}

impl Columns {
    /// Finds out by the header line which layout a file has.
    pub(super) fn of(header: &[String]) -> Result<Columns, ExportError> {
        let at = |name: &str| header.iter().position(|column| column == name);
        let api_keys: Vec<usize> = ["api_key", "api_key_id", "api_key_name"].into_iter().filter_map(at).collect();
        if let Some(figures) = anthropic(&at)
            && let Some(start) = at("usage_date_utc")
        {
            return Ok(Columns { layout: Layout::Anthropic, start, end: None, figures: Some(figures), api_keys });
        }
        let end = at("end_time").or_else(|| at("end_time_iso"));
        if let Some(start) = at("start_time").or_else(|| at("start_time_iso")) {
            let buckets = Columns { layout: Layout::OpenAi, start, end, figures: openai(&at), api_keys };
            let only_times =
                header.iter().all(|column| column.starts_with("start_time") || column.starts_with("end_time"));
            if buckets.figures.is_some() || only_times {
                return Ok(buckets);
            }
            if at("amount_value").is_some() {
                return Err(ExportError::CostExport);
            }
            if at("input_tokens").is_some() && at("model").is_none() {
                return Err(ExportError::NoModels);
            }
        }
        Err(ExportError::UnknownHeader { found: header.join(", ") })
    }

    /// What the file tells apart. A file without figures tells of nothing, and so agrees with any split.
    pub(super) fn kinds(&self) -> Kinds {
        self.figures.as_ref().map_or_else(Kinds::default, |figures| Kinds {
            requests: figures.requests.is_some(),
            cache_read: figures.cache_read.is_some(),
            cache_write: figures.cache_write.is_some(),
            cache_write_1h: figures.cache_write_1h.is_some(),
        })
    }
}

fn openai(at: &impl Fn(&str) -> Option<usize>) -> Option<Figures> {
    Some(Figures {
        model: at("model")?,
        requests: at("num_model_requests"),
        input_has_cached: true,
        input: at("input_tokens")?,
        cache_read: at("input_cached_tokens"),
        cache_write: at("input_cache_write_tokens"),
        cache_write_1h: None,
        output: at("output_tokens")?,
    })
}

fn anthropic(at: &impl Fn(&str) -> Option<usize>) -> Option<Figures> {
    Some(Figures {
        model: at("model_version")?,
        requests: None,
        input_has_cached: false,
        input: at("usage_input_tokens_no_cache")?,
        cache_read: at("usage_input_tokens_cache_read"),
        cache_write: at("usage_input_tokens_cache_write_5m").or_else(|| at("usage_input_tokens_cache_write")),
        cache_write_1h: at("usage_input_tokens_cache_write_1h"),
        output: at("usage_output_tokens")?,
    })
}
