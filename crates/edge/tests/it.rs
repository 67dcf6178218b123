//! The edge against real sockets and programs: a certificate authority, control's side of the
//! link, and visitors that send what nobody should.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap and print.
#[cfg(test)]
mod acme;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod link;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod smuggling;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod want;
