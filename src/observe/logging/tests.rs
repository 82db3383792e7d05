//! The logger as a whole, and what one record costs.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt;
use std::sync::Mutex;

use log::{Level, LevelFilter};
use ovth_filters::neutral::Usage;
use ovth_filters::{Operation, Shape};

use super::*;
use crate::observe::{AttemptNote, Outcome};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn logger(filter: Option<&str>, format: Format) -> (Logger, Written) {
    let written = Written::default();
    let counter = || IntCounter::new("dropped", "dropped").unwrap();
    let counters = Counters { dropped: counter(), access_dropped: counter(), captures_dropped: counter() };
    let (shared, unknown) = Shared::start(filter, format, written.clone(), counters).unwrap();
    assert_eq!(unknown, [""; 0]);
    (Logger(shared), written)
}

fn control(logger: &Logger) -> Control {
    Control(Arc::clone(&logger.0))
}

fn enabled(logger: &Logger, target: &str, level: Level) -> bool {
    logger.enabled(&Metadata::builder().target(target).level(level).build())
}

fn exchange() -> crate::observe::Record {
    let mut record = crate::observe::Record::new("req_0123456789abcdef0123456789abcdef", Shape::Chat);
    record.upstream_request_id = Some("req_upstream_0123456789".into());
    record.key_id = Some("key_0123456789".into());
    record.operation = Some(Operation::Generate);
    record.status = Some(200);
    record.outcome = Outcome::Ok;
    record.stream = true;
    record.route = Some("auto".into());
    record.strategy = Some("cheapest-capable");
    record.provider = Some("openai".into());
    record.model_asked = Some("auto".into());
    record.model_served = Some("gpt-5".into());
    record.upstream_shape = Some(Shape::Chat);
    for status in [429, 200] {
        let outcome = if status == 200 { Outcome::Ok } else { ovth_filters::neutral::ErrorClass::RateLimit.into() };
        record.attempts.push(AttemptNote {
            provider: "openai".into(),
            model: "gpt-5".into(),
            outcome,
            status: Some(status),
        });
    }
    record.usage = Some(Usage { input: 1_200, cache_read: 50, output: 600, ..Usage::default() });
    record.time_to_first_byte = Some(Duration::from_millis(700));
    record.duration = Duration::from_millis(9_000);
    record.bytes_in = 60_000;
    record.bytes_out = 90_000;
    record
}

fn log(logger: &Logger, record: &crate::observe::Record) {
    let args = format_args!("exchange");
    logger.log(&Record::builder().level(Level::Info).target("ovth::access").args(args).key_values(&record).build());
}

#[test]
fn an_exchange_becomes_one_line_of_json() {
    let (logger, written) = logger(None, Format::Json);
    log(&logger, &exchange());
    logger.flush();
    let text = written.text();
    assert_eq!(text.lines().count(), 1);
    let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(read.get("target").unwrap(), "ovth::access");
    assert_eq!(read.get("attempts").unwrap(), "openai/gpt-5:429,openai/gpt-5:200");
    assert_eq!(read.get("tokens_input").unwrap(), 1_200);
}

#[test]
fn pingora_is_silent_unless_it_is_asked_for_by_name() {
    let (logger, _) = logger(None, Format::Json);
    assert!(enabled(&logger, "ovth::access", Level::Info));
    assert!(!enabled(&logger, "ovth::access", Level::Debug));
    assert!(!enabled(&logger, concat!("pingora_core", "::apps"), Level::Error));
    assert!(!enabled(&logger, "pingora_pool", Level::Error));

    let (logger, _) = self::logger(Some("debug"), Format::Json);
    assert!(enabled(&logger, "ovth::access", Level::Debug));
    assert!(!enabled(&logger, "pingora_proxy", Level::Error));

    let (logger, _) = self::logger(Some("ovth::access=off,pingora_core=warn"), Format::Json);
    assert!(!enabled(&logger, "ovth::access", Level::Info));
    assert!(enabled(&logger, "ovth::attempt", Level::Info));
    assert!(enabled(&logger, concat!("pingora_core", "::apps"), Level::Warn));
    assert_eq!(logger.0.levels.load().most(), LevelFilter::Info);
}

fn change(directives: &str) -> LevelChange {
    LevelChange::parse(directives).0
}

#[test]
fn levels_follow_the_configuration_the_environment_and_changes_in_this_order() {
    let (logger, _) = logger(Some("ovth::attempt=error"), Format::Json);
    let control = control(&logger);
    let settings = |directives| Settings { levels: change(directives), format: None, access: None };
    control.apply(&settings("warn,ovth::attempt=trace")).unwrap();
    assert!(!enabled(&logger, "ovth::access", Level::Info));
    assert!(!enabled(&logger, "ovth::attempt", Level::Warn), "the environment goes over the file");
    assert!(!control.standing().is_changed);

    let until = SystemTime::now();
    let first = control.change(change("debug,ovth::attempt=info"), Some(until));
    assert!(enabled(&logger, "ovth::access", Level::Debug));
    assert!(enabled(&logger, "ovth::attempt", Level::Info));
    let standing = control.standing();
    assert_eq!((standing.is_changed, standing.until), (true, Some(until)));
    assert_eq!((standing.levels.level, standing.configured.level), (LevelFilter::Debug, LevelFilter::Warn));

    control.apply(&settings("error")).unwrap();
    assert!(enabled(&logger, "ovth::access", Level::Debug), "a reload leaves the change alone");
    let second = control.change(change("trace"), None);
    control.end_change(first);
    assert!(enabled(&logger, "ovth::access", Level::Trace), "the end of one change is not that of a later one");
    control.end_change(second);
    assert!(!enabled(&logger, "ovth::access", Level::Warn));
    assert_eq!(control.standing().levels, control.standing().configured);
}

#[test]
fn records_of_exchanges_go_to_their_own_file_whatever_the_level_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| crate::observe::LogFile {
        path: folder.path().join(name),
        rotate_bytes: 1 << 20,
        rotate_every: crate::observe::Every::Day,
        keep_files: 1,
        keep_time: Duration::from_secs(86_400),
        keep_bytes: None,
        gzip: false,
        private: true,
    };
    let (logger, written) = logger(None, Format::Readable);
    let control = control(&logger);
    let settings = |name: Option<&str>| Settings {
        levels: change("warn"),
        format: Some(Format::Readable),
        access: name.map(file),
    };
    control.apply(&settings(Some("one.log"))).unwrap();
    log(&logger, &exchange());
    logger.log(&Record::builder().level(Level::Warn).target("ovth::test").args(format_args!("other")).build());
    control.apply(&settings(Some("two.log"))).unwrap();
    log(&logger, &exchange());
    log(&logger, &exchange());
    let refused = control.apply(&settings(Some("one.log/nothing"))).unwrap_err();
    assert!(refused.to_string().contains("one.log/nothing"), "{refused}");
    log(&logger, &exchange());
    logger.flush();
    let lines = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let read = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        read.filter(|line| line["target"] == "ovth::access").count()
    };
    assert_eq!((lines("one.log"), lines("two.log")), (1, 3), "what is refused changes nothing");
    control.apply(&settings(None)).unwrap();
    log(&logger, &exchange());
    logger.flush();
    let text = written.text();
    assert_eq!(text.lines().count(), 1, "records of exchanges have the level of all others here: {text}");
}

#[test]
fn the_form_of_lines_follows_the_configuration() {
    let (logger, written) = logger(None, Format::Json);
    let control = control(&logger);
    for format in [Some(Format::Readable), Some(Format::Json), None] {
        control.apply(&Settings { format, ..Settings::default() }).unwrap();
        log(&logger, &exchange());
    }
    logger.flush();
    let json: Vec<bool> = written.text().lines().map(|line| line.starts_with('{')).collect();
    assert_eq!(json, [false, true, true]);
}

#[test]
fn a_value_that_logs_while_it_is_printed_makes_two_whole_lines() {
    struct Chatty<'a>(&'a Logger);
    impl fmt::Display for Chatty<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.log(&Record::builder().level(Level::Warn).args(format_args!("inner")).build());
            f.write_str("outer")
        }
    }
    let (logger, written) = logger(None, Format::Json);
    logger.log(&Record::builder().level(Level::Warn).args(format_args!("{}", Chatty(&logger))).build());
    logger.flush();
    let text = written.text();
    let messages: Vec<bool> = text.lines().map(|line| line.contains("inner")).collect();
    assert_eq!(messages, [true, false], "{text}");
}

#[test]
#[ignore = "a measurement; run it by name with --release --nocapture"]
#[expect(clippy::print_stdout, reason = "prints what it measured")]
fn cost_of_one_record() {
    const COUNT: u32 = 1_000;
    let (logger, _) = logger(None, Format::Json);
    let record = exchange();
    let mut line = Vec::new();
    let (mut formatted, mut logged) = (Duration::MAX, Duration::MAX);
    for _ in 0..200 {
        let began = Instant::now();
        for _ in 0..COUNT {
            line.clear();
            let args = format_args!("exchange");
            let record = &Record::builder().target("ovth::access").args(args).key_values(&record).build();
            format::write_line(&mut line, Format::Json, SystemTime::now(), record);
        }
        formatted = formatted.min(began.elapsed() / COUNT);
        let began = Instant::now();
        for _ in 0..COUNT {
            log(&logger, &record);
        }
        logged = logged.min(began.elapsed() / COUNT);
        logger.flush();
    }
    println!("{} bytes; made in {formatted:?}, made and queued in {logged:?}", line.len());
}
