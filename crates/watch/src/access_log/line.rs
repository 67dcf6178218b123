//! Reads one line of an access log. Made once for a format; on the way of every line, so nothing
//! here allocates.

use super::time::Clock;
use kernel::{LogField, LogFormat, LogPiece};

/// What one line says. What it does not say is `None` or empty.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Line<'a> {
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) client: &'a [u8],
    pub(crate) host: Option<&'a [u8]>,
    /// Empty when the request was none that a server understands.
    pub(crate) method: &'a [u8],
    /// Path with its query.
    pub(crate) target: &'a [u8],
    pub(crate) status: u16,
    pub(crate) agent: &'a [u8],
    /// Where it was answered: the last instance that was tried.
    pub(crate) instance: Option<&'a [u8]>,
    /// How long it took, by the best that the line says: until the answer began, until it was there,
    /// until the visitor had it.
    pub(crate) took_us: Option<u64>,
}

/// A format, made ready.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// What each line begins with.
    begins: Box<[u8]>,
    steps: Vec<Step>,
    clock: Clock,
}

#[derive(Debug)]
struct Step {
    field: LogField,
    /// What stands behind the field; empty: it goes on to the end.
    ends: Box<[u8]>,
}

/// The timings of one line, the best of which counts.
#[derive(Debug, Default)]
struct Timings {
    first_byte_us: Option<u64>,
    application_us: Option<u64>,
    whole_us: Option<u64>,
}

impl LineReader {
    pub(crate) fn new(format: &LogFormat) -> Self {
        let mut pieces = format.pieces().iter().peekable();
        let literal = |piece: Option<&&LogPiece>| match piece {
            Some(LogPiece::Literal(text)) => Some(Box::<[u8]>::from(text.as_bytes())),
            _ => None,
        };
        let begins = literal(pieces.peek());
        if begins.is_some() {
            pieces.next();
        }
        let mut steps = Vec::new();
        while let Some(piece) = pieces.next() {
            let LogPiece::Field(field) = piece else { continue };
            steps.push(Step { field: *field, ends: literal(pieces.peek()).unwrap_or_default() });
        }
        // What comes behind the last field of use is nobody's business.
        let last = steps.iter().rposition(|step| step.field != LogField::Other);
        steps.truncate(last.map_or(0, |last| last + 1));
        Self { begins: begins.unwrap_or_default(), steps, clock: Clock::default() }
    }

    /// Reads a line without its line end; `None` when it does not fit the format.
    pub(crate) fn read<'a>(&mut self, line: &'a [u8]) -> Option<Line<'a>> {
        let mut rest = line.strip_prefix(&*self.begins)?;
        let mut read = Line::default();
        let mut timings = Timings::default();
        for step in &self.steps {
            let length = if step.ends.is_empty() { rest.len() } else { find(rest, &step.ends)? };
            let value = &rest[..length];
            rest = &rest[length + step.ends.len()..];
            match step.field {
                LogField::Client => read.client = value,
                LogField::LocalTime => read.at_ms = self.clock.local(value)?,
                LogField::BracketedTime => {
                    let inner = value.strip_prefix(b"[")?.strip_suffix(b"]")?;
                    read.at_ms = self.clock.local(inner)?;
                }
                LogField::IsoTime => read.at_ms = self.clock.iso(value)?,
                LogField::UnixSeconds => {
                    read.at_ms = i64::try_from(thousandths(value, 3)?).ok()?;
                }
                LogField::UnixMilliseconds => {
                    read.at_ms = i64::try_from(thousandths(value, 0)?).ok()?;
                }
                LogField::Request => (read.method, read.target) = request(value),
                LogField::Method => read.method = value,
                LogField::Target => read.target = value,
                LogField::Status => read.status = status(value)?,
                LogField::Host => read.host = Some(value),
                LogField::UserAgent => read.agent = value,
                LogField::Instance => read.instance = last_of(value),
                LogField::WholeSeconds => timings.whole_us = thousandths(value, 6),
                LogField::WholeMilliseconds => timings.whole_us = thousandths(value, 3),
                LogField::WholeMicroseconds => timings.whole_us = thousandths(value, 0),
                LogField::FirstByteSeconds => timings.first_byte_us = sum(value),
                LogField::UpstreamSeconds => timings.application_us = sum(value),
                LogField::Bytes | LogField::Other => {}
            }
        }
        read.took_us = timings.first_byte_us.or(timings.application_us).or(timings.whole_us);
        Some(read)
    }
}

/// Where `ends` begins, past what is escaped by a backslash: nginx writes a quote as `\x22` or, in
/// JSON, as `\"`, Apache as `\"`.
fn find(text: &[u8], ends: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(ends[0], b'\\', text.get(at..)?)?;
        if text[found..].starts_with(ends) {
            return Some(found);
        }
        at = found + if text[found] == b'\\' { 2 } else { 1 };
    }
}

/// Method and target of `GET /path HTTP/1.1`. Both are empty when it is no such line.
fn request(value: &[u8]) -> (&[u8], &[u8]) {
    let none = (&value[..0], &value[..0]);
    let Some(space) = memchr::memchr(b' ', value) else { return none };
    let (method, rest) = (&value[..space], &value[space + 1..]);
    let target = match memchr::memrchr(b' ', rest) {
        Some(space) if rest[space + 1..].starts_with(b"HTTP/") => &rest[..space],
        // HTTP/0.9 knows no version.
        _ => rest,
    };
    let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    if is_method { (method, target) } else { none }
}

fn status(value: &[u8]) -> Option<u16> {
    let [hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = value else {
        return None;
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones))
}

/// A decimal number times ten to `power`, what is smaller cut off; `None` when it is no number.
fn thousandths(value: &[u8], power: usize) -> Option<u64> {
    let (mut number, mut decimals, mut has_point, mut has_digit) = (0_u64, 0, false, false);
    for byte in value {
        match byte {
            b'0'..=b'9' if has_point && decimals == power => has_digit = true,
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                decimals += usize::from(has_point);
                has_digit = true;
            }
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    let missing = u32::try_from(power - decimals).ok()?;
    has_digit.then_some(())?;
    number.checked_mul(10_u64.pow(missing))
}

/// Seconds of all tries, `0.001, 0.020 : 0.003`, in microseconds; `-` is a try without any.
fn sum(value: &[u8]) -> Option<u64> {
    let tries = value.split(|byte| b",: ".contains(byte)).filter(|part| !part.is_empty());
    tries.fold(None, |sum, part| match thousandths(part, 6) {
        Some(took) => Some(sum.unwrap_or(0) + took),
        None => sum,
    })
}

/// Of `127.0.0.1:3001, 127.0.0.1:3002` the last; `None` when nobody was asked.
fn last_of(value: &[u8]) -> Option<&[u8]> {
    let begins = memchr::memrchr(b' ', value).map_or(0, |space| space + 1);
    Some(&value[begins..]).filter(|last| !last.is_empty() && *last != b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(format: &str, line: &'a str) -> Option<Line<'a>> {
        LineReader::new(&LogFormat::read(format).unwrap()).read(line.as_bytes())
    }

    /// The line in short.
    fn shown(format: &str, line: &str) -> Option<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let read = read(format, line)?;
        let took = read.took_us.map_or("-".to_owned(), |took| took.to_string());
        let Line { at_ms, client, method, target, status, agent, .. } = read;
        Some(format!(
            "{at_ms} {} {} {} {status} {} {took}",
            text(client),
            text(method),
            text(target),
            text(agent)
        ))
    }

    #[test]
    fn lines_of_both_servers_are_read() {
        let check = |format: &str, line: &str, expect: Option<&str>| {
            assert_eq!(shown(format, line).as_deref(), expect, "{format}: {line}");
        };
        let combined = "10.0.0.1 - - [22/Nov/2026:04:05:06 +0100] \"GET /a?b=c HTTP/1.1\" 200 12 \"-\" \"Firefox\"";
        check("combined", combined, Some("1795316706000 10.0.0.1 GET /a?b=c 200 Firefox -"));
        // What comes behind is nobody's business; a user may have spaces.
        let more = combined.replace("- -", "- a b") + " \"10.9.9.9\"";
        check("combined", &more, Some("1795316706000 10.0.0.1 GET /a?b=c 200 Firefox -"));
        let quoted = combined.replace("/a?b=c", "/a\\\"b\\x22");
        check("combined", &quoted, Some("1795316706000 10.0.0.1 GET /a\\\"b\\x22 200 Firefox -"));
        let garbage =
            combined.replace("GET /a?b=c HTTP/1.1", "\\x16\\x03\\x01").replace("200", "400");
        check("combined", &garbage, Some("1795316706000 10.0.0.1   400 Firefox -"));
        check(
            "%h %l %u %t \"%r\" %>s %b %D",
            "::1 - - [22/Nov/2026:03:05:06 +0000] \"POST / HTTP/2.0\" 503 - 1234",
            Some("1795316706000 ::1 POST / 503  1234"),
        );
        let timed = "$msec $request_method $request_uri $status $request_time $upstream_response_time $upstream_header_time";
        check(
            timed,
            "1795316706.5 GET /x 404 0.250 0.200 0.003, 0.1",
            Some("1795316706500  GET /x 404  103000"),
        );
        check(
            timed,
            "1795316706.501 GET /x 404 0.250 - -",
            Some("1795316706501  GET /x 404  250000"),
        );
        check(
            "{\"t\":\"$time_iso8601\",\"r\":\"$request\",\"s\":$status}",
            "{\"t\":\"2026-11-22T04:05:06+01:00\",\"r\":\"GET \\\"/ HTTP/1.0\",\"s\":301}",
            Some("1795316706000  GET \\\"/ 301  -"),
        );
        check("combined", "", None);
        check("combined", &combined.replace("200", "abc"), None);
        check("combined", &combined.replace("Nov", "Foo"), None);
        check("combined", &combined[..40], None);
    }

    #[test]
    fn the_last_instance_counts() {
        let check = |text: &str, expect: Option<&str>| {
            let line = format!("1.0 GET / 200 {text}");
            let read = read("$msec $request_method $request_uri $status $upstream_addr", &line);
            let found = read.unwrap().instance.map(|found| String::from_utf8_lossy(found).into());
            assert_eq!(found, expect.map(str::to_owned), "{text}");
        };
        check("127.0.0.1:3001", Some("127.0.0.1:3001"));
        check("127.0.0.1:3001, 127.0.0.1:3002", Some("127.0.0.1:3002"));
        check("-", None);
    }

    #[test]
    fn no_line_makes_it_panic() {
        let formats =
            ["combined", "vhost_combined", "$msec|$status|$request|$upstream_response_time"];
        let formats = formats.map(|format| LogFormat::read(format).unwrap());
        bolero::check!().for_each(|line: &[u8]| {
            for format in &formats {
                LineReader::new(format).read(line);
            }
        });
    }
}
