//! Tells cargo that the built user interface is part of this crate.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
