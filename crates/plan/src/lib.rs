//! The change engine: previews, approves, waits, runs, verifies, undoes and resumes every change.
//!
//! It knows no area: what an act does is the business of whoever performs it.
