//! What a dump costs beside `pg_dump -Fc` and `mariadb-dump --order-by-primary` of the same shop, and
//! how many bytes one order is read from. `cargo run --release -p databases --example dump_cost`,
//! with the number of orders (100,000 if none is given); the files stay in the folder it names.

use databases::{
    dump::{Dump, Folder, Options, Reader, load},
    private::{self, MariaDb, Postgres},
};
use host::process::{Spawn, run_to_end};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    error::Error,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Longer than any of it takes.
const WITHIN: Duration = Duration::from_secs(3_600);

fn main() -> Outcome<()> {
    let orders: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?.keep();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
    say(&format!("{orders} orders, in {}", folder.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let options = private::Options::default();
    let server = runtime.block_on(Postgres::start(&folder.join("pg"), options.clone()))?;
    runtime.block_on(async {
        server.create_database("shop").await?;
        server.create_database("again").await?;
        server.execute("shop", &postgres_shop(orders)).await
    })?;
    let kind = DatabaseKind::Postgres;
    let url = |name| DatabaseUrl { kind, secret: server.url(name) };
    let to = folder.join("theirs.pg");
    let pg_dump =
        Spawn::new("/usr/bin/pg_dump").arg("-Fc").arg("-f").arg(&to).arg(server.url("shop"));
    measure("pg_dump -Fc", || Ok(run_to_end(pg_dump, WITHIN).map(drop)?))?;
    say(&format!("  {} bytes", fs::metadata(&to)?.len()));
    ours(&url("shop"), &folder.join("ours.pg"), orders)?;
    let reader = Reader::open(Folder::at(folder.join("ours.pg")))?;
    measure("load into PostgreSQL", || Ok(load(&reader, &url("again"), None, &|_| {}).map(drop)?))?;
    runtime.block_on(server.stop())?;

    let server = runtime.block_on(MariaDb::start(&folder.join("maria"), options))?;
    runtime.block_on(async {
        server.create_database("shop").await?;
        server.create_database("again").await?;
        for statement in mariadb_shop(orders) {
            server.execute("shop", &statement).await?;
        }
        Ok::<_, databases::DatabaseError>(())
    })?;
    let kind = DatabaseKind::MySql;
    let url = |name| DatabaseUrl { kind, secret: server.url(name) };
    let to = folder.join("theirs.sql");
    let mariadb_dump = Spawn::new("/usr/bin/mariadb-dump")
        .args(["--single-transaction", "--order-by-primary", "-h127.0.0.1", "-uroot"])
        .arg(format!("-P{}", server.port()))
        .arg(format!("--result-file={}", to.display()))
        .arg("shop");
    measure("mariadb-dump --order-by-primary", || Ok(run_to_end(mariadb_dump, WITHIN).map(drop)?))?;
    say(&format!("  {} bytes", fs::metadata(&to)?.len()));
    ours(&url("shop"), &folder.join("ours.maria"), orders)?;
    let reader = Reader::open(Folder::at(folder.join("ours.maria")))?;
    measure("load into MariaDB", || Ok(load(&reader, &url("again"), None, &|_| {}).map(drop)?))?;
    Ok(runtime.block_on(server.stop())?)
}

fn ours(url: &DatabaseUrl, to: &Path, orders: u64) -> Outcome<()> {
    measure("dump", || Ok(Folder::at(to).take(Dump::begin(url, Options::new(0))?)?))?;
    let reader = Reader::open(Folder::at(to))?;
    let rows: u64 = reader.tables().iter().map(|table| table.rows.bytes).sum();
    let indexes: u64 = reader.tables().iter().map(|table| table.index.bytes).sum();
    say(&format!("  {rows} bytes of rows, {indexes} of indexes"));
    let table = |name: &str| reader.table(name).ok_or(format!("no table {name}"));
    let id = (orders / 3).to_string();
    let (mut found, before) = (0, reader.bytes_read());
    measure("  one order", || {
        found += reader.lookup(table("orders")?, "id", id.as_bytes())?.len();
        for line in reader.lookup(table("lines")?, "order_id", id.as_bytes())? {
            let line = line.fields[0].as_deref().unwrap_or_default();
            found += 1 + reader.lookup(table("refunds")?, "line_id", line)?.len();
        }
        Ok(())
    })?;
    let read = reader.bytes_read() - before;
    let share = read as f64 * 100.0 / (rows + indexes) as f64;
    say(&format!("  {found} rows, {read} bytes read, {share:.2} % of all"));
    Ok(())
}

/// Three lines an order, with keys that tell nothing of their order; one of sixty comes back.
fn postgres_shop(orders: u64) -> String {
    format!(
        "CREATE TABLE orders (id serial PRIMARY KEY, code uuid NOT NULL UNIQUE, placed timestamptz, \
         total int, note text);
         CREATE TABLE lines (id uuid PRIMARY KEY, order_id int REFERENCES orders, sku text, n int);
         CREATE TABLE refunds (id text PRIMARY KEY, line_id uuid REFERENCES lines, total int);
         CREATE INDEX ON lines (order_id); CREATE INDEX ON refunds (line_id);
         INSERT INTO orders SELECT n, md5(n::text)::uuid, to_timestamp(1.7e9 + n), n % 9973, \
         'Bitte bei ' || md5(n::text) || ' klingeln' FROM generate_series(1, {orders}) n;
         INSERT INTO lines SELECT md5('l' || n)::uuid, n / 3 + 1, 'sku-' || n % 977, n % 5 \
         FROM generate_series(0, {orders} * 3 - 4) n;
         INSERT INTO refunds SELECT md5('r' || n), md5('l' || n * 60)::uuid, n \
         FROM generate_series(0, {orders} / 20 - 1) n;"
    )
}

fn mariadb_shop(orders: u64) -> Vec<String> {
    let last = orders * 3 - 4;
    vec![
        "CREATE TABLE orders (id int PRIMARY KEY, code char(36) NOT NULL UNIQUE, placed datetime, \
         total int, note text)"
            .to_owned(),
        "CREATE TABLE `lines` (id binary(16) PRIMARY KEY, order_id int, sku varchar(20), n int, \
         FOREIGN KEY (order_id) REFERENCES orders (id))"
            .to_owned(),
        "CREATE TABLE refunds (id char(32) PRIMARY KEY, line_id binary(16), total int, \
         FOREIGN KEY (line_id) REFERENCES `lines` (id))"
            .to_owned(),
        format!(
            "INSERT INTO orders SELECT seq, md5(seq), from_unixtime(1700000000 + seq), seq % 9973, \
             concat('Bitte bei ', md5(seq), ' klingeln') FROM seq_1_to_{orders}"
        ),
        format!(
            "INSERT INTO `lines` SELECT unhex(md5(concat('l', seq))), seq DIV 3 + 1, \
             concat('sku-', seq % 977), seq % 5 FROM seq_0_to_{last}"
        ),
        format!(
            "INSERT INTO refunds SELECT md5(concat('r', seq)), unhex(md5(concat('l', seq * 60))), seq \
             FROM seq_0_to_{}",
            orders / 20 - 1
        ),
    ]
}

/// Wall time, and processor time of ours and of what we started and waited for; not the server's.
fn measure(what: &str, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let (begun, before) = (Instant::now(), processor_seconds()?);
    work()?;
    let seconds = processor_seconds()? - before;
    say(&format!("{what}: {seconds:.2} processor s, {:.2} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// Of this process and its ended children: fields 14 to 17 of proc_pid_stat(5), in hundredths.
fn processor_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").ok_or("no stat")?.1.split(' ').skip(11).take(4);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}

#[expect(clippy::print_stdout, reason = "figures for a person")]
fn say(text: &str) {
    println!("{text}");
}
