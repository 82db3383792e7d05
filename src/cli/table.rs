//! Tables and lists for people.

use std::fmt;

use comfy_table::{Cell, CellAlignment, ContentArrangement, TableStyle};

use super::figures::clean;

/// The widest that a cell of a table is shown, in characters.
const CELL_CHARS: usize = 60;

/// Spaces before and after the content of a cell.
const GAP: (u16, u16) = (0, 2);

/// A table with a header line, without borders, so that it reads well and takes few columns of a terminal.
pub(super) struct Table {
    inner: comfy_table::Table,
    has_total: bool,
}

impl Table {
    /// A table with these columns. Those whose name begins with `#` hold figures and are set to the right; the `#` is not
    /// shown.
    pub(super) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Table {
        let mut inner = comfy_table::Table::new();
        inner.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
        let columns: Vec<&str> = columns.into_iter().collect();
        inner.set_header(columns.iter().map(|name| name.trim_start_matches('#')));
        for (column, name) in inner.column_iter_mut().zip(&columns) {
            column.set_padding(GAP);
            if name.starts_with('#') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Table { inner, has_total: false }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.inner.add_row(cells.into_iter().map(|cell| Cell::new(shortened(&cell))).collect::<Vec<_>>());
    }

    /// Adds the row of totals, under a line; to be called last.
    pub(super) fn total(&mut self, cells: impl IntoIterator<Item = String>) {
        self.row(cells);
        self.has_total = true;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.inner.lines().map(|line| line.trim_end().to_owned()).collect();
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        for (at, line) in lines.iter().enumerate() {
            if at == 1 || (self.has_total && at + 1 == lines.len() && at > 1) {
                writeln!(f, "{:-<width$}", "")?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Facts about one thing, a line each, the values under each other.
#[derive(Default)]
pub(super) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// Adds a fact.
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push((name, value.into()));
    }

    /// Adds a fact, if it is known.
    pub(super) fn add_known(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.0 {
            writeln!(f, "{name:width$}  {}", clean(value))?;
        }
        Ok(())
    }
}

/// A text that fits a cell and does nothing to a terminal.
fn shortened(text: &str) -> String {
    let text = clean(text);
    match text.char_indices().nth(CELL_CHARS) {
        None => text,
        Some(_) => text.chars().take(CELL_CHARS - 1).chain(['\u{2026}']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_set_to_the_right_and_the_total_is_apart() {
        let mut table = Table::new(["Model", "#Tokens"]);
        table.row(["gpt-5".to_owned(), "7".to_owned()]);
        table.row(["claude-sonnet-4-5".to_owned(), "12,345".to_owned()]);
        table.total(["Total".to_owned(), "12,352".to_owned()]);
        let expected = "\
Model              Tokens
-------------------------
gpt-5                   7
claude-sonnet-4-5  12,345
-------------------------
Total              12,352
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn texts_of_others_stay_on_their_line() {
        let mut table = Table::new(["Model"]);
        table.row(["a\nb\u{1b}[2J".to_owned()]);
        table.row(["x".repeat(100)]);
        let shown = table.to_string();
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(shown.contains("a\\nb\\u{1b}[2J"), "{shown}");
        assert!(shown.contains(&format!("\n{}\u{2026}\n", "x".repeat(59))), "{shown}");
    }

    #[test]
    fn facts_are_under_each_other() {
        let mut facts = Facts::default();
        facts.add("ID", "key_1");
        facts.add_known("Label", Some("cursor"));
        facts.add_known("Expires", None::<String>);
        assert_eq!(facts.to_string(), "ID     key_1\nLabel  cursor\n");
    }
}
