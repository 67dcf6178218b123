//! Pools of PHP-FPM, from their configuration (<https://www.php.net/manual/en/install.fpm.configuration.php>) and their sockets.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// Longer files are not configuration of a pool.
const LIMIT_BYTES: u64 = 1 << 20;
/// Where packages keep pools and their sockets: Debian, Red Hat, Alpine.
const FOLDERS: [&str; 2] = ["etc/php-fpm.d", "etc/php/fpm/pool.d"];
const VERSIONED: [(&str, &str); 2] = [("etc/php", "fpm/pool.d"), ("etc", "php-fpm.d")];
const SOCKETS: [&str; 2] = ["run/php", "run/php-fpm"];

pub(super) struct Pool {
    /// A path, a port, or an address with a port.
    pub(super) listen: String,
    pub(super) status_path: Option<String>,
    /// `None`: only its socket was seen.
    pub(super) file: Option<PathBuf>,
}

/// Pools that are configured, and sockets of others.
pub(super) fn read(root: &Path) -> Vec<Pool> {
    let mut pools = Vec::new();
    let mut folders: BTreeSet<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    for (outer, inner) in VERSIONED {
        folders.extend(entries(&root.join(outer)).into_iter().map(|entry| entry.join(inner)));
    }
    for folder in folders {
        for path in entries(&folder) {
            let is_conf = path.extension().is_some_and(|extension| extension == "conf");
            if let Some(text) = is_conf.then(|| text(&path)).flatten() {
                let file = Path::new("/").join(path.strip_prefix(root).unwrap_or(&path));
                pools.extend(pools_of(&text, &file));
            }
        }
    }
    for folder in SOCKETS {
        for path in entries(&root.join(folder)) {
            let listen = Path::new("/").join(path.strip_prefix(root).unwrap_or(&path));
            let listen = listen.to_string_lossy().into_owned();
            // The distribution's own link to one of the others.
            let is_link = path.is_symlink();
            let is_socket = path.extension().is_some_and(|extension| extension == "sock");
            if is_socket && !is_link && !pools.iter().any(|pool| same(&pool.listen, &listen)) {
                pools.push(Pool { listen, status_path: None, file: None });
            }
        }
    }
    pools
}

/// A path of the machine, below a root that may be another.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// `/var/run` is `/run`.
fn same(one: &str, other: &str) -> bool {
    one.strip_prefix("/var").unwrap_or(one) == other.strip_prefix("/var").unwrap_or(other)
}

/// In the order of their names; none where we may not look.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LIMIT_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

fn pools_of(text: &str, file: &Path) -> Vec<Pool> {
    let mut pools = Vec::new();
    let mut name = "";
    let mut pool = Pool { listen: String::new(), status_path: None, file: None };
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            name = section;
            pools.push(std::mem::replace(
                &mut pool,
                Pool { listen: String::new(), status_path: None, file: Some(file.to_owned()) },
            ));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.split(';').next().unwrap_or(value).trim().trim_matches('"');
        match key.trim() {
            "listen" => pool.listen = value.replace("$pool", name),
            "pm.status_path" => pool.status_path = Some(value.replace("$pool", name)),
            _ => {}
        }
    }
    pools.push(pool);
    pools.retain(|pool| !pool.listen.is_empty());
    pools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_of_a_file() {
        let text = "[global]\npid = /run/x\n; listen = /no\n[www]\nlisten = /run/php/$pool.sock ; here\n\
            pm.status_path = \"/status\"\n[admin]\nlisten=9001\n;pm.status_path = /status\n";
        let pools = pools_of(text, Path::new("/etc/pool.conf"));
        let told: Vec<_> =
            pools.iter().map(|pool| (pool.listen.as_str(), pool.status_path.as_deref())).collect();
        assert_eq!(told, [("/run/php/www.sock", Some("/status")), ("9001", None)]);
    }
}
