//! The kernel's table of TCP sockets (proc(5): `/proc/net/tcp`), as addresses and inodes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Of those that listen.
const LISTEN: &str = "0A";
/// Of those who have said that they come, and not yet that they heard us (`TCP_SYN_RECV`).
const GREETING: &str = "03";

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

/// How many connections wait to be accepted from a listening socket; `None`: it is not in the table.
pub(super) fn waiting(table: &str, inode: u64) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        socket(line).filter(|(_, found)| *found == inode)?;
        let (_, queued) = line.split_ascii_whitespace().nth(4)?.split_once(':')?;
        u32::from_str_radix(queued, 16).ok()
    })
}

/// Both ends, as the table writes them, of connections to a port that are being opened.
pub(super) fn greeting(table: &str, port: u16) -> Vec<String> {
    let ends = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (_, digits) = local.split_once(':')?;
        let is_it = state == GREETING && u16::from_str_radix(digits, 16).ok()? == port;
        is_it.then(|| format!("{local} {remote}"))
    });
    ends.collect()
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
    fn who_waits_and_who_is_about_to_is_told() {
        let table = "head\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 41 1\n\
            1: 0100007F:1F90 0100007F:A001 03 00000000:00000000 00:00000000 00000000 0 0 0 1\n\
            2: 0100007F:1F91 0100007F:A002 03 00000000:00000000 00:00000000 00000000 0 0 0 1\n\
            3: 0100007F:1F90 0100007F:A003 01 00000000:00000000 00:00000000 00000000 0 0 42 1\n";
        assert_eq!((waiting(table, 41), waiting(table, 42)), (Some(3), None));
        assert_eq!(greeting(table, 8080), ["0100007F:1F90 0100007F:A001"]);
    }

    #[test]
    fn no_table_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            for table in [text.clone(), format!("\n{text}")] {
                listening(&table);
                waiting(&table, 0);
                greeting(&table, 80);
            }
        });
    }
}
