//! One line of text per sample, written without `fmt`.

use super::family::{Family, Kind};
use super::format::Format;
use super::zero_first::{Moment, ZeroFirst};
use crate::model::{Histogram, Timestamp};

/// Writes the samples of one family.
pub(super) struct Samples<'a> {
    out: &'a mut String,
    name: &'static str,
    format: Format,
    /// Shows a new counter series at 0 first.
    zeros: Option<(&'a mut ZeroFirst, Moment)>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(
        out: &'a mut String,
        family: &Family,
        format: Format,
        zeros: Option<(&'a mut ZeroFirst, Moment)>,
    ) -> Self {
        Self { out, name: family.name, format, zeros }
    }

    /// Writes one sample of a counter, and for OpenMetrics when it began.
    pub(super) fn counter(&mut self, labels: &[(&str, &str)], count: u64, created: Option<Timestamp>) {
        let start = self.out.len();
        let mut line = self.line("");
        line.labels(labels);
        let written = line.labels;
        let series = self.out.get(start..).unwrap_or_default();
        let shown = match &mut self.zeros {
            Some((zeros, moment)) => zeros.value(series, count, moment),
            None => count,
        };
        Line { out: self.out, labels: written }.end(shown);
        if let (Format::OpenMetrics, Some(created)) = (self.format, created) {
            self.out.push_str(self.name.strip_suffix("_total").unwrap_or(self.name));
            self.out.push_str("_created");
            let mut line = Line { out: self.out, labels: 0 };
            line.labels(labels);
            line.end(created);
        }
    }

    /// Writes one sample. A label with an empty value is omitted, which is the same in the data model of Prometheus.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) {
        self.sample_of(labels, "", value);
    }

    /// Writes buckets, sum and count.
    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let format = self.format;
        let mut all = 0_u64;
        for (index, count) in histogram.counts().iter().enumerate() {
            all = all.saturating_add(*count);
            let mut line = self.line("_bucket");
            line.labels(labels);
            match histogram.bounds().get(index) {
                Some(bound) => line.label("le", self::bound(*bound, format, &mut ryu::Buffer::new())),
                None => line.label("le", "+Inf"),
            }
            line.end(all);
        }
        self.sample_of(labels, "_sum", histogram.sum());
        self.sample_of(labels, "_count", all);
    }

    /// Starts a sample whose labels are written one by one.
    pub(super) fn line(&mut self, suffix: &str) -> Line<'_> {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        Line { out: self.out, labels: 0 }
    }

    fn sample_of(&mut self, labels: &[(&str, &str)], suffix: &str, value: impl Into<Number>) {
        let mut line = self.line(suffix);
        line.labels(labels);
        line.end(value);
    }
}

/// An unfinished sample; [`Line::end`] completes it.
pub(super) struct Line<'a> {
    out: &'a mut String,
    labels: usize,
}

impl Line<'_> {
    pub(super) fn labels(&mut self, labels: &[(&str, &str)]) {
        for (name, value) in labels {
            self.label(name, value);
        }
    }

    pub(super) fn label(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.out.push(if self.labels == 0 { '{' } else { ',' });
        self.out.push_str(name);
        self.out.push_str("=\"");
        push_escaped(self.out, value);
        self.out.push('"');
        self.labels += 1;
    }

    pub(super) fn end(self, value: impl Into<Number>) {
        self.out.push_str(if self.labels == 0 { " " } else { "} " });
        value.into().push_to(self.out);
        self.out.push('\n');
    }
}

/// A sample's value.
pub(super) enum Number {
    Count(u64),
    Real(f64),
    Time(Timestamp),
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}
impl From<bool> for Number {
    fn from(yes: bool) -> Self {
        Self::Count(yes.into())
    }
}
impl From<f64> for Number {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}
impl From<Timestamp> for Number {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl Number {
    fn push_to(&self, out: &mut String) {
        match self {
            Self::Count(count) => out.push_str(itoa::Buffer::new().format(*count)),
            Self::Real(real) if real.is_finite() => {
                let mut buffer = ryu::Buffer::new();
                out.push_str(without_fraction(buffer.format_finite(*real)));
            }
            Self::Real(real) if real.is_nan() => out.push_str("NaN"),
            Self::Real(real) => out.push_str(if *real > 0.0 { "+Inf" } else { "-Inf" }),
            Self::Time(time) => push_seconds(out, *time),
        }
    }
}

/// Milliseconds as seconds, exactly; floats would cost digits and time.
fn push_seconds(out: &mut String, time: Timestamp) {
    if time.as_millis() < 0 {
        out.push('-');
    }
    let millis = time.as_millis().unsigned_abs();
    out.push_str(itoa::Buffer::new().format(millis / 1000));
    let fraction = millis % 1000;
    if fraction != 0 {
        // 1029 is "1" and "029": the leading digit keeps the zeros.
        let mut digits = itoa::Buffer::new();
        out.push('.');
        out.push_str(digits.format(1000 + fraction).get(1..).unwrap_or_default().trim_end_matches('0'));
    }
}

/// The bound of a bucket: OpenMetrics requires `1.0`, the text format usually has `1`.
fn bound(bound: f64, format: Format, buffer: &mut ryu::Buffer) -> &str {
    let text = buffer.format(bound);
    match format {
        Format::Text => without_fraction(text),
        Format::OpenMetrics => text,
    }
}

fn without_fraction(text: &str) -> &str {
    text.strip_suffix(".0").unwrap_or(text)
}

fn push_escaped(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|b| matches!(b, b'\\' | b'"' | b'\n')) {
        // All three are ASCII: both sides of them are whole characters.
        let (clean, special) = rest.split_at(at);
        out.push_str(clean);
        let mut chars = special.chars();
        out.push_str(match chars.next() {
            Some('\n') => "\\n",
            Some('"') => "\\\"",
            _ => "\\\\",
        });
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// Writes a family's HELP and TYPE lines. OpenMetrics names a counter without its `_total`.
pub(super) fn push_header(out: &mut String, family: &Family, format: Format) {
    let name = match (format, family.kind) {
        (Format::OpenMetrics, Kind::Counter) => family.name.strip_suffix("_total").unwrap_or(family.name),
        _ => family.name,
    };
    for (keyword, text) in [("# HELP ", family.help), ("# TYPE ", family.kind.as_type())] {
        out.push_str(keyword);
        out.push_str(name);
        out.push(' ');
        out.push_str(text);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: impl Into<Number>) -> String {
        let mut out = String::new();
        value.into().push_to(&mut out);
        out
    }

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        assert_eq!(written(0_u64), "0");
        assert_eq!(written(true), "1");
        assert_eq!(written(0.5), "0.5");
        assert_eq!(written(1.0), "1");
        assert_eq!(written(f64::NAN), "NaN");
        assert_eq!(written(f64::INFINITY), "+Inf");
        assert_eq!(written(f64::NEG_INFINITY), "-Inf");
        assert_eq!(written(u64::MAX), "18446744073709551615");
    }

    #[test]
    fn a_time_keeps_every_digit_and_no_more() {
        for (millis, text) in [
            (0, "0"),
            (1_643_057_723_029, "1643057723.029"),
            (1_643_057_723_900, "1643057723.9"),
            (1_643_057_723_000, "1643057723"),
            (-1_500, "-1.5"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(written(Timestamp::from_millis(millis)), text);
        }
    }

    #[test]
    fn backslash_quote_and_newline_are_escaped_and_empty_labels_are_omitted() {
        let family = Family { name: "f", help: "", kind: Kind::Gauge, labels: &[] };
        let mut out = String::new();
        let mut samples = Samples::new(&mut out, &family, Format::Text, None);
        samples.sample(&[("a", "x\\y\"z\nä\\"), ("b", ""), ("c", "d")], 1_u64);
        samples.sample(&[("b", "")], 2_u64);
        assert_eq!(out, "f{a=\"x\\\\y\\\"z\\nä\\\\\",c=\"d\"} 1\nf 2\n");
    }
}
