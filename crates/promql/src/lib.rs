//! Prometheus' language and its wire formats, over a source of series.
//!
//! Pure: bytes or values in, values out. It opens no socket, no file and no store, and looks at no clock; a query reads the store that it is
//! given.

pub mod query;
pub mod rules;
pub mod wire;
