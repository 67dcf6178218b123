//! The words of a format: nginx's variables and Apache's percent signs, as pieces of a line.

use super::{LogField, LogFormatError, LogPiece};

/// What a word of a format stands for.
enum Meaning {
    Field(LogField),
    /// Joins the same field before it: path and query stand side by side and are one to us.
    Joins(LogField),
    /// Joins the host before it.
    Port,
    Literal(&'static str),
}

/// Splits a format into its pieces.
pub(super) fn pieces(text: &str) -> Result<Vec<LogPiece>, LogFormatError> {
    let mut reader = Reader { pieces: Vec::new(), last: String::new() };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '$' => rest = reader.variable(rest)?,
            '%' => rest = reader.directive(rest)?,
            '\\' => rest = reader.escape(rest),
            other => {
                reader.literal(other);
                rest = &rest[other.len_utf8()..];
            }
        }
    }
    let has_fields = reader.pieces.iter().any(|piece| matches!(piece, LogPiece::Field(_)));
    if has_fields { Ok(reader.pieces) } else { Err(LogFormatError::NoFields) }
}

struct Reader {
    pieces: Vec<LogPiece>,
    /// The word that made the last field.
    last: String,
}

impl Reader {
    fn literal(&mut self, c: char) {
        match self.pieces.last_mut() {
            Some(LogPiece::Literal(literal)) => literal.push(c),
            _ => self.pieces.push(LogPiece::Literal(c.to_string())),
        }
    }

    fn field(&mut self, word: &str, field: LogField) -> Result<(), LogFormatError> {
        if let Some(LogPiece::Field(_)) = self.pieces.last() {
            return Err(LogFormatError::Adjacent(self.last.clone(), word.to_owned()));
        }
        self.last = word.to_owned();
        self.pieces.push(LogPiece::Field(field));
        Ok(())
    }

    /// `$name` or `${name}`; a `$` alone is itself.
    fn variable<'a>(&mut self, rest: &'a str) -> Result<&'a str, LogFormatError> {
        let behind = &rest[1..];
        let (name, after) = if let Some(inner) = behind.strip_prefix('{') {
            inner.split_once('}').ok_or_else(|| LogFormatError::Unended(rest.to_owned()))?
        } else {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            behind.split_at(behind.find(|c| !fits(c)).unwrap_or(behind.len()))
        };
        if name.is_empty() {
            self.literal('$');
            return Ok(behind);
        }
        self.field(&rest[..rest.len() - after.len()], of_variable(name))?;
        Ok(after)
    }

    /// `%h`, `%>s`, `%400,501{User-Agent}i`, `%{ms}T`, `%%`.
    fn directive<'a>(&mut self, rest: &'a str) -> Result<&'a str, LogFormatError> {
        let unended = || LogFormatError::Unended(rest.to_owned());
        let behind = &rest[1..];
        let modifier = |c: char| c.is_ascii_digit() || "!,<>".contains(c);
        let mut after = behind.trim_start_matches(modifier);
        let mut inner = "";
        if let Some(opened) = after.strip_prefix('{') {
            (inner, after) = opened.split_once('}').ok_or_else(unended)?;
        }
        let mut letters = after.chars();
        let letter = letters.next().ok_or_else(unended)?;
        // `%^FB` is Apache's time to the first byte.
        let first_byte = after.strip_prefix("^FB");
        let after = first_byte.unwrap_or(letters.as_str());
        let word = &rest[..rest.len() - after.len()];
        let meaning = if first_byte.is_some() {
            Meaning::Field(LogField::Other)
        } else {
            of_letter(letter, inner)
        };
        match meaning {
            Meaning::Literal(text) => text.chars().for_each(|c| self.literal(c)),
            Meaning::Field(field) => self.field(word, field)?,
            Meaning::Joins(field) if self.pieces.last() == Some(&LogPiece::Field(field)) => {}
            Meaning::Joins(field) => self.field(word, field)?,
            Meaning::Port => match self.pieces.as_slice() {
                [.., LogPiece::Field(LogField::Host), LogPiece::Literal(colon)] if colon == ":" => {
                    self.pieces.pop();
                }
                _ => self.field(word, LogField::Other)?,
            },
        }
        Ok(after)
    }

    /// As both servers' configuration files write tabs and quotes.
    fn escape<'a>(&mut self, rest: &'a str) -> &'a str {
        let mut behind = rest[1..].chars();
        match behind.next() {
            Some('t') => self.literal('\t'),
            Some(c @ ('"' | '\'' | '\\')) => self.literal(c),
            _ => {
                self.literal('\\');
                return &rest[1..];
            }
        }
        behind.as_str()
    }
}

fn of_variable(name: &str) -> LogField {
    match name {
        "remote_addr" => LogField::Client,
        "time_local" => LogField::LocalTime,
        "time_iso8601" => LogField::IsoTime,
        "msec" => LogField::UnixSeconds,
        "host" | "http_host" | "server_name" => LogField::Host,
        "request" => LogField::Request,
        "request_method" => LogField::Method,
        "request_uri" => LogField::Target,
        "status" => LogField::Status,
        "body_bytes_sent" | "bytes_sent" => LogField::Bytes,
        "http_user_agent" => LogField::UserAgent,
        "request_time" => LogField::WholeSeconds,
        "upstream_header_time" => LogField::FirstByteSeconds,
        "upstream_response_time" => LogField::UpstreamSeconds,
        "upstream_addr" => LogField::Instance,
        _ => LogField::Other,
    }
}

fn of_letter(letter: char, inner: &str) -> Meaning {
    let field = match (letter, inner) {
        ('%', _) => return Meaning::Literal("%"),
        ('U' | 'q', _) => return Meaning::Joins(LogField::Target),
        ('p', _) => return Meaning::Port,
        ('v' | 'V', _) => LogField::Host,
        ('h' | 'a', "" | "c") => LogField::Client,
        ('t', "") => LogField::BracketedTime,
        ('t', "sec") => LogField::UnixSeconds,
        ('t', "msec") => LogField::UnixMilliseconds,
        ('r', _) => LogField::Request,
        ('m', _) => LogField::Method,
        ('s', _) => LogField::Status,
        ('b' | 'B' | 'O', _) => LogField::Bytes,
        ('D', _) | ('T', "us") => LogField::WholeMicroseconds,
        ('T', "ms") => LogField::WholeMilliseconds,
        ('T', "" | "s") => LogField::WholeSeconds,
        ('i', name) if name.eq_ignore_ascii_case("host") => LogField::Host,
        ('i', name) if name.eq_ignore_ascii_case("user-agent") => LogField::UserAgent,
        _ => LogField::Other,
    };
    Meaning::Field(field)
}
