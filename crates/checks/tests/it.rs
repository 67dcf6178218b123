//! Checks against real sockets: servers that answer well, badly, for ever, or not at all.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap and print.
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod dns;
#[cfg(test)]
mod domain;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod http;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod mail_setup;
#[cfg(test)]
mod name_server;
#[cfg(test)]
mod ping;
#[cfg(test)]
mod post_office;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod tcp;
