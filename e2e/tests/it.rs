//! Storewarden before real shops, with customers who buy all the while, at the worst moments.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap and print.
#[cfg(test)]
mod backup_troubles;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod bring_back;
#[cfg(test)]
mod care;
#[cfg(test)]
mod changes;
mod checks;
#[cfg(test)]
mod comes_back;
#[cfg(test)]
mod disk_full;
#[cfg(test)]
mod erased;
#[cfg(test)]
mod front;
#[cfg(test)]
mod init;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod must_not_break;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod real_orders;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod remedies;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod replica;
mod report;
#[cfg(test)]
mod restores;
#[cfg(test)]
mod sheets;
#[cfg(test)]
mod shopper;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod soak_orders;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod trade;
#[cfg(test)]
mod vanished;
#[cfg(test)]
mod warden;
