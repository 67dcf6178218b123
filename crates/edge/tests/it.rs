//! The edge against real sockets and programs: a certificate authority, control's side of the
//! link, and visitors that send what nobody should.

mod acme;
mod cache;
mod link;
mod origin;
mod proxy;
mod smuggling;
mod stand;
