//! Why a connection's bytes are refused: the status, the name it is counted under, and the sentence
//! that the other side reads.

use http::StatusCode;

/// One way to be refused. The texts of [`Reason::code`] are the `reason` of
/// [`kernel::facts::Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reason {
    RequestLine,
    Method,
    MethodUnsupported,
    Target,
    TargetTooLong,
    Version,
    VersionUnsupported,
    BareLineFeed,
    BareCarriageReturn,
    LineFolding,
    ControlByte,
    FieldName,
    HeadTooLong,
    TooManyHeaders,
    HostMissing,
    HostTwice,
    Host,
    HostMismatch,
    ContentLength,
    ContentLengthTwice,
    LengthAndEncoding,
    TransferEncoding,
    TransferEncodingUnsupported,
    ConnectionOption,
    ChunkSize,
    ChunkExtension,
    ChunkEnd,
    Trailer,
    HeadTimeout,
    BodyTimeout,
}

impl Reason {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 30] = [
        Self::RequestLine,
        Self::Method,
        Self::MethodUnsupported,
        Self::Target,
        Self::TargetTooLong,
        Self::Version,
        Self::VersionUnsupported,
        Self::BareLineFeed,
        Self::BareCarriageReturn,
        Self::LineFolding,
        Self::ControlByte,
        Self::FieldName,
        Self::HeadTooLong,
        Self::TooManyHeaders,
        Self::HostMissing,
        Self::HostTwice,
        Self::Host,
        Self::HostMismatch,
        Self::ContentLength,
        Self::ContentLengthTwice,
        Self::LengthAndEncoding,
        Self::TransferEncoding,
        Self::TransferEncodingUnsupported,
        Self::ConnectionOption,
        Self::ChunkSize,
        Self::ChunkExtension,
        Self::ChunkEnd,
        Self::Trailer,
        Self::HeadTimeout,
        Self::BodyTimeout,
    ];

    /// The status it is answered with (RFC 9110 §15, RFC 6585 §5).
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLong | Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::MethodUnsupported | Self::TransferEncodingUnsupported => {
                StatusCode::NOT_IMPLEMENTED
            }
            Self::VersionUnsupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The name it is counted under.
    pub(crate) fn code(self) -> &'static str {
        self.texts().0
    }

    /// One sentence for whoever wrote the request.
    pub(crate) fn sentence(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::RequestLine => ("request_line", "The request line is malformed."),
            Self::Method => ("method", "The method is malformed."),
            Self::MethodUnsupported => ("method_unsupported", "This method is not served."),
            Self::Target => ("target", "The request target is malformed."),
            Self::TargetTooLong => ("target_too_long", "The request target is too long."),
            Self::Version => ("version", "The HTTP version is malformed."),
            Self::VersionUnsupported => {
                ("version_unsupported", "This version of HTTP is not served.")
            }
            Self::BareLineFeed => ("bare_line_feed", "A line ends without a carriage return."),
            Self::BareCarriageReturn => ("bare_carriage_return", "A carriage return stands alone."),
            Self::LineFolding => ("line_folding", "A header field goes on over several lines."),
            Self::ControlByte => ("control_byte", "A header field holds a control character."),
            Self::FieldName => ("field_name", "A header field's name is malformed."),
            Self::HeadTooLong => ("head_too_long", "The request head is too long."),
            Self::TooManyHeaders => ("too_many_headers", "There are too many header fields."),
            Self::HostMissing => ("host_missing", "The Host header field is missing."),
            Self::HostTwice => ("host_twice", "There is more than one Host header field."),
            Self::Host => ("host", "The Host header field is malformed."),
            Self::HostMismatch => {
                ("host_mismatch", "The request target and the Host header field disagree.")
            }
            Self::ContentLength => ("content_length", "Content-Length is no plain number."),
            Self::ContentLengthTwice => {
                ("content_length_twice", "There is more than one Content-Length.")
            }
            Self::LengthAndEncoding => {
                ("length_and_encoding", "Content-Length stands beside Transfer-Encoding.")
            }
            Self::TransferEncoding => ("transfer_encoding", "Transfer-Encoding is malformed."),
            Self::TransferEncodingUnsupported => {
                ("transfer_encoding_unsupported", "This Transfer-Encoding is not served.")
            }
            Self::ConnectionOption => {
                ("connection_option", "Connection names a field that must not be dropped.")
            }
            Self::ChunkSize => ("chunk_size", "A chunk's size is malformed."),
            Self::ChunkExtension => ("chunk_extension", "A chunk's extension is malformed."),
            Self::ChunkEnd => ("chunk_end", "A chunk does not end where it should."),
            Self::Trailer => ("trailer", "A trailer field is malformed or not allowed."),
            Self::HeadTimeout => ("head_timeout", "The request head took too long to arrive."),
            Self::BodyTimeout => ("body_timeout", "The request body took too long to arrive."),
        }
    }

    /// A whole response that says so and closes the connection.
    pub(crate) fn response(self) -> Vec<u8> {
        let (status, sentence) = (self.status(), self.sentence());
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n{sentence}\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            sentence.len() + 1,
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn a_refusal_is_one_whole_response() {
        let text = String::from_utf8(Reason::BareLineFeed.response()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.ends_with("connection: close"), "{head}");
    }
}
