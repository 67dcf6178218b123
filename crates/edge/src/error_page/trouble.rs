//! What went wrong, as far as a visitor is concerned.

use http::StatusCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Trouble {
    /// The request cannot be read, or is not one that is served.
    Malformed,
    /// No shop has this host name.
    UnknownHost,
    Method,
    /// The request came too slowly.
    Slow,
    BodyTooLarge,
    /// No room on the edge to take in a long request.
    NoRoom,
    /// No instance could be connected to.
    Unreachable,
    /// An instance broke off before its answer's head was whole.
    BrokenOff,
    /// Waited as long as allowed for an instance to come back.
    Held,
    /// Waited as long as allowed for a free place, or too many waited already.
    Full,
    /// No answer within the time allowed.
    TimedOut,
}

impl Trouble {
    #[cfg(test)]
    pub(super) const ALL: [Self; 11] = [
        Self::Malformed,
        Self::UnknownHost,
        Self::Method,
        Self::Slow,
        Self::BodyTooLarge,
        Self::NoRoom,
        Self::Unreachable,
        Self::BrokenOff,
        Self::Held,
        Self::Full,
        Self::TimedOut,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::UnknownHost => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreachable | Self::BrokenOff => StatusCode::BAD_GATEWAY,
            Self::NoRoom | Self::Held | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The name programs know it by.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownHost => "unknown_host",
            Self::Method => "method",
            Self::Slow => "slow",
            Self::BodyTooLarge => "body_too_large",
            Self::NoRoom => "no_room",
            Self::Unreachable => "unreachable",
            Self::BrokenOff => "broken_off",
            Self::Held => "held",
            Self::Full => "full",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether the shop may have heard of the request.
    pub(super) fn was_sent(self) -> bool {
        matches!(self, Self::BrokenOff | Self::TimedOut)
    }

    /// Whether it arose while instances were tried.
    pub(super) fn is_of_instances(self) -> bool {
        self.was_sent() || matches!(self, Self::Unreachable | Self::Held | Self::Full)
    }

    /// Whether the same request may go well a little later.
    pub(super) fn passes(self) -> bool {
        self.status().is_server_error() || self == Self::Slow
    }

    /// Whether a page waits on the visitor's behalf and loads itself again.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Held | Self::Full)
    }
}
