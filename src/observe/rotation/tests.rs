//! Files on a real disk, under a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::*;
use crate::observe::logging::Sink;

const DAY: u64 = 86_400;

thread_local! {
    /// Seconds since 1970.
    static NOW: Cell<u64> = const { Cell::new(20_000 * DAY) };
}

fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.get())
}

fn pass(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}

fn settings(folder: &TempDir) -> LogFile {
    LogFile {
        path: folder.path().join("logs/access.log"),
        rotate_bytes: 1 << 20,
        rotate_every: Every::Day,
        keep_files: 100,
        keep_time: Duration::from_secs(30 * DAY),
        keep_bytes: None,
        gzip: false,
        private: true,
    }
}

fn open(settings: &LogFile) -> RotatingFile {
    RotatingFile::open_with(settings.clone(), clock).unwrap()
}

/// What files hold, by name.
fn files(settings: &LogFile) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(settings.path.parent().unwrap())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), read(&entry.path()))
        })
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if !path.to_str().unwrap().ends_with(".gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    text
}

fn names(settings: &LogFile) -> Vec<String> {
    let entries = fs::read_dir(settings.path.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_file_is_put_aside_and_no_line_is_lost_or_cut() {
    let folder = TempDir::new().unwrap();
    let settings = LogFile { rotate_bytes: 100, ..settings(&folder) };
    let mut file = open(&settings);
    let mut written = String::new();
    for index in 0..100 {
        let line = format!("this is line {index}\n");
        file.write_lines(line.as_bytes()).unwrap();
        written.push_str(&line);
        pass(u64::from(index % 10 == 0));
    }
    let mut files = files(&settings);
    assert!(files.len() > 15, "{files:?}");
    assert!(files.iter().all(|(_, text)| text.len() <= 100), "{files:?}");
    // The file that is written now sorts first and comes last; of one second the numbers do not sort as text.
    files.rotate_left(1);
    files.sort_by_key(|(name, _)| match name.strip_prefix("access.log.") {
        Some(suffix) => {
            let (stamp, number) = suffix.split_once('-').unwrap_or((suffix, "0"));
            (stamp.to_owned(), number.parse::<u32>().unwrap())
        }
        None => ("~".to_owned(), 0),
    });
    assert_eq!(files.into_iter().map(|(_, text)| text).collect::<String>(), written);
}

#[test]
fn another_day_begins_another_file_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder);
    let mut file = open(&settings);
    file.write_lines(b"monday\n").unwrap();
    pass(DAY / 2);
    file.write_lines(b"still monday\n").unwrap();
    pass(DAY / 2);
    file.tend();
    assert_eq!(names(&settings), ["access.log", "access.log.20241005T000000Z"], "a quiet day is put aside as well");
    file.write_lines(b"tuesday\n").unwrap();
    drop(file);
    pass(DAY);
    // Files have the disk's times, not the test's.
    fs::File::options()
        .append(true)
        .open(&settings.path)
        .unwrap()
        .set_modified(clock() - Duration::from_secs(DAY))
        .unwrap();
    let mut file = open(&settings);
    file.write_lines(b"wednesday\n").unwrap();
    let texts: Vec<String> = files(&settings).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["wednesday\n", "monday\nstill monday\n", "tuesday\n"]);
}

#[test]
fn a_clock_that_goes_back_rotates_nothing() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder);
    let mut file = open(&settings);
    file.write_lines(b"one\n").unwrap();
    NOW.set(NOW.get() - 3 * DAY);
    file.write_lines(b"two\n").unwrap();
    assert_eq!(files(&settings), [("access.log".to_owned(), "one\ntwo\n".to_owned())]);
}

#[test]
fn old_files_go_by_number_by_age_and_by_size() {
    let folder = TempDir::new().unwrap();
    let usual = LogFile { rotate_bytes: 1, ..settings(&folder) };
    let write = |settings: &LogFile| {
        let mut file = open(settings);
        for index in 0..5 {
            file.write_lines(format!("line {index}\n").as_bytes()).unwrap();
            pass(DAY);
        }
        let kept: Vec<String> = files(settings).into_iter().map(|(_, text)| text).collect();
        fs::remove_dir_all(settings.path.parent().unwrap()).unwrap();
        kept
    };
    assert_eq!(write(&LogFile { keep_files: 2, ..usual.clone() }), ["line 4\n", "line 2\n", "line 3\n"]);
    assert_eq!(write(&LogFile { keep_files: 0, ..usual.clone() }), ["line 4\n"]);
    let kept = write(&LogFile { keep_time: Duration::from_secs(DAY), ..usual.clone() });
    assert_eq!(kept, ["line 4\n", "line 2\n", "line 3\n"]);
    assert_eq!(write(&LogFile { keep_bytes: Some(15), ..usual }), ["line 4\n", "line 2\n", "line 3\n"]);
}

#[test]
fn files_of_others_are_never_deleted() {
    let folder = TempDir::new().unwrap();
    let settings = LogFile { rotate_bytes: 1, keep_files: 0, ..settings(&folder) };
    let mut file = open(&settings);
    let others =
        ["access.log.1", "access.log.bak", "access.log.20241005T000000Z.zip", "access.log.2024", "access.log2", "é"];
    for name in others {
        fs::write(settings.path.with_file_name(name), "mine").unwrap();
    }
    file.write_lines(b"one\n").unwrap();
    file.write_lines(b"two\n").unwrap();
    let left = names(&settings);
    assert!(others.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
    assert_eq!(left.len(), others.len() + 1);
}

#[test]
fn a_file_that_another_program_moves_or_cuts_is_begun_anew() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder);
    let mut file = open(&settings);
    file.write_lines(b"one\n").unwrap();
    let moved = settings.path.with_file_name("access.log.1");
    fs::rename(&settings.path, &moved).unwrap();
    file.write_lines(b"two\n").unwrap();
    assert_eq!((read(&moved).as_str(), read(&settings.path).as_str()), ("one\n", "two\n"));
    // As logrotate does it that creates the new file itself.
    fs::remove_file(&moved).unwrap();
    fs::rename(&settings.path, &moved).unwrap();
    fs::write(&settings.path, "").unwrap();
    file.write_lines(b"three\n").unwrap();
    assert_eq!(read(&settings.path), "three\n");
    // And with `copytruncate`.
    fs::File::options().write(true).open(&settings.path).unwrap().set_len(0).unwrap();
    file.write_lines(b"four\n").unwrap();
    assert_eq!(read(&settings.path), "four\n");
    fs::remove_dir_all(settings.path.parent().unwrap()).unwrap();
    file.write_lines(b"five\n").unwrap();
    assert_eq!(read(&settings.path), "five\n");
}

#[test]
fn only_the_owner_may_read_it() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder);
    let mode = || fs::metadata(&settings.path).unwrap().permissions().mode() & 0o777;
    drop(open(&settings));
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&settings.path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&LogFile { private: false, ..settings.clone() }));
    assert_eq!(mode(), 0o644, "who let others read it meant it");
    drop(open(&settings));
    assert_eq!(mode(), 0o600);
}

#[test]
fn whom_somebody_let_read_it_may_read_the_next_ones_and_the_compressed_ones() {
    let folder = TempDir::new().unwrap();
    let settings = LogFile { rotate_bytes: 10, private: false, gzip: true, ..settings(&folder) };
    let mut file = open(&settings);
    fs::set_permissions(&settings.path, fs::Permissions::from_mode(0o640)).unwrap();
    for line in [b"line one\n", b"line two\n"] {
        file.write_lines(line).unwrap();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !names(&settings).iter().any(|name| name.ends_with(".gz")) {
        assert!(std::time::Instant::now() < deadline, "{:?}", names(&settings));
        std::thread::yield_now();
    }
    for name in names(&settings) {
        let found = fs::metadata(settings.path.with_file_name(&name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o640, "{name}");
    }
}

#[test]
fn a_full_file_that_cannot_be_put_aside_is_tried_again_after_a_minute_and_not_with_each_line() {
    let folder = TempDir::new().unwrap();
    let settings = LogFile { rotate_bytes: 10, ..settings(&folder) };
    let mut file = open(&settings);
    file.write_lines(b"line one\n").unwrap();
    let stamp = jiff::Timestamp::try_from(clock()).unwrap().strftime("%Y%m%dT%H%M%SZ").to_string();
    let taken: Vec<_> = (0..1_000)
        .map(|number| if number == 0 { format!("access.log.{stamp}") } else { format!("access.log.{stamp}-{number}") })
        .map(|name| settings.path.with_file_name(name))
        .collect();
    taken.iter().for_each(|path| fs::write(path, "").unwrap());
    file.write_lines(b"line two\n").unwrap();
    taken.iter().for_each(|path| fs::remove_file(path).unwrap());
    pass(59);
    file.write_lines(b"line three\n").unwrap();
    assert_eq!(names(&settings), ["access.log"], "it is not tried with each line");
    pass(1);
    file.write_lines(b"line four\n").unwrap();
    assert_eq!((names(&settings).len(), read(&settings.path).as_str()), (2, "line four\n"));
}

#[test]
fn rotated_files_are_compressed_in_the_background() {
    let folder = TempDir::new().unwrap();
    let settings = LogFile { rotate_bytes: 10, gzip: true, ..settings(&folder) };
    let mut file = open(&settings);
    for index in 0..4 {
        file.write_lines(format!("line {index}\n").as_bytes()).unwrap();
    }
    // Compression tells nobody when it has ended; what it left over is found by the next look.
    let done = |names: &[String]| names.len() == 4 && names.iter().filter(|name| name.ends_with(".gz")).count() == 3;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !done(&names(&settings)) {
        assert!(std::time::Instant::now() < deadline, "{:?}", names(&settings));
        file.tend();
        std::thread::yield_now();
    }
    let mut texts: Vec<String> = files(&settings).into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["line 0\n", "line 1\n", "line 2\n", "line 3\n"]);
}

#[test]
fn what_is_no_file_is_written_and_never_rotated() {
    let settings = LogFile { path: "/dev/null".into(), rotate_bytes: 1, ..settings(&TempDir::new().unwrap()) };
    let mut file = open(&settings);
    for _ in 0..3 {
        file.write_lines(b"gone\n").unwrap();
    }
    assert!(Path::new("/dev/null").metadata().is_ok_and(|metadata| !metadata.is_file()));
}

#[test]
fn a_full_disk_is_an_error_and_is_over_when_there_is_room_again() {
    let settings = LogFile { path: "/dev/full".into(), ..settings(&TempDir::new().unwrap()) };
    let mut file = open(&settings);
    for _ in 0..2 {
        let error = file.write_lines(b"lost\n").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_told_by_its_path() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("logs"), "a file, no folder").unwrap();
    let error = RotatingFile::open_with(settings(&folder), clock).map(drop).unwrap_err();
    assert!(error.to_string().contains("logs/access.log: "), "{error}");
}
