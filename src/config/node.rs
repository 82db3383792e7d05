//! Walks the tree of a file: typed reads that note each problem with its path and go on.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::credential::resembles_key;
use super::interpolate::{Interpolated, interpolate};
use super::nearest::did_you_mean;
use super::scalar;
use super::tree::{ABSENT, Tree};
use super::{Environment, FileRole, Files, NamedFile, Problem, ProcessKey};

/// The longest part of a value that a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// One reading of one file: what it may look up, and the problems found so far.
pub(super) struct Reading<'a> {
    /// The variables that `${NAME}` stands for.
    pub(super) env: &'a Environment,
    /// The folder that the paths of key files are relative to.
    pub(super) base_dir: &'a Path,
    problems: RefCell<Vec<Problem>>,
    files: RefCell<Files>,
    process_keys: RefCell<Vec<ProcessKey>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(env: &'a Environment, base_dir: &'a Path) -> Reading<'a> {
        Reading {
            env,
            base_dir,
            problems: RefCell::default(),
            files: RefCell::default(),
            process_keys: RefCell::default(),
        }
    }

    /// Notes a problem.
    pub(super) fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Reads a file that the configuration names; its path is relative to the configuration's own folder. A reload watches it from now
    /// on, whether it is there or not.
    pub(super) fn file(&self, path: &Path, role: FileRole) -> io::Result<Vec<u8>> {
        let (file, read) = NamedFile::read(&self.base_dir.join(path), role);
        self.files.borrow_mut().add(file);
        read
    }

    /// Notes that what stands at `place` comes from these variables, as far as they are the process's own.
    pub(super) fn note_variables(&self, place: &str, variables: &[String]) {
        let fixed = variables.iter().filter(|name| self.env.is_fixed(name));
        let keys = fixed.map(|name| ProcessKey { place: place.to_owned(), variable: name.clone() });
        self.process_keys.borrow_mut().extend(keys);
    }

    /// The keys that come from the process's own environment.
    pub(super) fn process_keys(&self) -> Vec<ProcessKey> {
        self.process_keys.borrow().clone()
    }

    /// The files that were read, and those that were looked for.
    pub(super) fn files(&self) -> Files {
        self.files.borrow().clone()
    }

    /// The value of a variable that overrides a setting, read by `read`; a bad one is noted.
    pub(super) fn variable<T>(&self, name: &str, allowed: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.env.var(name)?;
        let value = read(text);
        if value.is_none() {
            self.note(Problem::error(name, format!("must be {allowed}; it is {}", shown_text(text))));
        }
        value
    }

    /// Everything that was noted, in the order of the file; what is not about the file comes last.
    pub(super) fn into_problems(self, tree: &Tree) -> Vec<Problem> {
        let mut order = Vec::new();
        list_paths(tree, "", &mut order);
        // In this order inner paths come after outer ones, so the last that fits is the closest.
        let rank =
            |problem: &Problem| order.iter().rposition(|path| is_within(&problem.path, path)).unwrap_or(usize::MAX);
        let mut problems = self.problems.into_inner();
        problems.sort_by_cached_key(rank);
        problems
    }
}

/// One value of the file, with its path.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) tree: &'a Tree,
    path: String,
    hidden: bool,
}

impl<'a> Node<'a> {
    /// The whole file.
    pub(super) fn root(reading: &'a Reading<'a>, tree: &'a Tree) -> Node<'a> {
        Node { reading, tree, path: String::new(), hidden: false }
    }

    /// The same value; no message repeats it, nor what is in it if it is a list.
    pub(super) fn hidden(self) -> Node<'a> {
        Node { hidden: true, ..self }
    }

    /// Whether this is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.tree, Tree::Map(_))
    }

    /// Notes an error at this place.
    pub(super) fn error(&self, message: impl fmt::Display) {
        self.reading.note(Problem::error(self.place(), message.to_string()));
    }

    /// Notes a warning at this place.
    pub(super) fn warning(&self, message: impl fmt::Display) {
        self.reading.note(Problem::warning(self.place(), message.to_string()));
    }

    /// Notes that the value is another than what is allowed.
    pub(super) fn wrong(&self, allowed: impl fmt::Display) {
        self.error(format_args!("must be {allowed}; it is {}", self.shown()));
    }

    /// Whether an error was noted here or further in.
    pub(super) fn is_faulty(&self) -> bool {
        let problems = self.reading.problems.borrow();
        problems
            .iter()
            .any(|problem| problem.severity == super::Severity::Error && is_within(&problem.path, &self.path))
    }

    /// A member of this map, whether it is there or not: the place where something is missing.
    pub(super) fn place_of(&self, name: &str) -> Node<'a> {
        Node { reading: self.reading, tree: &ABSENT, path: join(&self.path, name), hidden: false }
    }

    /// The members of a map whose keys are settings.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { members: self.members(), asked: Vec::new(), node: self.clone() }
    }

    /// The members of a map whose keys are names; none when nothing is there. A key that is there twice is noted.
    pub(super) fn members(&self) -> Vec<(&'a str, Node<'a>)> {
        let entries = match self.tree {
            Tree::Map(entries) => entries.as_slice(),
            Tree::Null => &[],
            _ => {
                self.wrong("a map (`name: value` lines)");
                &[]
            }
        };
        let mut members: Vec<(&str, Node<'_>)> = Vec::with_capacity(entries.len());
        for (key, tree) in entries {
            let node = Node { reading: self.reading, tree, path: join(&self.path, key), hidden: false };
            if key == "<<" {
                node.error("merge keys are not supported; write the settings out");
            } else if members.iter().any(|(known, _)| *known == key) {
                node.error("is there twice; keep one of the two");
            } else {
                members.push((key, node));
            }
        }
        members
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<Node<'a>>> {
        let Tree::List(items) = self.tree else {
            self.wrong("a list (`[a, b]`, or lines that begin with `- `)");
            return None;
        };
        let item = |(index, tree)| Node {
            reading: self.reading,
            tree,
            path: format!("{}[{index}]", self.path),
            hidden: self.hidden,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A list of names: at least one, none twice, none empty or with white space in it. Bad ones are left out.
    pub(super) fn names(&self) -> Option<Vec<(Node<'a>, String)>> {
        let items = self.items()?;
        if items.is_empty() {
            self.error("must not be empty; leave the setting out instead");
            return None;
        }
        let mut names: Vec<(Node<'_>, String)> = Vec::with_capacity(items.len());
        for item in items {
            let Some(name) = item.text() else { continue };
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                item.wrong("a name without white space");
            } else if names.iter().any(|(_, known)| *known == name) {
                item.error(format_args!("{} is named twice", item.shown()));
            } else {
                names.push((item, name));
            }
        }
        Some(names)
    }

    /// Text, with its variables replaced.
    pub(super) fn text(&self) -> Option<String> {
        let Tree::Text(text) = self.tree else {
            self.wrong("text");
            return None;
        };
        Some(self.interpolated(text)?.text)
    }

    /// Text as it stands in the file.
    pub(super) fn raw_text(&self) -> Option<&'a str> {
        match self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text that `read` understands.
    pub(super) fn parsed<T>(&self, allowed: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.scalar(allowed, |tree| match tree {
            Tree::Text(text) => read(text),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.scalar("true or false", |tree| match tree {
            Tree::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        self.scalar(format_args!("a whole number from {} to {}", range.start(), range.end()), |tree| match tree {
            Tree::Integer(number) => u64::try_from(*number).ok().filter(|number| range.contains(number)),
            _ => None,
        })
    }

    /// A time within bounds.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let (from, to) = (scalar::show_duration(*range.start()), scalar::show_duration(*range.end()));
        self.scalar(format_args!("a time from {from} to {to}, such as 500ms, 5s or 30m"), |tree| {
            let time = match tree {
                Tree::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
                Tree::Text(text) => scalar::duration(text),
                _ => None,
            };
            time.filter(|time| range.contains(time))
        })
    }

    /// A number of bytes within bounds.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<usize> {
        let (from, to) = (scalar::show_size(*range.start()), scalar::show_size(*range.end()));
        self.scalar(format_args!("a size from {from} to {to}, such as 512KiB, 32MiB or 10MB"), |tree| {
            let bytes = match tree {
                Tree::Integer(bytes) => u64::try_from(*bytes).ok(),
                Tree::Text(text) => scalar::size(text),
                _ => None,
            };
            bytes.filter(|bytes| range.contains(bytes)).and_then(|bytes| usize::try_from(bytes).ok())
        })
    }

    /// The value as messages repeat it: what the file says, never what a variable holds.
    pub(super) fn shown(&self) -> String {
        match self.tree {
            Tree::Null => "empty".to_owned(),
            Tree::List(_) => "a list".to_owned(),
            Tree::Map(_) => "a map".to_owned(),
            _ if self.hidden => "a value that is not shown".to_owned(),
            Tree::Bool(flag) => flag.to_string(),
            Tree::Integer(number) => number.to_string(),
            Tree::Float(number) => number.clone(),
            Tree::Text(text) => shown_text(text),
        }
    }

    /// Reads a value that is not a list or a map. Text with variables counts as what it becomes: maybe a number.
    pub(super) fn scalar<T>(&self, allowed: impl fmt::Display, read: impl FnOnce(&Tree) -> Option<T>) -> Option<T> {
        let value = match self.tree {
            Tree::Text(text) => {
                let Interpolated { text, variables } = self.interpolated(text)?;
                read(&if variables.is_empty() { Tree::Text(text) } else { Tree::plain(text) })
            }
            tree => read(tree),
        };
        if value.is_none() {
            self.wrong(allowed);
        }
        value
    }

    pub(super) fn interpolated(&self, text: &str) -> Option<Interpolated> {
        interpolate(text, self.reading.env).map_err(|error| self.error(error)).ok()
    }

    /// Its path, as messages have it.
    pub(super) fn place(&self) -> String {
        if self.path.is_empty() { "file".to_owned() } else { self.path.clone() }
    }
}

/// The members of a map of settings. Whatever is not asked for by name until [`Fields::finish`] is unknown.
pub(super) struct Fields<'a> {
    node: Node<'a>,
    members: Vec<(&'a str, Node<'a>)>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The setting, when it is there and not empty.
    pub(super) fn field(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.asked.push(name);
        let (_, node) = self.members.iter().find(|(key, _)| *key == name)?;
        if *node.tree == Tree::Null { None } else { Some(node.clone()) }
    }

    /// The setting as `read` understands it; `None` too when it is there and wrong (which is noted).
    pub(super) fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        self.field(name).and_then(|node| read(&node))
    }

    /// A map of further settings; without any when it is not there.
    pub(super) fn section(&mut self, name: &'static str) -> Fields<'a> {
        self.field(name).unwrap_or_else(|| self.node.place_of(name)).fields()
    }

    /// Where a setting of this map is, or would be.
    pub(super) fn place_of(&self, name: &str) -> Node<'a> {
        self.node.place_of(name)
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, node) in &self.members {
            if !self.asked.contains(key) {
                let known = self.asked.join(", ");
                let hint = did_you_mean(key, self.asked.iter().copied());
                node.error(format_args!("is not a setting; known here: {known}{hint}"));
            }
        }
    }
}

/// A text in quotes, shortened, with what would disturb a terminal escaped; not at all when it looks like a key.
pub(super) fn shown_text(text: &str) -> String {
    if resembles_key(text) {
        return "a text that looks like a key (not shown)".to_owned();
    }
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}...", text.split_at(end).0),
        None => format!("{text:?}"),
    }
}

/// The path of a member: `routes.auto`; keys that are not plain words are quoted.
fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let key = if plain && !resembles_key(key) { key.to_owned() } else { shown_key(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn shown_key(key: &str) -> String {
    if resembles_key(key) { "(a key)".to_owned() } else { shown_text(key) }
}

/// Whether `path` is `outer` or inside it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || outer.is_empty() || rest.starts_with(['.', '[']))
}

fn list_paths(tree: &Tree, path: &str, paths: &mut Vec<String>) {
    match tree {
        Tree::Map(members) => {
            for (key, inner) in members {
                let path = join(path, key);
                paths.push(path.clone());
                list_paths(inner, &path, paths);
            }
        }
        Tree::List(items) => {
            for (index, inner) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                paths.push(path.clone());
                list_paths(inner, &path, paths);
            }
        }
        _ => {}
    }
}
