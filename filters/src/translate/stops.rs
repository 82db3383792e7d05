//! Stop texts that a provider could not be told: the gateway looks for them in the answer's text and ends it there.

use crate::neutral::{Event, Finish, Opening, Part, Response, Usage};

/// Looks for stop texts in a streamed answer, holding back what may be the beginning of one.
pub(crate) struct StopScanner {
    stops: Vec<String>,
    /// Parts that are open, with whether they are text.
    open: Vec<(u32, bool)>,
    /// The end of the text so far, as far as it may be the beginning of a stop text; never longer than the longest of them.
    held: String,
    /// The last counts that came: those of the whole answer will not.
    usage: Option<Usage>,
    stopped: bool,
}

impl StopScanner {
    /// A scanner, if there is anything to look for.
    pub(crate) fn new(stops: &[String]) -> Option<StopScanner> {
        let stops: Vec<String> = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        (!stops.is_empty()).then_some(StopScanner {
            stops,
            open: Vec::new(),
            held: String::new(),
            usage: None,
            stopped: false,
        })
    }

    /// Changes the events so that the answer ends before the first stop text.
    pub(crate) fn filter(&mut self, events: &mut Vec<Event>) {
        let mut out = Vec::with_capacity(events.len());
        for event in events.drain(..) {
            if self.stopped {
                break;
            }
            match event {
                Event::Text { part, text } if self.open.contains(&(part, true)) => self.text(part, &text, &mut out),
                event => {
                    match &event {
                        Event::Usage(usage) => self.usage = Some(*usage),
                        Event::Open { part, what } => self.open.push((*part, matches!(what, Opening::Text))),
                        Event::Close { part } => {
                            if let Some(at) = self.open.iter().position(|(open, _)| open == part) {
                                let (part, is_text) = self.open.swap_remove(at);
                                if is_text {
                                    flush(part, &mut self.held, &mut out);
                                }
                            }
                        }
                        _ => {}
                    }
                    out.push(event);
                }
            }
        }
        *events = out;
    }

    fn text(&mut self, part: u32, text: &str, out: &mut Vec<Event>) {
        self.held.push_str(text);
        if let Some((at, stop)) = find(&self.held, &self.stops) {
            let stop = stop.to_owned();
            self.held.truncate(at);
            flush(part, &mut self.held, out);
            out.extend(self.open.drain(..).map(|(part, _)| Event::Close { part }));
            out.push(Event::Finish { finish: Finish::StopSequence(Some(stop)), native: "stop".to_owned() });
            out.extend(self.usage.map(Event::Usage));
            out.push(Event::End);
            self.stopped = true;
            return;
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let mut kept = self.held.split_off(self.held.len().saturating_sub(keep));
        std::mem::swap(&mut self.held, &mut kept);
        flush(part, &mut kept, out);
    }
}

fn flush(part: u32, text: &mut String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Text { part, text: std::mem::take(text) });
    }
}

/// The first stop text in a text: where, and which; at one place the longest.
fn find<'s>(text: &str, stops: &'s [String]) -> Option<(usize, &'s str)> {
    let found = stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop.as_str())));
    found.min_by_key(|(at, stop)| (*at, std::cmp::Reverse(stop.len())))
}

/// How many bytes at the end of the text are the beginning of that stop text.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = stop.len().saturating_sub(1).min(text.len());
    let is_start = |length: &usize| {
        let at = text.len() - length;
        text.get(at..).is_some_and(|end| stop.starts_with(end))
    };
    (1..=longest).rev().find(is_start).unwrap_or(0)
}

/// The same for a whole answer.
pub(crate) fn cut(response: &mut Response, stops: &[String]) {
    if stops.is_empty() {
        return;
    }
    let mut found = None;
    for (index, part) in response.parts.iter_mut().enumerate() {
        if let Part::Text(text) = part
            && let Some((at, stop)) = find(&text.text, stops)
        {
            text.text.to_mut().truncate(at);
            found = Some((index, stop.to_owned()));
            break;
        }
    }
    if let Some((index, stop)) = found {
        response.parts.truncate(index + 1);
        response.finish = Finish::StopSequence(Some(stop));
        "stop".clone_into(&mut response.native_finish);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn scan(pieces: &[&str], stops: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut scanner = StopScanner::new(&stops).unwrap();
        let mut all = vec![Event::Open { part: 0, what: Opening::Text }];
        scanner.filter(&mut all);
        for piece in pieces {
            let mut events = vec![Event::Text { part: 0, text: (*piece).to_owned() }];
            scanner.filter(&mut events);
            all.append(&mut events);
        }
        let mut last = vec![Event::Close { part: 0 }];
        scanner.filter(&mut last);
        all.append(&mut last);
        let text = all
            .iter()
            .filter_map(|event| if let Event::Text { text, .. } = event { Some(text.as_str()) } else { None });
        (text.collect(), matches!(all.last(), Some(Event::End)))
    }

    #[test]
    fn an_answer_ends_before_a_stop_text_wherever_it_is_cut() {
        assert_eq!(scan(&["one ST", "O", "P two"], &["STOP"]), ("one ".to_owned(), true));
        assert_eq!(scan(&["one ST", "ART"], &["STOP"]), ("one START".to_owned(), false));
        assert_eq!(scan(&["aab"], &["ab", "aab"]), (String::new(), true));
        assert_eq!(scan(&["\u{e9}\u{e9}", "x"], &["\u{e9}x"]), ("\u{e9}".to_owned(), true));
    }

    #[test]
    fn parts_that_are_open_are_closed_and_nothing_follows_the_stop() {
        let mut scanner = StopScanner::new(&["X".to_owned()]).unwrap();
        let mut events = vec![
            Event::Open { part: 3, what: Opening::Text },
            Event::Text { part: 3, text: "aXb".to_owned() },
            Event::Close { part: 3 },
            Event::Finish { finish: Finish::Stop, native: "stop".to_owned() },
        ];
        scanner.filter(&mut events);
        let finish = Event::Finish { finish: Finish::StopSequence(Some("X".to_owned())), native: "stop".to_owned() };
        let text = Event::Text { part: 3, text: "a".to_owned() };
        let open = Event::Open { part: 3, what: Opening::Text };
        assert_eq!(events, [open, text, Event::Close { part: 3 }, finish, Event::End]);
        let mut late = vec![Event::Heartbeat];
        scanner.filter(&mut late);
        assert!(late.is_empty());
    }

    #[test]
    fn counts_that_came_before_the_stop_are_told_again_at_the_end() {
        let usage = |input| Event::Usage(crate::neutral::Usage { input, ..crate::neutral::Usage::default() });
        let mut scanner = StopScanner::new(&["X".to_owned()]).unwrap();
        let text = Event::Text { part: 0, text: "X".to_owned() };
        let mut events = vec![usage(1), usage(2), Event::Open { part: 0, what: Opening::Text }, text];
        scanner.filter(&mut events);
        assert_eq!(events.get(events.len() - 2..).unwrap(), [usage(2), Event::End]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[ab\u{e9}]{0,30}", stop in "[ab\u{e9}]{1,4}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|at| text.is_char_boundary(*at)).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).filter_map(|ends| text.get(*ends.first()?..*ends.last()?)).collect();
            let expected = text.find(&stop).map_or((text.clone(), false), |at| (text.get(..at).unwrap_or_default().to_owned(), true));
            prop_assert_eq!(scan(&pieces, &[&stop]), expected);
        }
    }
}
