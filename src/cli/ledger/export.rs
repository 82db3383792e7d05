//! Entries as JSON lines or CSV, one at a time.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use super::Format;
use crate::cli::exchanges::Entry;
use crate::cli::failure::Failure;

const FAILED: &str = "the export cannot be written";

/// An export under way.
pub(super) struct Export<W: Write> {
    sink: Sink<W>,
    count: u64,
}

enum Sink<W: Write> {
    Jsonl(BufWriter<W>),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Export<W> {
    /// Begins an export.
    pub(super) fn new(format: Format, to: W) -> Result<Export<W>, Failure> {
        let sink = match format {
            Format::Jsonl => Sink::Jsonl(BufWriter::new(to)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(to);
                writer.write_record(Entry::CSV_COLUMNS).map_err(csv_failure)?;
                Sink::Csv(Box::new(writer))
            }
        };
        Ok(Export { sink, count: 0 })
    }

    /// Writes one entry, which is JSON as the admin API has it.
    pub(super) fn take(&mut self, entry: &str) -> Result<(), Failure> {
        match &mut self.sink {
            // A line end in JSON is a blank between two parts: in a text it is escaped.
            Sink::Jsonl(out) => writeln!(out, "{}", entry.replace(['\n', '\r'], " ")).map_err(Failure::io(FAILED))?,
            Sink::Csv(out) => {
                let entry: Entry = serde_json::from_str(entry)?;
                let cells = entry.csv_cells();
                out.write_record(cells.iter().map(|cell| inert(cell).into_owned())).map_err(csv_failure)?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Writes what is left, and gives back where to, and how many entries it were.
    pub(super) fn finish(self) -> Result<(W, u64), Failure> {
        let to = match self.sink {
            Sink::Jsonl(out) => out.into_inner().map_err(|error| error.into_error()),
            Sink::Csv(out) => out.into_inner().map_err(|error| error.into_error()),
        };
        let mut to = to.map_err(Failure::io(FAILED))?;
        to.flush().map_err(Failure::io(FAILED))?;
        Ok((to, self.count))
    }
}

fn csv_failure(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::io(FAILED)(error),
        other => Failure::Said(format!("{FAILED}: {other:?}")),
    }
}

/// A cell that no spreadsheet takes for a formula: clients choose their user agent and the names of their users.
fn inert(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ENTRIES: [&str; 2] = [
        r#"{"id":1,"request_id":"a","end_user":"=HYPERLINK(\"http://x\")","app":{"user_agent":"@SUM(A1)","title":"a, \"b\"\nc"},"cost_usd":0.0000125}"#,
        "{\"id\":2,\n \"request_id\":\"b\",\"app\":{\"referer\":\"-1+1\"},\"cost_usd\":null}",
    ];

    fn exported(format: Format) -> String {
        let mut export = Export::new(format, Vec::new()).unwrap();
        ENTRIES.iter().for_each(|entry| export.take(entry).unwrap());
        let (bytes, count) = export.finish().unwrap();
        assert_eq!(count, 2);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_one_line_an_entry_and_keeps_every_digit() {
        let text = exported(Format::Jsonl);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("\"cost_usd\":0.0000125}"), "{text}");
        for line in text.lines() {
            serde_json::from_str::<Entry>(line).unwrap();
        }
    }

    #[test]
    fn csv_is_read_back_as_it_was_and_holds_no_formula() {
        let text = exported(Format::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), Entry::CSV_COLUMNS);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cell = |row: usize, name: &str| {
            let at = Entry::CSV_COLUMNS.iter().position(|column| *column == name).unwrap();
            rows.get(row).unwrap().get(at).unwrap().to_owned()
        };
        assert_eq!(cell(0, "end_user"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(cell(0, "app_user_agent"), "'@SUM(A1)");
        assert_eq!(cell(0, "app_title"), "a, \"b\"\nc");
        assert_eq!(cell(0, "cost_usd"), "0.0000125");
        assert_eq!(cell(1, "app_referer"), "'-1+1");
        assert_eq!(cell(1, "cost_usd"), "");
    }

    #[test]
    fn an_export_without_entries_has_its_header_still() {
        let (bytes, count) = Export::new(Format::Csv, Vec::new()).unwrap().finish().unwrap();
        assert_eq!((String::from_utf8(bytes).unwrap().lines().count(), count), (1, 0));
    }
}
