//! What leaves the machine by our own wish: requests, each with a deadline and a limit, and copies
//! put elsewhere.
