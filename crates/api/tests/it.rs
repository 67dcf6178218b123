//! The API as the world meets it: a real server on a free port, a real store in a temporary folder.

#[cfg(test)]
mod it {
    mod access;
    mod checks;
    mod endpoints;
    mod handyman;
    mod history;
    mod incidents;
    mod ledger;
    mod metrics;
    mod openapi;
    mod pages;
    mod people;
    mod prometheus;
    mod running;
    mod runs;
    mod shops;
    mod stream;
}
