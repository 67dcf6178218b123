//! The kernel's table of TCP sockets (proc(5): `/proc/net/tcp`), as addresses and inodes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Of those that listen.
const LISTEN: &str = "0A";

/// Address and inode of each listening socket; a line that is none is passed over.
pub(super) fn listening(table: &str) -> Vec<(SocketAddr, u64)> {
    table.lines().skip(1).filter_map(socket).collect()
}

fn socket(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != LISTEN {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(address(ip)?, port), inode.parse().ok()?))
}

/// Words of four bytes in the order of the machine, in hexadecimal digits.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            listening(text);
            listening(&format!("\n{text}"));
        });
    }
}
