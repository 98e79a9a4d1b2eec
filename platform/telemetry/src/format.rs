//! The two forms of a log line. Both add the id of the request that the line is about, which the
//! library's own forms know nothing of.

use std::fmt;

use entrepot_runtime::{Clock, current_request};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// One JSON object a line: `timestamp`, `level`, `target`, `message`, the event's own fields, and
/// `requestId`.
pub(crate) struct JsonLines;

/// Time of day, level, message, fields.
pub(crate) struct PrettyLines;

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        if !fields.others.contains_key("requestId")
            && let Some(id) = current_request()
        {
            fields.others.insert("requestId".to_owned(), Value::from(&**id.id()));
        }
        fields
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Microseconds are as fine as any of our figures.
        self.put(field, ((value * 1000.0).round() / 1000.0).into());
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Fields { message, others } = Fields::of(event);
        let mut line = Map::with_capacity(others.len() + 4);
        line.insert("timestamp".to_owned(), Clock::system().now().to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().to_lowercase().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        line.insert("message".to_owned(), message.into());
        line.extend(others);
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl<S, N> FormatEvent<S, N> for PrettyLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Fields { message, others } = Fields::of(event);
        let time = Clock::system().now().strftime("%H:%M:%S%.3f");
        let level = *event.metadata().level();
        if writer.has_ansi_escapes() {
            let colour = match level {
                Level::ERROR => "31",
                Level::WARN => "33",
                Level::INFO => "32",
                _ => "34",
            };
            write!(writer, "\u{1b}[2m{time}\u{1b}[0m \u{1b}[{colour}m{level:>5}\u{1b}[0m {message}")?;
        } else {
            write!(writer, "{time} {level:>5} {message}")?;
        }
        for (name, value) in others {
            match value {
                Value::String(text) => write!(writer, " {name}={text}")?,
                other => write!(writer, " {name}={other}")?,
            }
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic holds it").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_is_one_object_with_the_requests_id() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).event_format(JsonLines);
        let subscriber = tracing_subscriber::registry().with(layer);
        let _default = tracing::subscriber::set_default(subscriber);
        entrepot_runtime::within_request(Arc::new(entrepot_runtime::Request::new(Arc::from("abc-1"))), async {
            tracing::warn!(attempt = 3_u64, took_ms = 1.23456, name = "O'Brien \"x\"\n", "it took long");
        })
        .await;
        let text = String::from_utf8(kept.0.lock().expect("no panic holds it").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "warn");
        assert_eq!(line["message"], "it took long");
        assert_eq!(line["attempt"], 3);
        assert_eq!(line["took_ms"], 1.235);
        assert_eq!(line["name"], "O'Brien \"x\"\n");
        assert_eq!(line["requestId"], "abc-1");
    }
}
