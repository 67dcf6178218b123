//! Storewarden before real shops, with customers who buy all the while, at the worst moments.

mod must_not_break;
