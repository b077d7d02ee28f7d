//! Sets up logging: one line per event, with the field names of Prometheus (`ts`, `level`, `msg`) in both formats.

use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{LogFormat, LogLevel};

/// The certificate verifier logs each rejected certificate, without the bot and with a path of the build machine. The failed
/// poll is logged with both, so its lines are left out.
const CERTIFICATE_VERIFIER: &str = "rustls_platform_verifier";

/// Starts logging to standard error.
///
/// The level applies to this crate. Libraries log at `warn` and above only: at `debug`, an HTTP library would log headers,
/// and with them the token.
pub fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target(CERTIFICATE_VERIFIER, LevelFilter::OFF)
        .with_default(level.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().event_format(Lines(format)).with_writer(std::io::stderr);
    // Logging may already be set up by a test.
    let _started = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Formats one event as one line. Our own, because the formatters of both formats have fixed and different field names.
struct Lines(LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (mut fields, mut now) = (Fields::default(), String::new());
        event.record(&mut fields);
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        writer.write_str(&line(self.0, &now, *event.metadata().level(), &fields))?;
        writer.write_char('\n')
    }
}

/// The message and the other fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // The origin of a record of the crate `log`: a path of the build machine.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, crate::model::error_chain(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

fn line(format: LogFormat, time: &str, level: Level, fields: &Fields) -> String {
    let level = level.as_str().to_ascii_lowercase();
    let first = [("ts", time.into()), ("level", level.into()), ("msg", fields.message.as_str().into())];
    let all = first.iter().chain(&fields.others);
    match format {
        LogFormat::Json => {
            let object: Map<String, Value> = all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Value::Object(object).to_string()
        }
        LogFormat::Logfmt => {
            let mut line = String::new();
            for (name, value) in all {
                let space = if line.is_empty() { "" } else { " " };
                // Writing to a string cannot fail.
                let _written = match value {
                    Value::String(text) => write!(line, "{space}{name}={}", quoted(text)),
                    other => write!(line, "{space}{name}={other}"),
                };
            }
            line
        }
    }
}

/// The text, in quotes where a logfmt parser needs them.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
    // JSON strings are valid logfmt strings: the escapes are the same.
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_have_the_field_names_of_prometheus() {
        let others = vec![("bot", "support".into()), ("calls", 3.into()), ("error", "a \"b\"\nc=d".into())];
        let fields = Fields { message: "poll failed".to_owned(), others };
        let line = |format| line(format, "2026-11-25T00:00:00.000Z", Level::WARN, &fields);
        assert_eq!(
            line(LogFormat::Logfmt),
            r#"ts=2026-11-25T00:00:00.000Z level=warn msg="poll failed" bot=support calls=3 error="a \"b\"\nc=d""#
        );
        let json: Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
        let expected = serde_json::json!({
            "ts": "2026-11-25T00:00:00.000Z", "level": "warn", "msg": "poll failed",
            "bot": "support", "calls": 3, "error": "a \"b\"\nc=d",
        });
        assert_eq!(json, expected);
    }
}
