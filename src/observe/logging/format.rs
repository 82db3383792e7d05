//! One log record as one line: JSON for machines, `name=value` for people.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};

use super::escape::{Escaped, Place};
use super::timestamp;

/// When a line has grown to this size, its further fields are left out.
const MAX_LINE_BYTES: usize = 16 << 10;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: `ts`, `level`, `target`, `msg`, then the record's fields.
    Json,
    /// Time, level, target, message, then the fields as `name=value`.
    Readable,
}

/// Appends `record` as one line, its end included.
pub(in crate::observe) fn write_line(out: &mut Vec<u8>, format: Format, at: SystemTime, record: &Record<'_>) {
    let start = out.len();
    match format {
        Format::Json => {
            out.extend_from_slice(b"{\"ts\":\"");
            timestamp::write(out, at);
            out.extend_from_slice(b"\",\"level\":\"");
            out.extend_from_slice(level(record.level()).trim_ascii_end());
            out.extend_from_slice(b"\",\"target\":");
            quoted(out, record.target());
            out.extend_from_slice(b",\"msg\":");
            quoted(out, record.args());
        }
        Format::Readable => {
            timestamp::write(out, at);
            out.push(b' ');
            out.extend_from_slice(level(record.level()));
            out.push(b' ');
            bare(out, record.target());
            out.extend_from_slice(b": ");
            bare(out, record.args());
        }
    }
    // Fields that cannot be read are left out; the line is still worth writing.
    let _ = record.key_values().visit(&mut Fields { out, format, start });
    out.extend_from_slice(if format == Format::Json { b"}\n" } else { b"\n" });
}

/// The level's name, filled up to five characters.
fn level(level: Level) -> &'static [u8] {
    match level {
        Level::Error => b"error",
        Level::Warn => b"warn ",
        Level::Info => b"info ",
        Level::Debug => b"debug",
        Level::Trace => b"trace",
    }
}

fn quoted(out: &mut Vec<u8>, text: impl fmt::Display) {
    out.push(b'"');
    // An error here is that of a broken `Display`; what it wrote until then stays.
    let _ = write!(Escaped::new(out, Place::Quoted), "{text}");
    out.push(b'"');
}

fn bare(out: &mut Vec<u8>, text: impl fmt::Display) {
    let _ = write!(Escaped::new(out, Place::Bare), "{text}");
}

struct Fields<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    /// Where this line begins in `out`.
    start: usize,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if self.out.len() - self.start > MAX_LINE_BYTES {
            return Ok(());
        }
        match self.format {
            Format::Json => {
                self.out.push(b',');
                quoted(self.out, key.as_str());
                self.out.push(b':');
            }
            Format::Readable => {
                self.out.push(b' ');
                bare(self.out, key.as_str());
                self.out.push(b'=');
            }
        }
        value.visit(FieldValue { out: self.out, format: self.format })
    }
}

struct FieldValue<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
}

impl FieldValue<'_> {
    fn number(&mut self, value: impl fmt::Display) -> Result<(), Error> {
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{value}");
        Ok(())
    }
}

impl<'v> VisitValue<'v> for FieldValue<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        quoted(self.out, value);
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.number(value)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.number(value)
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), Error> {
        self.number(value)
    }

    fn visit_i128(&mut self, value: i128) -> Result<(), Error> {
        self.number(value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        // JSON has no infinities.
        if value.is_finite() { self.number(value) } else { self.visit_null() }
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
        if self.format == Format::Readable && !value.is_empty() && value.bytes().all(plain) {
            bare(self.out, value);
        } else {
            quoted(self.out, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::{Duration, UNIX_EPOCH};

    use log::kv::Source;

    use super::*;

    fn line(format: Format, message: &str, fields: &dyn Source) -> String {
        let mut out = Vec::new();
        let at = UNIX_EPOCH + Duration::from_millis(1_795_341_600_123);
        let mut builder = Record::builder();
        let builder = builder.level(Level::Warn).target("ovth::test").key_values(&fields);
        write_line(&mut out, format, at, &builder.args(format_args!("{message}")).build());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_forms_tell_the_same() {
        let text: [(&str, Value<'_>); 6] = [
            ("word", Value::from("claude-opus-4-7")),
            ("words", Value::from("two words")),
            ("count", Value::from(7_u64)),
            ("less", Value::from(-7_i64)),
            ("yes", Value::from(true)),
            ("none", Value::from_display(&"shown")),
        ];
        assert_eq!(
            line(Format::Json, "it happened", &text),
            "{\"ts\":\"2026-11-22T10:00:00.123Z\",\"level\":\"warn\",\"target\":\"ovth::test\",\"msg\":\"it happened\",\
             \"word\":\"claude-opus-4-7\",\"words\":\"two words\",\"count\":7,\"less\":-7,\"yes\":true,\"none\":\"shown\"}\n"
        );
        assert_eq!(
            line(Format::Readable, "it happened", &text),
            "2026-11-22T10:00:00.123Z warn  ovth::test: it happened \
             word=claude-opus-4-7 words=\"two words\" count=7 less=-7 yes=true none=\"shown\"\n"
        );
    }

    #[test]
    fn text_from_outside_cannot_forge_a_line_or_a_field() {
        let evil = "x\n2026-11-22T10:00:00.123Z info  ovth::access: exchange";
        let fields =
            [("model", evil), ("forged", "a status=200"), ("empty", ""), ("quote", "\",\"status\":200,\"a\":\"")];
        for format in [Format::Json, Format::Readable] {
            let line = line(format, evil, &fields);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(line.ends_with('\n'));
        }
        let read: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&line(Format::Json, evil, &fields)).unwrap();
        assert_eq!(read.get("msg").unwrap(), evil);
        assert_eq!(read.get("quote").unwrap(), fields[3].1);
        assert!(!read.contains_key("status"));
        let readable = line(Format::Readable, "ok", &fields);
        assert!(readable.contains(" forged=\"a status=200\" empty=\"\" "), "{readable}");
    }

    #[test]
    fn numbers_that_json_does_not_know_are_null() {
        let fields = [("nan", f64::NAN), ("infinite", f64::INFINITY), ("half", 0.5)];
        let line = line(Format::Json, "", &fields);
        assert!(line.ends_with("\"nan\":null,\"infinite\":null,\"half\":0.5}\n"), "{line}");
    }

    #[test]
    fn a_line_is_bounded_and_still_whole() {
        let long = "y".repeat(100_000);
        let fields: Vec<(String, &str)> = (0..100).map(|index| (format!("field{index}"), long.as_str())).collect();
        let line = line(Format::Json, &long, &fields);
        assert!(line.len() < MAX_LINE_BYTES + 5_000, "{}", line.len());
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&line).unwrap();
    }
}
