use super::{filesystems::Filesystems, *};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Mutex, mpsc},
    time::Duration,
};

/// A tree of files.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn lines(readings: &Readings) -> Vec<String> {
    let mut lines = Vec::new();
    readings.each(|one| {
        let labels: Vec<String> =
            one.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        lines.push(format!("{}{{{}}} {}", one.name, labels.join(","), one.value));
    });
    lines
}

#[test]
fn this_machine_is_read_and_every_name_is_told_of() {
    let mut host = (HostPulse::default(), HostReadings::default());
    let known: BTreeMap<&str, _> =
        FAMILIES.iter().map(|family| (family.name, family.kind)).collect();
    assert_eq!(known.len(), FAMILIES.len(), "a name comes twice");
    let read = |(pulse, slow): &mut (HostPulse, HostReadings)| {
        let mut readings = Readings::new();
        pulse.read(&mut readings);
        slow.read(&mut readings);
        let mut values = BTreeMap::new();
        readings.each(|one| {
            assert!(known.contains_key(one.name), "{} is not told of", one.name);
            let before = values
                .insert(format!("{}{:?}", one.name, one.labels), (one.name.to_owned(), one.value));
            assert_eq!(before, None, "it comes twice");
        });
        values
    };
    let (first, second) = (read(&mut host), read(&mut host));
    for name in [
        "node_cpu_seconds_total",
        "node_memory_MemAvailable_bytes",
        "node_filesystem_avail_bytes",
        "namedprocess_namegroup_num_procs",
        "node_network_receive_bytes_total",
    ] {
        assert!(first.values().any(|(known, _)| known == name), "{name} is not read here");
    }
    for (series, (name, before)) in &first {
        // The kernel corrects what it says of idle time.
        let counts = known[name.as_str()] == kernel::readings::FamilyKind::Counter
            && name != "node_cpu_seconds_total";
        if let (true, Some((_, now))) = (counts, second.get(series)) {
            assert!(now >= before, "{series} fell from {before} to {now}");
        }
    }
    let own =
        second.keys().any(|series| series.starts_with("namedprocess_namegroup_cpu_seconds_total"));
    assert!(own, "nothing is told of what services spend");
}

#[test]
fn every_family_stands_in_the_document() {
    let document = include_str!("../../../../docs/formats/host-readings.md");
    let told: BTreeSet<String> = FAMILIES
        .iter()
        .map(|family| format!("| `{}` | {} |", family.name, family.kind.word()))
        .collect();
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let written: BTreeSet<String> =
        rows.map(|line| line.split('|').take(3).collect::<Vec<_>>().join("|") + "|").collect();
    assert_eq!(told, written);
}

#[test]
fn a_tree_of_files_is_told_as_its_exporters_would() {
    let proc = tree(&[
        (
            "stat",
            "cpu  9 9 9 9\ncpu0 100 0 50 1000 3 0 1 2 0 0\nintr 77 1 2\nctxt 5\nbtime 1700000000\nprocesses 8\nprocs_running 2\nprocs_blocked 0\nsoftirq 9 9\n",
        ),
        ("loadavg", "0.10 1.20 2.30 1/300 77\n"),
        ("meminfo", "MemTotal:  1000 kB\nStrange:  5 kB\nHugePages_Total:   3\n"),
        ("vmstat", "oom_kill 2\nnr_free_pages 9\n"),
        (
            "pressure/cpu",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=9\n",
        ),
        (
            "pressure/io",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull avg10=0 avg60=0 avg300=0 total=500000\n",
        ),
        (
            "pressure/memory",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0 avg60=0 avg300=0 total=0\n",
        ),
        (
            "diskstats",
            "254 0 vda 10 0 16 20 30 0 32 40 1 50 90 0 0 0 0 0 0\n254 1 vda1 1 0 8 1 0 0 0 0 0 1 1\n7 0 loop0 1 0 8 1 0 0 0 0 0 1 1\n259 0 nvme0n1 1 0 8 1 0 0 0 0 0 1 1\n259 1 nvme0n1p1 1 0 8 1 0 0 0 0 0 1 1\n",
        ),
        (
            "net/dev",
            "Inter-|   Receive\n face |bytes\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
        ),
        (
            "net/sockstat",
            "sockets: used 50\nTCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1\nRAW: inuse 0\n",
        ),
        ("net/snmp", "Ip: Forwarding\nIp: 1\nTcp: ActiveOpens RetransSegs MaxConn\nTcp: 7 8 -1\n"),
        ("net/netstat", "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 3 4\n"),
        ("sys/fs/file-nr", "1024\t0\t9999\n"),
        (
            "mdstat",
            "Personalities : [raid1]\nmd0 : active raid1 sda1[0] sdb1[1](F)\n      1000 blocks [2/1] [U_]\n      [>....]  recovery = 5.0% (1/20)\n\nunused devices: <none>\n",
        ),
    ]);
    let sys = tree(&[
        ("class/net/eth0/operstate", "up\n"),
        ("class/net/eth0/speed", "1000\n"),
        ("class/hwmon/hwmon0/name", "coretemp\n"),
        ("class/hwmon/hwmon0/temp1_input", "45500\n"),
        ("class/hwmon/hwmon0/temp1_max", "100000\n"),
        ("class/thermal/thermal_zone0/type", "acpitz\n"),
        ("class/thermal/thermal_zone0/temp", "30000\n"),
        ("class/power_supply/ups/online", "0\n"),
        ("class/power_supply/ups/capacity", "80\n"),
        ("fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("fs/cgroup/system.slice/nginx.service/memory.current", "4096\n"),
        ("fs/cgroup/system.slice/nginx.service/memory.max", "max\n"),
        (
            "fs/cgroup/system.slice/nginx.service/cpu.stat",
            "usage_usec 1500000\nnr_throttled 0\nthrottled_usec 250000\n",
        ),
        ("fs/cgroup/system.slice/nginx.service/memory.events", "low 0\noom 1\noom_kill 1\n"),
    ]);
    let mut readings = Readings::new();
    HostPulse::at(proc.path(), sys.path()).read(&mut readings);
    HostReadings::at(proc.path(), sys.path()).read(&mut readings);
    let told = lines(&readings);
    for line in [
        "node_cpu_seconds_total{cpu=0,mode=idle} 10",
        "node_cpu_seconds_total{cpu=0,mode=steal} 0.02",
        "node_boot_time_seconds{} 1700000000",
        "node_intr_total{} 77",
        "node_load5{} 1.2",
        "node_memory_MemTotal_bytes{} 1024000",
        "node_memory_HugePages_Total{} 3",
        "node_vmstat_oom_kill{} 2",
        "node_pressure_cpu_waiting_seconds_total{} 2.5",
        "node_pressure_io_stalled_seconds_total{} 0.5",
        "node_disk_read_bytes_total{device=vda} 8192",
        "node_disk_io_now{device=vda} 1",
        "node_disk_io_now{device=nvme0n1} 0",
        "node_network_transmit_drop_total{device=eth0} 4",
        "node_network_up{device=eth0} 1",
        "node_network_speed_bytes{device=eth0} 125000000",
        "node_sockstat_TCP_tw{} 2",
        "node_netstat_Tcp_RetransSegs{} 8",
        "node_netstat_TcpExt_ListenDrops{} 4",
        "node_filefd_maximum{} 9999",
        "node_md_state{device=md0,state=recovering} 1",
        "node_md_state{device=md0,state=active} 0",
        "node_md_disks{device=md0,state=failed} 1",
        "node_md_disks_required{device=md0} 2",
        "node_hwmon_temp_celsius{chip=coretemp,sensor=temp1} 45.5",
        "node_thermal_zone_temp{type=acpitz,zone=0} 30",
        "node_power_supply_online{power_supply=ups} 0",
        "container_memory_usage_bytes{id=/system.slice/nginx.service} 4096",
        "container_cpu_cfs_throttled_seconds_total{id=/system.slice/nginx.service} 0.25",
        "container_oom_events_total{id=/system.slice/nginx.service} 1",
        "node_scrape_collector_success{collector=cpu} 1",
        // There are no mounts in this tree.
        "node_scrape_collector_success{collector=filesystem} 0",
    ] {
        assert!(told.iter().any(|one| one == line), "{line} is missing in {told:#?}");
    }
    for no in
        ["vda1", "loop0", "nvme0n1p1", "Strange", "cpu_stalled", "memory_limit", "MaxConn", "RAW"]
    {
        assert!(!told.iter().any(|line| line.contains(no)), "{no}");
    }
}

#[test]
fn nonsense_is_unknown_and_a_file_that_comes_back_is_read_again() {
    let proc = tree(&[("stat", "cpu0 many\n"), ("meminfo", "no colon\n"), ("loadavg", "")]);
    let mut host = HostPulse::at(proc.path(), Path::new("/nowhere"));
    let success = |host: &mut HostPulse, collector: &str| {
        let mut readings = Readings::new();
        host.read(&mut readings);
        readings.value("node_scrape_collector_success", &[("collector", collector)])
    };
    for collector in ["cpu", "meminfo", "loadavg", "vmstat", "diskstats"] {
        assert_eq!(success(&mut host, collector), Some(0.0), "{collector}");
    }
    fs::write(proc.path().join("vmstat"), "oom_kill 1\n").unwrap();
    assert_eq!(success(&mut host, "vmstat"), Some(1.0));
}

#[test]
fn a_file_system_that_hangs_stops_no_other() {
    fn ask(path: &Path) -> Option<filesystems::Room> {
        // As long as the other end is there, which is as long as the test goes on.
        static KEPT: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);
        if path == Path::new("/dead") {
            let (keep, never) = mpsc::channel();
            *KEPT.lock().unwrap() = Some(keep);
            never.recv().ok();
        }
        let room =
            filesystems::Room { size: 9.0, free: 5.0, available: 4.0, files: 3.0, files_free: 2.0 };
        (path != Path::new("/gone")).then_some(room)
    }
    let mounts = "server:/ /dead nfs rw 0 0\n/dev/vda1 / ext4 ro,noatime 0 0\nx /gone ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vdb /a\\040b xfs rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n";
    let mut all = Filesystems::asked_by(ask, Duration::from_millis(300));
    for _ in 0..2 {
        let mut readings = Readings::new();
        all.read(mounts, &mut readings).unwrap();
        let told = lines(&readings);
        for line in [
            "node_filesystem_device_error{device=server:/,fstype=nfs,mountpoint=/dead} 1",
            "node_filesystem_avail_bytes{device=/dev/vda1,fstype=ext4,mountpoint=/} 4",
            "node_filesystem_readonly{device=/dev/vda1,fstype=ext4,mountpoint=/} 1",
            "node_filesystem_device_error{device=x,fstype=ext4,mountpoint=/gone} 1",
            "node_filesystem_files_free{device=/dev/vdb,fstype=xfs,mountpoint=/a b} 2",
        ] {
            assert!(told.iter().any(|one| one == line), "{line} is missing in {told:#?}");
        }
        assert!(!told.iter().any(|line| line.contains("/proc") || line.contains("/dev/shm")));
        assert!(!told.iter().any(|line| line.contains("size_bytes") && line.contains("/dead")));
    }
}
