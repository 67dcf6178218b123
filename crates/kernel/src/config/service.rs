//! Services of the machine that are not found by themselves, or want a login.

use super::Secret;
use crate::ShopId;

/// `[[service]]`: one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    pub kind: ServiceKind,
    /// An address, the path of a socket, or host and port, as its kind wants it; no two services of a kind have the same.
    pub at: String,
    /// Empty: the kind's usual one.
    pub user: String,
    pub password: Option<Secret>,
    /// Whose it is; `None`: the machine's.
    pub shop: Option<ShopId>,
    /// Queues of BullMQ in a Redis, by their keys: `bull:mails`.
    pub queues: Vec<String>,
}

/// What kind of program a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    Redis,
    Nginx,
    PhpFpm,
    RabbitMq,
    Elasticsearch,
}

impl ServiceKind {
    pub const ALL: [Self; 5] =
        [Self::Redis, Self::Nginx, Self::PhpFpm, Self::RabbitMq, Self::Elasticsearch];

    /// As in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Nginx => "nginx",
            Self::PhpFpm => "php-fpm",
            Self::RabbitMq => "rabbitmq",
            Self::Elasticsearch => "elasticsearch",
        }
    }
}
