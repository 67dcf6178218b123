//! File systems with their room, each asked on a thread that may hang: a dead server's must not stop the others.

use kernel::readings::Readings;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(1);
const MOST: usize = 100;
/// Which hold nothing that could run out, or another's room.
const PSEUDO: [&str; 24] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];
const PASSED_OVER: [&str; 6] =
    ["/dev", "/proc", "/sys", "/run/credentials", "/var/lib/docker", "/var/lib/containers/storage"];

type Asked = fn(&Path) -> Option<Room>;

#[derive(Debug)]
pub(super) struct Filesystems {
    ask: Asked,
    patience: Duration,
    /// Those that did not answer, and whether they have by now.
    hanging: BTreeMap<String, Arc<AtomicBool>>,
}

/// Bytes and files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Room {
    pub(super) size: f64,
    pub(super) free: f64,
    pub(super) available: f64,
    pub(super) files: f64,
    pub(super) files_free: f64,
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    point: String,
    kind: String,
    is_readonly: bool,
}

impl Default for Filesystems {
    fn default() -> Self {
        Self { ask: room, patience: PATIENCE, hanging: BTreeMap::new() }
    }
}

impl Filesystems {
    #[cfg(test)]
    pub(super) fn asked_by(ask: Asked, patience: Duration) -> Self {
        Self { ask, patience, hanging: BTreeMap::new() }
    }

    pub(super) fn read(&mut self, mounts: &str, into: &mut Readings) -> Option<()> {
        self.hanging.retain(|_, answered| !answered.load(Ordering::Relaxed));
        for mount in mounts.lines().filter_map(mount).take(MOST) {
            let room = self.room(&mount);
            let labels = [
                ("device", mount.device.as_str()),
                ("fstype", mount.kind.as_str()),
                ("mountpoint", mount.point.as_str()),
            ];
            let mut put = |metric, value| into.put(metric, &labels, value);
            put("node_filesystem_device_error", f64::from(u8::from(room.is_none())));
            put("node_filesystem_readonly", f64::from(u8::from(mount.is_readonly)));
            let Some(room) = room else { continue };
            put("node_filesystem_size_bytes", room.size);
            put("node_filesystem_free_bytes", room.free);
            put("node_filesystem_avail_bytes", room.available);
            put("node_filesystem_files", room.files);
            put("node_filesystem_files_free", room.files_free);
        }
        Some(())
    }

    /// `None` when it cannot be told, or not in time. One that hangs is not asked again before it has answered.
    fn room(&mut self, mount: &Mount) -> Option<Room> {
        if self.hanging.contains_key(&mount.point) {
            return None;
        }
        let (tell, told) = mpsc::sync_channel(1);
        let answered = Arc::new(AtomicBool::new(false));
        let (ask, point, has) = (self.ask, PathBuf::from(&mount.point), Arc::clone(&answered));
        let work = move || {
            let room = ask(&point);
            has.store(true, Ordering::Relaxed);
            // Nobody waits for one that was late.
            tell.send(room).ok();
        };
        thread::Builder::new().name("file system".to_owned()).spawn(work).ok()?;
        match told.recv_timeout(self.patience) {
            Ok(room) => room,
            Err(_) => {
                self.hanging.insert(mount.point.clone(), answered);
                None
            }
        }
    }
}

fn room(path: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks as f64 * found.f_frsize as f64;
    (found.f_blocks > 0).then(|| Room {
        size: bytes(found.f_blocks),
        free: bytes(found.f_bfree),
        available: bytes(found.f_bavail),
        files: found.f_files as f64,
        files_free: found.f_ffree as f64,
    })
}

/// A line of `/proc/self/mounts` (fstab(5)); `None` of what is not looked at.
fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let (device, point) = (plain(fields.next()?), plain(fields.next()?));
    let (kind, options) = (fields.next()?, fields.next()?);
    let is_under = |folder: &str| {
        point.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if PSEUDO.contains(&kind) || PASSED_OVER.iter().any(|folder| is_under(folder)) {
        return None;
    }
    let is_readonly = options.split(',').any(|option| option == "ro");
    Some(Mount { device, point, kind: kind.to_owned(), is_readonly })
}

/// With `\040` and its like as the characters that they stand for.
fn plain(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = (first == b'\\').then(|| after.get(..3)).flatten();
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
