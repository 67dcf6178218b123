//! The program as a person starts it: real processes, a real shop server behind it, real visitors,
//! and kills at bad moments.

mod stand;
mod supervision;
