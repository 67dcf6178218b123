//! The file a person writes: TOML in, a validated [`Configuration`](super::Configuration) or every
//! error at once out.

use super::Configuration;
use std::fmt;

/// What the reader must know from elsewhere to judge a file.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Names of the platforms there are files for.
    pub platforms: &'a [&'a str],
}

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is wrong, then how to mend it.
    pub message: String,
    pub mend: String,
}

/// All that is wrong with a file, in the order of its lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.line, self.column, self.message, self.mend)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mistakes in the configuration", self.0.len())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads a configuration file's text.
///
/// # Errors
/// Every mistake in the text with its line, column and mend.
pub fn parse(_text: &str, _known: Known<'_>) -> Result<Configuration, ConfigErrors> {
    Err(ConfigErrors(vec![]))
}
