//! The instances of a shop: how they are started, stopped, restarted and deployed.
