//! Changes as servers tell them: all of them, once in effect, whoever is killed meanwhile.

mod mysql;
mod postgres;
pub(crate) mod suite;
