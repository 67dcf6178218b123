//! What the services of this machine say of themselves: databases, caches, queues, workers, found without any configuration.
//!
//! Each collector asks one service with a deadline and fills [`kernel::readings::Readings`]. One that does not answer leaves nothing but
//! that it does not: what was read before is never told again. Whether a number is good is for others to say.
