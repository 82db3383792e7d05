//! Where a text was found: grounding and citations, whose places are counted in bytes and told in characters.

use crate::Shape;
use crate::json::{Json, View};
use crate::neutral::{Citation, CitationKind};

/// How much of the text is kept to find places in, in bytes. In more, places are not told.
const MAX_TEXT: usize = 1024 * 1024;

/// Citations of one answer at most.
const MAX_CITATIONS: usize = 1024;

/// What is known of where the text was found.
#[derive(Default)]
pub(super) struct Grounding {
    /// All text so far; nothing any more when it is too much.
    text: Option<String>,
    overflowed: bool,
    /// The last lists that held something: each is whole.
    chunks: Vec<Source>,
    supports: Vec<Support>,
    cited: Vec<(Span, Source)>,
}

#[derive(Clone)]
struct Source {
    url: String,
    title: Option<String>,
    raw: Json<'static>,
}

struct Support {
    span: Span,
    chunks: Vec<u64>,
}

/// A place in the text.
#[derive(Clone, Default)]
struct Span {
    start: u64,
    end: Option<u64>,
    text: Option<String>,
}

impl Grounding {
    /// More text.
    pub(super) fn text(&mut self, text: &str) {
        let known = self.text.get_or_insert_default();
        self.overflowed |= known.len().saturating_add(text.len()) > MAX_TEXT;
        if self.overflowed {
            known.clear();
        } else {
            known.push_str(text);
        }
    }

    /// Reads `groundingMetadata`.
    pub(super) fn read(&mut self, metadata: View<'_>) {
        let [chunks, supports] = metadata.pick(["groundingChunks", "groundingSupports"]);
        let chunks: Vec<Source> = chunks.into_iter().flat_map(View::elements).take(MAX_CITATIONS).map(source).collect();
        if !chunks.is_empty() {
            self.chunks = chunks;
        }
        let supports: Vec<Support> =
            supports.into_iter().flat_map(View::elements).take(MAX_CITATIONS).map(support).collect();
        if !supports.is_empty() {
            self.supports = supports;
        }
    }

    /// Reads `citationMetadata`.
    pub(super) fn read_citations(&mut self, metadata: View<'_>) {
        let [citations, sources] = metadata.pick(["citations", "citationSources"]);
        for citation in citations.into_iter().chain(sources).flat_map(View::elements) {
            let source = page(citation, citation);
            if source.url.is_empty() || self.cited.len() >= MAX_CITATIONS {
                continue;
            }
            self.cited.push((span(citation), source));
        }
    }

    /// All of them, in the order of the text.
    pub(super) fn citations(&mut self) -> Vec<Citation<'static>> {
        let mut found = Vec::new();
        let supports = std::mem::take(&mut self.supports);
        for support in &supports {
            let (start, end) = self.place(&support.span);
            for index in &support.chunks {
                let chunk = usize::try_from(*index).ok().and_then(|index| self.chunks.get(index));
                found.extend(chunk.filter(|chunk| !chunk.url.is_empty()).map(|chunk| citation(chunk, start, end)));
            }
        }
        if supports.is_empty() {
            // Where in the text they belong is not said.
            found.extend(
                self.chunks.iter().filter(|chunk| !chunk.url.is_empty()).map(|chunk| citation(chunk, None, None)),
            );
        }
        for (span, source) in &self.cited {
            let (start, end) = self.place(span);
            found.push(citation(source, start, end));
        }
        found.truncate(MAX_CITATIONS);
        found
    }

    /// A place in characters; nothing where it cannot be told.
    fn place(&self, span: &Span) -> (Option<u64>, Option<u64>) {
        let text = self.text.as_deref().filter(|_| !self.overflowed).unwrap_or_default();
        let Some((start, end)) = self.bytes_of(span, text) else { return (None, None) };
        let characters = |to: usize| {
            let before = text.get(..to)?;
            u64::try_from(if before.is_ascii() { to } else { before.chars().count() }).ok()
        };
        match (characters(start), characters(end)) {
            (Some(start), Some(end)) => (Some(start), Some(end)),
            _ => (None, None),
        }
    }

    fn bytes_of(&self, span: &Span, text: &str) -> Option<(usize, usize)> {
        let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end?).ok()?);
        let told = text.get(start..end).filter(|_| start < end);
        match &span.text {
            None => told.map(|_| (start, end)),
            Some(words) if told == Some(words) => Some((start, end)),
            // Places are counted from the beginning of a part, which is not always that of the text.
            Some(words) if !words.is_empty() => text.find(words.as_str()).map(|at| (at, at + words.len())),
            Some(_) => None,
        }
    }
}

fn citation(source: &Source, start: Option<u64>, end: Option<u64>) -> Citation<'static> {
    let kind =
        CitationKind::Web { url: source.url.clone().into(), title: source.title.clone().map(Into::into), start, end };
    Citation { kind, shape: Shape::GenerateContent, raw: source.raw.clone() }
}

/// Where a chunk is from: a page, or a document or a place that has an address too.
fn source(chunk: View<'_>) -> Source {
    let [web, retrieved, maps] = chunk.pick(["web", "retrievedContext", "maps"]);
    page(web.or(retrieved).or(maps).unwrap_or(chunk), chunk)
}

fn page(page: View<'_>, whole: View<'_>) -> Source {
    let text = |name: &str| page.member(name).and_then(View::string).map(|text| text.into_owned());
    let raw = Json::parse(&whole.compact()).unwrap_or_else(Json::null);
    Source { url: text("uri").unwrap_or_default(), title: text("title"), raw }
}

fn support(support: View<'_>) -> Support {
    let indexes = support.member("groundingChunkIndices");
    let span = support.member("segment").map(span).unwrap_or_default();
    Support { span, chunks: indexes.into_iter().flat_map(View::elements).filter_map(View::u64).collect() }
}

/// Reads a place; one that begins at the start does not say so.
fn span(view: View<'_>) -> Span {
    let [start, end, text] = view.pick(["startIndex", "endIndex", "text"]);
    Span {
        start: start.and_then(View::u64).unwrap_or(0),
        end: end.and_then(View::u64),
        text: text.and_then(View::string).map(|text| text.into_owned()),
    }
}
