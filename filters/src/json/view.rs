//! A JSON document that was checked once as a whole, then looked into value by value without building a tree.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Cursor, Text, elements_in};

/// One value of a document that is valid JSON; no white space around it. Copies are pointers.
///
/// ```
/// use ovth_filters::json::View;
/// let view = View::parse(br#"{"model": "m", "n": [1, 2]}"#).unwrap();
/// assert_eq!(view.member("model").and_then(View::string).as_deref(), Some("m"));
/// assert_eq!(view.member("n").unwrap().elements().count(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a>(&'a str);

/// What kind of value a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The bytes are no text.
    #[error("it is not UTF-8 (at byte {0})")]
    Utf8(usize),
    /// The text is no JSON, or nests deeper than 128.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl<'a> View<'a> {
    /// A view of the one value that the bytes are. Everything below it is valid from here on.
    ///
    /// # Errors
    /// When the bytes are not UTF-8, or not exactly one JSON value.
    pub fn parse(body: &'a [u8]) -> Result<View<'a>, ViewError> {
        let text = std::str::from_utf8(body).map_err(|error| ViewError::Utf8(error.valid_up_to()))?;
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(View(text.trim_matches([' ', '\n', '\r', '\t'])))
    }

    /// The value as it was written.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.0
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> ValueKind {
        match self.0.as_bytes().first() {
            Some(b'{') => ValueKind::Object,
            Some(b'[') => ValueKind::Array,
            Some(b'"') => ValueKind::String,
            Some(b't' | b'f') => ValueKind::Bool,
            Some(b'n') | None => ValueKind::Null,
            Some(_) => ValueKind::Number,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == ValueKind::Null
    }

    /// The text of a string, escapes undone; borrowed when there are none. Half a surrogate pair becomes U+FFFD.
    #[must_use]
    pub fn string(self) -> Option<Cow<'a, str>> {
        Some(unescaped(self.0.strip_prefix('"')?.strip_suffix('"')?))
    }

    /// The boolean.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The number, if it is a whole one from 0 to 2^64-1; `12.0` is one.
    #[must_use]
    pub fn u64(self) -> Option<u64> {
        if self.kind() != ValueKind::Number {
            return None;
        }
        self.0.parse().ok().or_else(|| {
            let number: f64 = self.0.parse().ok()?;
            let is_whole = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
            is_whole.then_some(number as u64)
        })
    }

    /// The number, as near as a double comes to it; `None` beyond its range.
    #[must_use]
    pub fn f64(self) -> Option<f64> {
        if self.kind() != ValueKind::Number {
            return None;
        }
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The members of an object, in order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, View<'a>)> {
        self.entries().map(|(key, value)| (unescaped(key), value))
    }

    /// The members of an object, their names as they are written between the quotes.
    fn entries(self) -> impl Iterator<Item = (&'a str, View<'a>)> {
        let text = self.0;
        let range = if self.kind() == ValueKind::Object { 0..text.len() } else { 0..0 };
        let mut cursor = Cursor::within(text.as_bytes(), &range);
        let mut first = true;
        std::iter::from_fn(move || {
            if first {
                cursor.open(b'{', "an object").ok()?;
            }
            let key = cursor.next_key(std::mem::take(&mut first)).ok()??.range();
            let value = cursor.skip().ok()?;
            // The range of a name has its quotes.
            let key = text.get(key)?.strip_prefix('"')?.strip_suffix('"')?;
            Some((key, View(text.get(value)?)))
        })
    }

    /// The elements of an array, in order; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = View<'a>> {
        let text = self.0;
        let range = if self.kind() == ValueKind::Array { 0..text.len() } else { 0..0 };
        elements_in(text.as_bytes(), range).map_while(Result::ok).filter_map(move |range| Some(View(text.get(range)?)))
    }

    /// The last member of that name, unless it is `null`.
    #[must_use]
    pub fn member(self, name: &str) -> Option<View<'a>> {
        let [found] = self.pick([name]);
        found
    }

    /// The last member of each of those names, unless it is `null`, found in one pass over the object.
    #[must_use]
    pub fn pick<const N: usize>(self, names: [&str; N]) -> [Option<View<'a>>; N] {
        let mut found = [None; N];
        for (key, value) in self.entries() {
            let key = if key.contains('\\') { unescaped(key) } else { Cow::Borrowed(key) };
            let place = names.iter().zip(&mut found).find(|(name, _)| **name == key);
            if let Some((_, place)) = place {
                *place = Some(value);
            }
        }
        found.map(|value| value.filter(|value: &View<'_>| !value.is_null()))
    }

    /// The value without white space between its parts; see [`Json::compact`].
    #[must_use]
    pub fn compact(self) -> Cow<'a, str> {
        compact(self.0)
    }

    /// The value to be carried as it is.
    #[must_use]
    pub fn json(self) -> Json<'a> {
        Json(serde_json::from_str::<&RawValue>(self.0).map_or_else(|_| Json::null().0, Cow::Borrowed))
    }
}

/// A JSON value that is carried as it was written, of which nothing is lost: schemas, arguments, fields of one provider.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct Json<'a>(Cow<'a, RawValue>);

impl PartialEq for Json<'_> {
    /// Byte for byte.
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for Json<'_> {}

impl<'a> Json<'a> {
    /// `null`.
    #[must_use]
    pub fn null() -> Json<'static> {
        Json(Cow::Borrowed(RawValue::NULL))
    }

    /// The value of a type that always has a JSON form; `null` where it has none.
    #[must_use]
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Json<'static> {
        serde_json::value::to_raw_value(value).map_or_else(|_| Json::null(), |raw| Json(Cow::Owned(raw)))
    }

    /// The value that the text is; `None` when it is no JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<Json<'static>> {
        RawValue::from_string(text.to_owned()).ok().map(|raw| Json(Cow::Owned(raw)))
    }

    /// The value as it was written.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.0.get()
    }

    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Json<'_> {
        Json(Cow::Borrowed(&self.0))
    }

    /// A look into it.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View(self.0.get().trim_matches([' ', '\n', '\r', '\t']))
    }

    /// The same without white space between its parts: what a client meant and nothing of how it was laid out. Order,
    /// numbers and strings stay byte for byte.
    #[must_use]
    pub fn compact(&self) -> Cow<'_, str> {
        compact(self.raw())
    }

    /// The same, free of the body that it was read from.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }
}

/// What stands between the quotes of a string of a checked document, escapes undone.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    Text::new(raw.as_bytes(), 1).pieces(|piece| text.extend_from_slice(piece));
    let lossy = |error: std::string::FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
    Cow::Owned(String::from_utf8(text).unwrap_or_else(lossy))
}

fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let (mut in_string, mut escaped) = (false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        if !in_string && matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.get_or_insert_with(|| bytes.get(..at).unwrap_or_default().to_vec());
            continue;
        }
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else {
            in_string = byte == b'"';
        }
        if let Some(out) = &mut out {
            out.push(byte);
        }
    }
    match out.map(String::from_utf8) {
        Some(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_view_shows_every_kind_of_value() {
        let view =
            View::parse(b" {\"a\": [1, -2.5, \"x\\ny\", true, null, {}], \"big\": 18446744073709551615} \n").unwrap();
        let elements: Vec<View<'_>> = view.member("a").unwrap().elements().collect();
        let kinds: Vec<ValueKind> = elements.iter().map(|view| view.kind()).collect();
        use ValueKind::{Bool, Null, Number, Object, String};
        assert_eq!(kinds, [Number, Number, String, Bool, Null, Object]);
        assert_eq!(elements.iter().find_map(|view| view.string()).as_deref(), Some("x\ny"));
        assert_eq!(view.member("big").unwrap().u64(), Some(u64::MAX));
        assert_eq!(View::parse(b"12.0").unwrap().u64(), Some(12));
        assert_eq!(View::parse(b"1.5").unwrap().u64(), None);
    }

    #[test]
    fn what_is_no_json_gives_no_view() {
        for body in [&b"{\"a\" 1}"[..], b"{} {}", b"", b"\xff", b"[1,]"] {
            assert!(View::parse(body).is_err());
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_told_apart_from_no_string() {
        assert_eq!(View::parse(br#""a\ud800b""#).unwrap().string().as_deref(), Some("a\u{fffd}b"));
    }

    #[test]
    fn half_a_surrogate_pair_in_a_name_hides_nothing_behind_it() {
        let view = View::parse(br#"{"\ud800": 1, "\u0061": 2, "b\"": 3}"#).unwrap();
        let names: Vec<String> = view.members().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["\u{fffd}", "a", "b\""]);
        assert_eq!(view.member("a").and_then(View::u64), Some(2));
        assert_eq!(view.member("b\"").and_then(View::u64), Some(3));
    }

    #[test]
    fn numbers_and_order_survive_compaction() {
        let json = Json::parse("{ \"b\" : 1e400 ,\n \"a b\\\" c\" : [ 12345678901234567890 , \" x \" ] }").unwrap();
        assert_eq!(json.compact(), r#"{"b":1e400,"a b\" c":[12345678901234567890," x "]}"#);
        assert!(matches!(Json::parse("{\"a\":1}").unwrap().compact(), Cow::Borrowed(_)));
    }
}
