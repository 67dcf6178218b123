//! What was measured over time: the metrics store. One folder of files in our own format.
//!
//! It knows no shop, no query language and no clock.
