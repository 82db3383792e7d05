//! The metrics page, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::bed::Bed;
use super::gateway::Gateway;
use super::{PATIENCE, Shape, within};

/// A metric with its type and help, and the names of its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: String,
    /// What the page says of it.
    pub(crate) help: String,
    /// Labels of its samples, `le` left out.
    pub(crate) labels: BTreeSet<String>,
}

/// One sample.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Its name; that of a histogram has its ending.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its value.
    pub(crate) value: f64,
}

/// A page of metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Metrics by name.
    pub(crate) families: BTreeMap<String, Family>,
    /// All samples, in order.
    pub(crate) samples: Vec<Sample>,
}

impl Page {
    /// Fails the test where the page is not well formed.
    pub(crate) fn parse(text: &str) -> Page {
        let mut page = Page::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                page.families.entry(name.to_owned()).or_default().help = help.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                page.families.entry(name.to_owned()).or_default().kind = kind.to_owned();
            } else {
                let sample = sample(line);
                let family = page.family_of(&sample.name);
                let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
                page.families.get_mut(&family).unwrap_or_else(|| panic!("no type: {line}")).labels.extend(labels);
                page.samples.push(sample);
            }
        }
        page
    }

    /// The metric that a sample of that name belongs to.
    pub(crate) fn family_of(&self, sample: &str) -> String {
        let ends = ["_bucket", "_sum", "_count"];
        let stem = ends.iter().find_map(|end| sample.strip_suffix(end)).unwrap_or(sample);
        let is_histogram = self.families.get(stem).is_some_and(|family| family.kind == "histogram");
        if is_histogram { stem.to_owned() } else { sample.to_owned() }
    }

    /// The sum over the samples of that name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|is| is == value))
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, rest)) = series.split_once('{') else {
        return Sample { name: series.to_owned(), labels: BTreeMap::new(), value };
    };
    let mut labels = BTreeMap::new();
    // None of our label values holds a quote or a comma.
    for label in rest.strip_suffix('}').expect("an end of the labels").split(',') {
        let (label, value) = label.split_once('=').expect("a label");
        labels.insert(label.to_owned(), value.trim_matches('"').to_owned());
    }
    Sample { name: name.to_owned(), labels, value }
}

impl Gateway {
    /// The metrics page, once it fits.
    pub(crate) async fn page_where(&self, fits: impl Fn(&Page) -> bool) -> Page {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let page = Page::parse(&self.metrics().await);
            if fits(&page) {
                return page;
            }
            assert!(std::time::Instant::now() < deadline, "the page does not come to that: {page:#?}");
            tokio::task::yield_now().await;
        }
    }

    /// The metrics page when no request is in flight, so that everything that was asked is counted.
    pub(crate) async fn settled_page(&self) -> Page {
        let is_idle = |page: &Page| page.sum("ovth_requests_in_flight", &[]) == 0.0;
        // A page is not of one moment: that one may have counted the tokens before the last request had ended.
        self.page_where(is_idle).await;
        self.page_where(is_idle).await
    }
}

impl Bed {
    /// Asks for what makes every metric appear. The first upstream is to fail, and the second to serve.
    pub(crate) async fn everything(&self) {
        for shape in Shape::BOTH {
            let plain = self.gateway.post(shape, shape.ask(&self.pair(), "hello")).await;
            assert_eq!((plain.status, plain.attempts()), (200, 2), "{plain:?}");
        }
        let ask = Shape::Messages.ask_stream(&self.pair(), "stream");
        let streamed = self.gateway.post(Shape::Messages, ask).await;
        assert_eq!(streamed.status, 200, "{streamed:?}");
        let poor = self.gateway.mint("poor", Some(1)).await;
        let request = super::Request::post(Shape::Chat.path(), Shape::Chat.ask(&self.pair(), "hello")).bearer(&poor);
        let refused = within("a refusal", self.gateway.send(&request, super::Way::Sized)).await;
        assert_eq!(refused.status, 429, "{refused:?}");
    }

    /// Some more traffic, on targets that every case may share.
    pub(crate) async fn everything_again(&self) {
        for shape in Shape::BOTH {
            let streamed = self.gateway.post(shape, shape.ask_stream("last-0", "stream")).await;
            assert_eq!(streamed.status, 200, "{streamed:?}");
        }
    }
}
