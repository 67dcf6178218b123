//! What is known of each shop platform, as data, and what reads it: the platform files, the matcher
//! that gives a request its class, and the making of snapshots.
//!
//! No platform is named in code, here or elsewhere: a fact about one belongs in its file. This crate
//! opens no socket and no file at run time; the platform files are part of the program. Their format
//! is written in docs/formats/platform.md.

pub mod detect;
mod error;
pub mod hosts;
pub mod matcher;
mod platform;
pub mod snapshot;

pub use error::ShopsError;
pub use platform::{
    Child, Confirmed, EmailPath, Has, OrderGraph, Orders, PersonalColumns, Platform, QueueTable,
    Through, Tried, known, names, platform,
};
