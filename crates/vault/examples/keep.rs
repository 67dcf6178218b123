//! The vault on a command line, as small as it gets: what `cargo xtask bench vault` measures.
//!
//! `keep REPOSITORY init|backup FOLDER|stream PATH|restore FOLDER|list PATH|check`; the password comes in
//! RESTIC_PASSWORD, the content of a stream on standard input.

#![expect(clippy::print_stdout, reason = "it tells what it did")]

use kernel::config::Secret;
use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use vault::{
    InitOptions, Origin, Repository,
    backup::{self, Stream},
    check::{self, Data},
    restore,
    storage::Folder,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let password = Secret::new(std::env::var("RESTIC_PASSWORD")?);
    let [repository, command @ ..] = &arguments[..] else {
        return Err("which repository?".into());
    };
    let storage = Arc::new(Folder::new(repository));
    let origin = Origin::of_this_process();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now_ms = i64::try_from(since.as_millis())?;
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    if let ["init"] = words[..] {
        Repository::init(storage, &password, &origin, &InitOptions::default(), now_ms)?;
        return Ok(());
    }
    let repository = Repository::open(storage, &password)?;
    match words[..] {
        ["backup", folder] => {
            let paths = vec![PathBuf::from(folder)];
            back_up(&repository, paths, Vec::new(), origin, now_ms)?;
        }
        ["stream", path] => {
            let stream = Stream {
                path: PathBuf::from(path),
                content: Box::new(io::stdin()),
                is_whole: Box::new(|_| Ok(())),
            };
            back_up(&repository, Vec::new(), vec![stream], origin, now_ms)?;
        }
        ["list", path] => {
            let (reader, path) = (repository.reader()?, Path::new(path));
            let folder = reader.node(&repository.snapshot("latest")?, path)?.subtree;
            for node in reader.folder(folder.ok_or("it is no folder")?)? {
                println!("{}", path.join(node.name).display());
            }
        }
        ["restore", target] => {
            let snapshot = repository.snapshot("latest")?;
            let (path, target) = (PathBuf::from("/"), PathBuf::from(target));
            let request = restore::Request { snapshot, path, target, origin };
            let report = restore::run(&repository.reader()?, &request, &|_| {})?;
            println!("{} files, {} bytes", report.files, report.bytes);
            if !report.is_whole() {
                return Err(format!("{:?}", report.failures).into());
            }
        }
        ["check"] => {
            let report = check::run(&repository, Data::All, &origin, &|_| {})?;
            println!("{} packs, {} bytes", report.packs_read, report.bytes_read);
            if !report.is_clean() {
                return Err(format!("{:?}", report.damage).into());
            }
        }
        _ => return Err("what is to be done with it?".into()),
    }
    Ok(())
}

fn back_up(
    repository: &Repository,
    paths: Vec<PathBuf>,
    streams: Vec<Stream>,
    origin: Origin,
    now_ms: i64,
) -> Result<(), Box<dyn Error>> {
    let request = backup::Request {
        paths,
        streams,
        buckets: Vec::new(),
        excludes: Vec::new(),
        tags: Vec::new(),
        origin,
        now_ms,
    };
    let report = backup::run(repository, request, &|_| {})?;
    println!("{} {:?}", report.snapshot.id, report.snapshot.summary);
    Ok(())
}
