//! What has gone wrong elsewhere between these APIs, by number, and the tests that hold it off, which have the number in their names. With
//! `--nocapture` the table of them is printed.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// So many there are.
const LAST: u32 = 123;

/// Where tests are.
const FOLDERS: [&str; 4] = ["filters/src", "filters/tests", "src", "tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All Rust sources below a folder, in order.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The numbers in a test's name, and the sentence behind them.
fn read_name(name: &str) -> (Vec<u32>, String) {
    let mut words = name.split('_').peekable();
    let mut numbers = Vec::new();
    while let Some(word) = words.peek() {
        match word.parse() {
            Ok(number) => numbers.push(number),
            Err(_) if *word == "and" => {}
            Err(_) => break,
        }
        words.next();
    }
    (numbers, words.collect::<Vec<_>>().join(" "))
}

/// The tests of each number: what holds, and the file.
fn tests() -> BTreeMap<u32, Vec<(String, String)>> {
    let mut tests: BTreeMap<u32, Vec<(String, String)>> = BTreeMap::new();
    for folder in FOLDERS {
        let mut files = Vec::new();
        sources(&root().join(folder), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let place = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ") {
                    if let Some(name) = rest.strip_prefix("pitfall_").filter(|_| line.ends_with(['{', '(', ')'])) {
                        assert!(is_test, "{place}: {name} is no test");
                        let name = name.split('(').next().unwrap();
                        let (numbers, sentence) = read_name(name);
                        assert!(!numbers.is_empty() && !sentence.is_empty(), "{place}: {name}");
                        for number in numbers {
                            tests.entry(number).or_default().push((sentence.clone(), place.clone()));
                        }
                    }
                    is_test = false;
                } else if line.contains("#[ignore") {
                    is_test = false;
                }
            }
        }
    }
    tests
}

#[test]
fn every_pitfall_has_a_test_that_runs() {
    let tests = tests();
    let missing: Vec<u32> = (1..=LAST).filter(|number| !tests.contains_key(number)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
    assert!(tests.keys().all(|number| (1..=LAST).contains(number)), "numbers that are none: {:?}", tests.keys());
    for (number, held) in &tests {
        for (sentence, place) in held {
            eprintln!("{number} | {sentence} | {place}");
        }
    }
    eprintln!("{} pitfalls, {} tests", tests.len(), tests.values().map(Vec::len).sum::<usize>());
}
