//! Free ports of the loopback that stay free: outside the range that the kernel takes the near ends
//! of connections from, so that an instance which is down for a while finds its port again.

use std::{fs, net::TcpListener};

use anyhow::{Result, bail};

const LOWEST: u16 = 10_000;

/// `count` different ports, each free a moment ago.
///
/// # Errors
/// When the machine has hardly a free port left.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let highest = lowest_ephemeral().unwrap_or(32_768).max(LOWEST + 1000);
    let mut held = Vec::new();
    for _ in 0..2000 {
        let port = rand::random_range(LOWEST..highest);
        // Held until all are found, so that none is found twice.
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    bail!("find {count} free ports between {LOWEST} and {highest}")
}

/// Where the kernel's own range begins (ip(7), `ip_local_port_range`); none where it is not Linux.
fn lowest_ephemeral() -> Option<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    range.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::free_ports;

    #[test]
    fn ports_differ() {
        let mut ports = free_ports(20).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
