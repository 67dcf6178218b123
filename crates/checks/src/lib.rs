//! Trying from outside whether something answers as it should, as a visitor or a customer would.
//!
//! A check is a value, running it takes a deadline, and what comes out is another value: what was seen, in which phases, and why it is not
//! as it should be. When it runs, and what is made of it, is for others to say.
