//! What is allowed and may yet surprise.

use crate::config::{
    CertificateSource, Configuration, InstanceSettings, RepositorySettings, ShopSettings, outer,
};

pub(super) fn notes(configuration: &Configuration) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(low_ports(configuration));
    if !configuration.control.listen.ip().is_loopback() {
        let listen = configuration.control.listen;
        notes.push(format!(
            "the user interface on {listen} can be reached from other machines, unencrypted. \
             Without `control.listen` it is for this one alone; `ssh -L 7780:127.0.0.1:7780` \
             brings it to yours."
        ));
    }
    if configuration.alerts.routes.is_empty() {
        notes.push(
            "nobody is told of incidents; they stand in the interface alone. A table `[[notify]]` \
             with `name` and `email`, `webhook`, `slack` or `ntfy` tells somebody."
                .to_owned(),
        );
    }
    let tls = configuration.edge.listen.iter().any(|listen| listen.tls);
    for shop in &configuration.shops {
        notes.extend(of_shop(shop, tls));
    }
    notes
}

fn low_ports(configuration: &Configuration) -> Option<String> {
    let ports = configuration.edge.listen.iter().map(|listen| listen.address.port());
    let mut low: Vec<u16> = ports.filter(|port| (1..1024).contains(port)).collect();
    low.sort_unstable();
    low.dedup();
    let named = match low.as_slice() {
        [] => return None,
        [one] => format!("port {one} is"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("ports {} and {last} are", most.join(", "))
        }
    };
    Some(format!(
        "{named} for root, or for a service with `AmbientCapabilities=CAP_NET_BIND_SERVICE`. \
         To try Storewarden out as anybody, write `edge.listen = \"http://127.0.0.1:8080\"`."
    ))
}

fn of_shop(shop: &ShopSettings, tls: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if shop.beside.is_some() {
        notes.extend(of_watched(shop));
        return notes;
    }
    let (id, public) = (&shop.id, shop.hosts.iter().find(|host| outer::is_public(host)));
    if let Some(host) = public.filter(|_| !tls) {
        notes.push(format!(
            "{id}: passwords and addresses of {host} travel unencrypted, for the edge listens on \
             no https address."
        ));
    } else if let Some(host) = public.filter(|_| shop.certificate == CertificateSource::SelfSigned)
    {
        notes.push(format!(
            "{id}: browsers warn of the self-signed certificate of {host}. With a table `[acme]`, \
             a real one is ordered."
        ));
    }
    if shop.instances.len() == 1 {
        let wait = super::ms(&shop.hold.max_wait_ms);
        notes.push(format!(
            "{id}: with one instance, visitors wait while it restarts, for up to {wait}. A second \
             one serves them meanwhile."
        ));
    }
    let alone = |instance: &&InstanceSettings| instance.launch.is_none();
    if shop.deploy.is_some()
        && let Some(instance) = shop.instances.iter().find(alone)
    {
        notes.push(format!(
            "{id}: no release can be deployed while {} has neither `unit` nor `command`, for \
             nobody restarts it.",
            instance.name
        ));
    }
    notes.extend(without_database(shop));
    notes.extend(of_backup(shop));
    notes
}

fn of_watched(shop: &ShopSettings) -> Vec<String> {
    let mut notes = Vec::new();
    let id = &shop.id;
    let format = shop.beside.as_ref().map(|beside| &beside.format);
    if format.is_some_and(|format| format.timing().is_none()) {
        notes.push(format!(
            "{id}: how long its pages take stays unknown, for lines of `{}` do not say it. nginx \
             tells it by `$request_time` in a `log_format`, Apache by `%D`.",
            format.map_or("", |format| format.text())
        ));
    }
    notes.push(format!(
        "{id}: nothing is held, cached or led around a restart from beside. `storewarden front \
         {id}` puts Storewarden before it, and back again."
    ));
    notes.extend(without_database(shop));
    notes.extend(of_backup(shop));
    notes
}

fn without_database(shop: &ShopSettings) -> Option<String> {
    let id = &shop.id;
    let missing = || format!("{id}: without `database` nobody can say whether it sells.");
    shop.database.is_none().then(missing)
}

fn of_backup(shop: &ShopSettings) -> Option<String> {
    let id = &shop.id;
    let Some(backup) = &shop.backup else {
        return Some(format!(
            "{id}: it is not backed up. A table `[shop.{id}.backup]` with `to = \"s3://bucket/{id}\"`, \
             `\"sftp://…\"` or a folder of another disk does that every day."
        ));
    };
    let is_here = |to: &RepositorySettings| matches!(to, RepositorySettings::Folder(_));
    backup.to.iter().all(is_here).then(|| {
        format!(
            "{id}: its backups lie in a folder of this machine alone, and are gone with it where that \
             is no other machine's."
        )
    })
}
