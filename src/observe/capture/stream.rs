//! Streams of events: what must be taken out is found also where a model said it in several events.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;

use super::redact::{REDACTED, Redactor};
use super::strings::{self, Moved};

/// The deepest value that is looked into.
const MAX_DEPTH: usize = 32;

/// Whether a body is a stream of events.
pub(super) fn is_stream(body: &[u8]) -> bool {
    ["data:", "event:", ":", "id:", "retry:"].iter().any(|field| body.starts_with(field.as_bytes()))
}

/// The stream with its strings redacted, those together that continue each other; and where a place of it came to lie.
pub(super) fn redacted(redactor: &Redactor, body: &[u8], place: usize) -> (Vec<u8>, usize) {
    let mut lines: Vec<Line> = body.split_inclusive(|byte| *byte == b'\n').map(Line::read).collect();
    take_out(redactor, &mut lines);
    let mut out = Moved { bytes: Vec::with_capacity(body.len()), place, new_place: None };
    let mut before = 0;
    for line in &lines {
        let range = before..before + line.raw.len();
        before = range.end;
        match &line.event {
            Some(event) if line.is_changed => {
                let with = [b"data: ", event.to_string().as_bytes(), line.ending()].concat();
                out.replace(range, &with);
            }
            Some(_) => out.keep(body, range),
            None => {
                let within = range.contains(&place);
                let (redacted, moved) = strings::redacted(redactor, line.raw, place.saturating_sub(range.start));
                if within {
                    out.new_place = Some(out.bytes.len() + moved);
                }
                out.bytes.extend_from_slice(&redacted);
            }
        }
    }
    let end = out.bytes.len();
    (out.bytes, out.new_place.unwrap_or(end))
}

/// One line of a stream.
struct Line<'a> {
    raw: &'a [u8],
    /// Its JSON, if it has any.
    event: Option<Value>,
    is_changed: bool,
}

impl Line<'_> {
    fn read(raw: &[u8]) -> Line<'_> {
        let data = raw.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok());
        Line { raw, event: data, is_changed: false }
    }

    fn ending(&self) -> &[u8] {
        let text = self.raw.trim_ascii_end();
        self.raw.get(text.len()..).unwrap_or_default()
    }
}

/// A string of an event: which line, and where in it.
struct Piece {
    line: usize,
    pointer: String,
    text: String,
}

/// Redacts strings that stand at the same place of their events as if they were one.
fn take_out(redactor: &Redactor, lines: &mut [Line<'_>]) {
    let mut places: HashMap<String, Vec<Piece>> = HashMap::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(event) = &line.event {
            collect(event, &mut Walk { line: index, pointer: String::new(), place: String::new() }, &mut places);
        }
    }
    for pieces in places.values() {
        let is_constant = pieces.windows(2).all(|pair| matches!(pair, [one, other] if one.text == other.text));
        // What every event repeats, such as an id, is no text that goes on.
        let groups: Vec<&[Piece]> = if is_constant { pieces.chunks(1).collect() } else { vec![pieces] };
        for group in groups {
            take_out_of(redactor, group, lines);
        }
    }
}

fn take_out_of(redactor: &Redactor, pieces: &[Piece], lines: &mut [Line<'_>]) {
    let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let ranges = redactor.ranges(whole.as_bytes());
    if ranges.is_empty() {
        return;
    }
    let mut begin = 0;
    for piece in pieces {
        let (start, end) = (begin, begin + piece.text.len());
        begin = end;
        let mut text = Vec::new();
        let mut at = start;
        let mut is_changed = false;
        for range in ranges.iter().filter(|range| range.start < end && range.end > start) {
            is_changed = true;
            text.extend_from_slice(whole.as_bytes().get(at..range.start.max(at)).unwrap_or_default());
            if range.start >= start {
                text.extend_from_slice(REDACTED.as_bytes());
            }
            at = range.end.min(end);
        }
        if !is_changed {
            continue;
        }
        text.extend_from_slice(whole.as_bytes().get(at..end).unwrap_or_default());
        let Some(line) = lines.get_mut(piece.line) else { continue };
        if let Some(value) = line.event.as_mut().and_then(|event| event.pointer_mut(&piece.pointer)) {
            *value = Value::String(String::from_utf8_lossy(&text).into_owned());
            line.is_changed = true;
        }
    }
}

/// Where a value stands.
struct Walk {
    line: usize,
    /// As JSON pointers have it.
    pointer: String,
    /// The same, with what tells apart values of the same place: the `index` that events give to what they continue.
    place: String,
}

fn collect(value: &Value, walk: &mut Walk, places: &mut HashMap<String, Vec<Piece>>) {
    if walk.pointer.matches('/').count() > MAX_DEPTH {
        return;
    }
    let (pointer, place) = (walk.pointer.len(), walk.place.len());
    match value {
        Value::String(text) if !text.is_empty() => {
            let piece = Piece { line: walk.line, pointer: walk.pointer.clone(), text: text.clone() };
            places.entry(walk.place.clone()).or_default().push(piece);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                step(walk, &index.to_string(), (pointer, place));
                collect(item, walk, places);
            }
        }
        Value::Object(members) => {
            if let Some(index) = members.get("index").and_then(Value::as_u64) {
                // Writing to a string cannot fail.
                let _ = write!(walk.place, "#{index}");
            }
            let place = walk.place.len();
            for (name, member) in members {
                step(walk, &name.replace('~', "~0").replace('/', "~1"), (pointer, place));
                collect(member, walk, places);
            }
        }
        _ => {}
    }
    walk.pointer.truncate(pointer);
    walk.place.truncate(place);
}

fn step(walk: &mut Walk, name: &str, (pointer, place): (usize, usize)) {
    walk.pointer.truncate(pointer);
    walk.place.truncate(place);
    for path in [&mut walk.pointer, &mut walk.place] {
        path.push('/');
        path.push_str(name);
    }
}
