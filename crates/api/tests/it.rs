//! The API as the world meets it: a real server on a free port, a real store in a temporary folder.

#[cfg(test)]
mod it {
    mod access;
    mod openapi;
    mod pages;
    mod running;
    mod shops;
    mod stream;
}
