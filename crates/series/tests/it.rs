//! Everything of the store that goes through files.
