//! What can go wrong with bytes from outside, as one type.

/// Why bytes were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// `line` and `column` count from 1, the column in bytes.
    #[error("read metrics at line {line}, column {column}: {fault}")]
    Text { line: u64, column: usize, fault: Fault },
    /// What the answer says it is can not hold metrics that we read.
    #[error(
        "read metrics: the answer is `{content_type}`, which is no text of metrics; check the address and its path (often /metrics)"
    )]
    ContentType { content_type: String },
    #[error(
        "read metrics: the answer is longer than {limit} bytes and was cut off; have the exporter leave metrics out, or raise the limit"
    )]
    BodyTooLong { limit: u64 },
    #[error(
        "read metrics: more than {limit} samples; have the exporter leave metrics out, or raise the limit"
    )]
    TooManySamples { limit: u64 },
    #[error(
        "read metrics: the answer ended without `# EOF`, so a part of it may be missing; nothing of it is to be trusted"
    )]
    NoEnd,
    #[error(
        "read a remote write: its body is `{found}`, where protobuf of remote write 1.0 or 2.0 packed with snappy is meant"
    )]
    WriteType { found: String },
    /// Nothing of it was unpacked.
    #[error(
        "read a remote write: it has {found} bytes, of {limit} at most; have the sender put fewer samples into a request"
    )]
    WriteTooLong { found: u64, limit: u64 },
    #[error("unpack a remote write: it is no snappy block")]
    Unpack(#[source] snap::Error),
    #[error("pack a remote write: it is too long for a snappy block")]
    Pack(#[source] snap::Error),
    /// `offset` counts bytes of the unpacked message, from 0.
    #[error("read a remote write at byte {offset}: {what}")]
    Write { offset: usize, what: Malformed },
    #[error("write the metric `{name}`: {what}")]
    Page { name: String, what: PageFault },
}

/// Why a metric of our own cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    #[error("it is no name, or ends as a sample of a family does")]
    Name,
    #[error("its unit is not how its name ends")]
    Unit,
    #[error("only counters, gauges, histograms and infos are written")]
    Kind,
    #[error("it was begun with another type, unit or help")]
    Again,
    #[error("a label has no proper name, one that the format gives itself, or comes twice")]
    Label,
    #[error("there is a sample with the same labels")]
    Twice,
    #[error("its value is none of its type")]
    Value,
}

/// What stands wrong in a message of remote write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the message ends in the middle of a field")]
    Short,
    #[error("a number is longer than ten bytes")]
    Varint,
    #[error("a field is numbered or typed as protobuf has none")]
    Tag,
    #[error("a field has another type than remote write gives it")]
    Type,
    #[error("a text is no UTF-8")]
    Utf8,
    #[error(
        "the message is of the other version of remote write than its content type says; name the one that is sent"
    )]
    OtherVersion,
    #[error("a reference points at no symbol of the request")]
    Symbol,
    #[error("the first symbol is not the empty text")]
    FirstSymbol,
    #[error("the references of labels are odd in number; a label is two")]
    OddReferences,
    #[error("there are more symbols than one request may have")]
    TooManySymbols,
    #[error("there are more samples than one request may have; have the sender put fewer into one")]
    TooManySamples,
}

/// What stands wrong at a place of a text, and how it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(
        "no name of a metric begins here; a name has letters, digits, `_` and `:`, any other stands in quotes inside the braces"
    )]
    Metric,
    #[error(
        "the series has no name of a metric; write it before the braces, or in quotes inside them"
    )]
    NoMetric,
    #[error("the series has a second name of a metric; write one")]
    SecondMetric,
    #[error(
        "no name of a label begins here; a name has letters, digits and `_`, any other stands in quotes"
    )]
    Label,
    #[error("`=` is missing after the name of a label")]
    Equals,
    #[error("the value of a label has to begin with a quote (\")")]
    LabelValue,
    #[error("a quote (\") is not closed on its line; escape line feeds as \\n and quotes as \\\"")]
    Unclosed,
    #[error("a comma or a closing brace is missing after a label")]
    CommaOrBrace,
    #[error("a value is missing after the series, separated by a space")]
    NoValue,
    #[error("the value is no number; write a decimal number, +Inf, -Inf or NaN")]
    Value,
    #[error("the time is none; text has whole milliseconds, OpenMetrics seconds, both since 1970")]
    Time,
    #[error("something follows the sample; begin each sample on its own line")]
    Trailing,
    #[error("the exemplar can not be read; it is `# {{labels}} value` with a time or without")]
    Exemplar,
    #[error("exemplars exist in OpenMetrics only; send that content type or leave them out")]
    ExemplarInText,
    #[error(
        "the type is none; it is counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown"
    )]
    Type,
    #[error("the unit is not how the name ends; the name has to end in `_` and the unit")]
    Unit,
    #[error("the bytes are no UTF-8")]
    Utf8,
    #[error("an empty line, which OpenMetrics does not have; leave it out")]
    Blank,
    #[error("OpenMetrics has no comments but HELP, TYPE, UNIT and EOF; leave it out")]
    Comment,
    #[error("something follows `# EOF`; end the answer there")]
    AfterEnd,
    #[error("lines end in CR LF; end them in LF alone")]
    CarriageReturn,
    #[error("the line is longer than the limit")]
    LineTooLong,
}
