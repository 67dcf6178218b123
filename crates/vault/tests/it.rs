//! Whole repositories: ours, and those that Debian's restic reads and writes beside us.

// Clippy takes only what is under `cfg(test)` for a test's helper, which may unwrap.
#[cfg(test)]
mod backup;
#[cfg(test)]
mod carry;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod drill_kills;
#[cfg(test)]
mod far_bucket;
#[cfg(test)]
mod far_kills;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod killing;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod lag;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod media;
#[cfg(test)]
mod media_back;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod order_kills;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod place;
#[cfg(test)]
mod platforms;
#[cfg(test)]
mod prune;
#[cfg(test)]
mod raw_log;
#[cfg(test)]
mod reaching;
#[cfg(test)]
mod restic;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod sftp;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod wal;
