//! What can be wrong with a platform file.

/// Why a platform file is refused. Those of this program are tested, so a visitor never meets one.
#[derive(Debug, thiserror::Error)]
pub enum ShopsError {
    #[error("read platform file `{file}`")]
    Syntax { file: String, source: Box<toml::de::Error> },
    #[error("platform file `{file}`: {what}")]
    Invalid { file: String, what: String },
}
