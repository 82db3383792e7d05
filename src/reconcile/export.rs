//! Reading an export: rows of any granularity up to a day, summed up by day and model.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::counts::{Cell, Counts, Kinds};
use super::layout::{Columns, Figures, Layout};
use super::number::{self, CellError};
use crate::catalog::Catalog;

/// The largest file that is read: a year in buckets of an hour is far smaller.
pub const MAX_BYTES: u64 = 64 << 20;

/// The longest name or value that a message repeats, in characters.
const SHOWN_CHARS: usize = 400;

const DAY_SECONDS: i64 = 86_400;

/// What an export says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Whose it is.
    pub layout: Layout,
    /// What it tells apart.
    pub kinds: Kinds,
    /// The days from its first row to its last, those without usage too; absent when there are no rows.
    pub days: Option<RangeInclusive<Date>>,
    /// Its figures.
    pub cells: BTreeMap<Cell, Counts>,
    /// Rows that were read, and how many of them belong to other API keys than the wanted ones.
    pub rows: u64,
    /// See `rows`.
    pub skipped_rows: u64,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It has neither layout.
    #[error(
        "the columns are not those of a usage export that is known. OpenAI's has {}. Anthropic's has {}. This file has: {}",
        Layout::OpenAi.wanted(), Layout::Anthropic.wanted(), shown(found)
    )]
    UnknownHeader {
        /// The header line.
        found: String,
    },
    /// It is OpenAI's cost export.
    #[error("this is OpenAI's export of costs; download the one of completions usage, grouped by model")]
    CostExport,
    /// The figures are not by model.
    #[error("the figures are not told by model; download the export again, grouped by model")]
    NoModels,
    /// It has no API keys to choose from.
    #[error("the file has no column of API keys, so that none can be chosen")]
    NoApiKeys,
    /// A value cannot be read.
    #[error("line {line}, column {column}: `{}` {source}", shown(value))]
    Cell {
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        source: CellError,
    },
    /// A row reaches over more than one UTC day.
    #[error("line {line}: its time is not within one UTC day; download the export again, by day")]
    NotOneDay {
        /// The line, from 1.
        line: u64,
    },
    /// It cannot be read, or is no CSV.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// It is too large.
    #[error("is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
}

impl Export {
    /// Reads an export. `api_keys`: only rows of these API keys, by name or id; all when empty. Model names are those of the
    /// catalogue where it knows them.
    ///
    /// # Errors
    ///
    /// It cannot be read, its layout is not known, or a value makes no sense.
    pub fn read(file: impl Read, api_keys: &[String], catalog: &Catalog) -> Result<Export, ExportError> {
        let mut file = std::io::BufReader::new(file.take(MAX_BYTES + 1));
        let delimiter = delimiter(&mut file)?;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(file);
        let mut record = csv::StringRecord::new();
        reader.read_record(&mut record)?;
        let header: Vec<String> =
            record.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
        let columns = Columns::of(&header)?;
        if !api_keys.is_empty() && columns.api_keys.is_empty() {
            return Err(ExportError::NoApiKeys);
        }
        let mut export = Export {
            layout: columns.layout,
            kinds: columns.kinds(),
            days: None,
            cells: BTreeMap::new(),
            rows: 0,
            skipped_rows: 0,
        };
        while reader.read_record(&mut record)? {
            let position = record.position();
            if position.is_some_and(|position| position.byte() > MAX_BYTES) {
                return Err(ExportError::TooLarge);
            }
            let line = position.map_or(0, csv::Position::line);
            let row = Row { header: &header, record: &record, line };
            if record.iter().all(|value| value.trim().is_empty()) {
                continue;
            }
            export.take(&row, &columns, api_keys, catalog)?;
        }
        // The last row may have been cut off in the middle of a number.
        if reader.position().byte() > MAX_BYTES { Err(ExportError::TooLarge) } else { Ok(export) }
    }

    fn take(
        &mut self,
        row: &Row<'_>,
        columns: &Columns,
        api_keys: &[String],
        catalog: &Catalog,
    ) -> Result<(), ExportError> {
        let day = row.day(columns)?;
        self.rows += 1;
        let days = self.days.take().unwrap_or(day..=day);
        self.days = Some(day.min(*days.start())..=day.max(*days.end()));
        let Some(figures) = &columns.figures else { return Ok(()) };
        let counts = row.counts(figures)?;
        if counts == Counts::default() {
            return Ok(());
        }
        if !api_keys.is_empty() && !columns.api_keys.iter().any(|at| api_keys.iter().any(|key| key == row.text(*at))) {
            self.skipped_rows += 1;
            return Ok(());
        }
        let model = row.text(figures.model);
        if model.is_empty() {
            return Err(ExportError::NoModels);
        }
        let cell = Cell::new(day, columns.layout.provider(), model, catalog);
        self.cells.entry(cell).or_default().add(&counts);
        Ok(())
    }
}

/// One row.
struct Row<'a> {
    header: &'a [String],
    record: &'a csv::StringRecord,
    line: u64,
}

impl Row<'_> {
    /// The value of a column; nothing where the row is too short.
    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default().trim()
    }

    fn wrong(&self, column: usize, source: CellError) -> ExportError {
        ExportError::Cell {
            line: self.line,
            column: self.header.get(column).cloned().unwrap_or_default(),
            value: self.text(column).to_owned(),
            source,
        }
    }

    fn moment(&self, column: usize) -> Result<i64, ExportError> {
        number::moment(self.text(column)).map_err(|error| self.wrong(column, error))
    }

    fn count(&self, column: Option<usize>) -> Result<u64, ExportError> {
        let Some(column) = column else { return Ok(0) };
        number::count(self.text(column)).map_err(|error| self.wrong(column, error))
    }

    fn day(&self, columns: &Columns) -> Result<Date, ExportError> {
        let start = self.moment(columns.start)?;
        if let Some(end) = columns.end.filter(|end| !self.text(*end).is_empty()) {
            let last = self.moment(end)?.saturating_sub(1).max(start);
            if last.div_euclid(DAY_SECONDS) != start.div_euclid(DAY_SECONDS) {
                return Err(ExportError::NotOneDay { line: self.line });
            }
        }
        number::day(start).map_err(|error| self.wrong(columns.start, error))
    }

    fn counts(&self, figures: &Figures) -> Result<Counts, ExportError> {
        let mut counts = Counts {
            requests: self.count(figures.requests)?,
            failed_requests: 0,
            input: self.count(Some(figures.input))?,
            cache_read: self.count(figures.cache_read)?,
            cache_write: self.count(figures.cache_write)?,
            cache_write_1h: self.count(figures.cache_write_1h)?,
            output: self.count(Some(figures.output))?,
        };
        if figures.input_has_cached {
            counts.input = counts.input.saturating_sub(counts.cache_read).saturating_sub(counts.cache_write);
        }
        Ok(counts)
    }
}

/// What stands between the columns: a comma, or what spreadsheets make of it.
fn delimiter(file: &mut impl std::io::BufRead) -> Result<u8, ExportError> {
    let start = file.fill_buf().map_err(csv::Error::from)?;
    let header = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let common = [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| header.iter().filter(|byte| *byte == delimiter).count());
    Ok(common.unwrap_or(b','))
}

/// Not more of a text than a message can bear, without control characters.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push_str(" ...");
    }
    shown
}
