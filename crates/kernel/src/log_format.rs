//! The format of a web server's access log, as the person writes it in the web server's own words:
//! nginx's `log_format` (nginx.org/en/docs/http/ngx_http_log_module.html#log_format) or Apache's
//! `LogFormat` (httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats).
//!
//! Knows which pieces a line has and in which order. Reading lines is whose business logs are.

mod words;

use std::fmt;

/// A format whose lines can be told apart into fields and say when, what and with which status.
#[derive(Clone, PartialEq, Eq)]
pub struct LogFormat {
    /// As it was written.
    text: String,
    pieces: Vec<LogPiece>,
}

/// One piece of a line. No two fields stand side by side, and no two literals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPiece {
    /// Stands in every line as it is.
    Literal(String),
    Field(LogField),
}

/// What a field of a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// The visitor's address.
    Client,
    /// `10/Oct/2000:13:55:36 -0700`.
    LocalTime,
    /// The same in brackets, as Apache's `%t` has it.
    BracketedTime,
    /// `2000-10-10T13:55:36-07:00`.
    IsoTime,
    /// Seconds since 1970, with a fraction or without.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// `GET /path HTTP/1.1`.
    Request,
    Method,
    /// Path, with its query where there is one.
    Target,
    Status,
    /// The name by which it was asked for, with its port where there is one.
    Host,
    /// Of the answer.
    Bytes,
    UserAgent,
    /// Seconds that the whole answer took, with a fraction or without.
    WholeSeconds,
    WholeMilliseconds,
    WholeMicroseconds,
    /// Seconds until the application's answer began, one for each try.
    FirstByteSeconds,
    /// Seconds until the application's answer was there, one for each try.
    UpstreamSeconds,
    /// The instance that answered, the last of those tried.
    Instance,
    /// Whatever is of no use to us.
    Other,
}

/// Formats that go by a name.
pub const LOG_FORMATS: [(&str, &str); 3] = [
    (
        "combined",
        "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
         \"$http_referer\" \"$http_user_agent\"",
    ),
    ("common", "%h %l %u %t \"%r\" %>s %b"),
    ("vhost_combined", "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""),
];

/// Why a format is none that could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFormatError {
    #[error("names no format and has no field such as `$status` or `%s`")]
    NoFields,
    #[error("has `{0}` and `{1}` with nothing between them, so that they cannot be told apart")]
    Adjacent(String, String),
    #[error("does not say {0}")]
    Lacks(&'static str),
    #[error("ends within `{0}`")]
    Unended(String),
}

impl LogFormat {
    /// Reads a format, or the name of one.
    ///
    /// # Errors
    /// When lines of it could not be told apart or lack time, request or status.
    pub fn read(text: &str) -> Result<Self, LogFormatError> {
        let named = LOG_FORMATS.iter().find(|(name, _)| *name == text);
        let written = named.map_or(text, |(_, written)| written);
        let pieces = words::pieces(written)?;
        let format = Self { text: text.to_owned(), pieces };
        format.says("when (`$time_local` or `%t`)", LogField::is_time)?;
        format.says("with which status (`$status` or `%>s`)", |field| field == LogField::Status)?;
        let what = "what was asked for (`$request` or `%r`)";
        format.says(what, |field| matches!(field, LogField::Request | LogField::Target))?;
        Ok(format)
    }

    fn says(
        &self,
        what: &'static str,
        fits: impl Fn(LogField) -> bool,
    ) -> Result<(), LogFormatError> {
        if self.fields().any(fits) { Ok(()) } else { Err(LogFormatError::Lacks(what)) }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn pieces(&self) -> &[LogPiece] {
        &self.pieces
    }

    /// Its fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = LogField> {
        self.pieces.iter().filter_map(|piece| match piece {
            LogPiece::Field(field) => Some(*field),
            LogPiece::Literal(_) => None,
        })
    }

    /// Which timing its lines have, the best of those there are.
    #[must_use]
    pub fn timing(&self) -> Option<LogTiming> {
        let has = |wanted: &[LogField]| self.fields().any(|field| wanted.contains(&field));
        use LogField::{
            FirstByteSeconds, UpstreamSeconds, WholeMicroseconds, WholeMilliseconds, WholeSeconds,
        };
        if has(&[FirstByteSeconds]) {
            Some(LogTiming::FirstByte)
        } else if has(&[UpstreamSeconds]) {
            Some(LogTiming::Application)
        } else {
            has(&[WholeSeconds, WholeMilliseconds, WholeMicroseconds]).then_some(LogTiming::Whole)
        }
    }
}

impl LogField {
    #[must_use]
    pub fn is_time(self) -> bool {
        matches!(
            self,
            Self::LocalTime
                | Self::BracketedTime
                | Self::IsoTime
                | Self::UnixSeconds
                | Self::UnixMilliseconds
        )
    }
}

/// What the timings of a log are times of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogTiming {
    /// Until the application's answer began.
    FirstByte,
    /// Until the application's answer was there.
    Application,
    /// Until the visitor had all of it.
    Whole,
}

impl LogTiming {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte",
            Self::Application => "application",
            Self::Whole => "whole",
        }
    }
}

impl Default for LogFormat {
    fn default() -> Self {
        Self::read(LOG_FORMATS[0].0).expect("invariant: the first named format can be read")
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn shown(format: &LogFormat) -> String {
        let mut text = String::new();
        for piece in format.pieces() {
            match piece {
                LogPiece::Literal(literal) => text.push_str(literal),
                LogPiece::Field(field) => write!(text, "<{field:?}>").unwrap(),
            }
        }
        text
    }

    #[test]
    fn formats_of_both_servers_are_read() {
        let check = |text: &str, expect: &str| {
            let format = LogFormat::read(text).map(|format| shown(&format));
            assert_eq!(format.as_deref(), Ok(expect), "{text}");
        };
        check(
            "combined",
            "<Client> - <Other> [<LocalTime>] \"<Request>\" <Status> <Bytes> \"<Other>\" \"<UserAgent>\"",
        );
        check("common", "<Client> <Other> <Other> <BracketedTime> \"<Request>\" <Status> <Bytes>");
        check(
            "vhost_combined",
            "<Host> <Client> <Other> <Other> <BracketedTime> \"<Request>\" <Status> <Bytes> \"<Other>\" \"<UserAgent>\"",
        );
        check(
            "$msec ${request_method} $request_uri $status $request_time $upstream_header_time $upstream_addr",
            "<UnixSeconds> <Method> <Target> <Status> <WholeSeconds> <FirstByteSeconds> <Instance>",
        );
        check(
            "{\"t\":\"$time_iso8601\",\"r\":\"$request\",\"s\":$status}",
            "{\"t\":\"<IsoTime>\",\"r\":\"<Request>\",\"s\":<Status>}",
        );
        check(
            "%a %{msec}t %m %U%q %>s %400,501{user-agent}i %D 100%%",
            "<Client> <UnixMilliseconds> <Method> <Target> <Status> <UserAgent> <WholeMicroseconds> 100%",
        );
        check("[%{sec}t] %r|%s|%{ms}T", "[<UnixSeconds>] <Request>|<Status>|<WholeMilliseconds>");
        // Tabs and quotes as they are written in a configuration file.
        check("%t\\t\\\"%r\\\"\\t%s", "<BracketedTime>\t\"<Request>\"\t<Status>");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let check = |text: &str, expect: &str| {
            assert_eq!(LogFormat::read(text).unwrap_err().to_string(), expect, "{text}");
        };
        check("main", "names no format and has no field such as `$status` or `%s`");
        check("$time_local $status", "does not say what was asked for (`$request` or `%r`)");
        check("$time_local $request", "does not say with which status (`$status` or `%>s`)");
        check("$request $status", "does not say when (`$time_local` or `%t`)");
        check(
            "$time_local $status$request",
            "has `$status` and `$request` with nothing between them, so that they cannot be told apart",
        );
        check("%t %r %{User-Agent", "ends within `%{User-Agent`");
    }

    #[test]
    fn the_best_timing_counts() {
        let check = |text: &str, expect: Option<LogTiming>| {
            let format = LogFormat::read(&format!("%t %r %s {text}"));
            let format = format
                .or_else(|_| LogFormat::read(&format!("$time_local \"$request\" $status {text}")));
            assert_eq!(format.unwrap().timing(), expect, "{text}");
        };
        check("%D", Some(LogTiming::Whole));
        check("%b", None);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            LogFormat::read(text).ok();
        });
    }
}
