//! What a web server is to listen on when it stands behind, by its files before and after.

use super::*;

const MAIN: &str = "/etc/nginx/nginx.conf";
const SITE: &str = "/etc/nginx/sites/lamps";

/// nginx with one file of sites.
fn withdraw_from(site: &str) -> Result<Withdrawal, Vec<Obstacle>> {
    let text = |path: &Path| {
        Ok(match path.to_str().unwrap() {
            MAIN => Some("events {} http { include sites/*; }".to_owned()),
            SITE => Some(site.to_owned()),
            _ => None,
        })
    };
    let list = |folder: &Path| {
        let is_it = folder.ends_with("sites");
        is_it.then(|| PathBuf::from(SITE)).into_iter().collect()
    };
    let files = Files { text: &text, exists: &|_| true, list: &list };
    let hosts = ["lamps.example", "www.lamps.example"].map(str::to_owned);
    withdraw(Path::new(MAIN), files, &hosts, [8081, 8082])
}

fn listens(withdrawal: &Withdrawal) -> Vec<String> {
    withdrawal.listen.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plain_server_listens_behind_and_nothing_else_of_its_file_changes() {
    let site = "# the shop\nupstream app { server 127.0.0.1:3001; }\nserver {\n    listen 80 default_server;\n    \
                listen [::]:80;  # both\n    server_name lamps.example;\n    location / { proxy_pass \
                http://app; }\n}\n";
    let withdrawal = withdraw_from(site).unwrap();
    assert_eq!(listens(&withdrawal), ["http://0.0.0.0:80", "http://[::]:80"]);
    assert_eq!(withdrawal.behind.to_string(), "127.0.0.1:8081");
    assert_eq!((withdrawal.certificate.clone(), withdrawal.force_https), (None, false));
    let [file] = withdrawal.files.as_slice() else { panic!("one file") };
    let new = "listen 127.0.0.1:8081 default_server;\n    set_real_ip_from 127.0.0.1;\n    \
               real_ip_header X-Forwarded-For;";
    let old = "listen 80 default_server;";
    assert_eq!(file.before, site);
    assert_eq!(file.beside, site.replace(old, &format!("{old}\n    {new}")));
    assert_eq!(file.behind, site.replace(old, new).replace("listen [::]:80;", ""));
    let shared = file.beside.replace(old, "listen 80 default_server reuseport;");
    assert_eq!(file.shared, shared.replace("listen [::]:80;", "listen [::]:80 reuseport;"));
}

#[test]
fn an_address_is_shared_by_one_listen_of_all_that_say_it() {
    let check = |listens: [&str; 2], expect: [&str; 2]| {
        let [a, b] = listens;
        let site = |a: &str, b: &str| {
            format!(
                "server {{ {a} server_name _; }}\nserver {{ {b} server_name lamps.example; }}\n"
            )
        };
        let withdrawal = withdraw_from(&site(a, b)).unwrap();
        let [file] = withdrawal.files.as_slice() else { panic!("one file") };
        assert_eq!(file.beside.replace(a, expect[0]).replace(b, expect[1]), file.shared);
    };
    check(["listen 80 ;", "listen *:80;"], ["listen 80  reuseport;", "listen *:80;"]);
    // nginx takes options of an address once, and only where the others are.
    check(
        ["listen 80;", "listen *:80 deferred;"],
        ["listen 80;", "listen *:80 deferred reuseport;"],
    );
    check(["listen 80;", "listen *:80 reuseport;"], ["listen 80;", "listen *:80 reuseport;"]);
    check(["listen 80;", "listen 81;"], ["listen 80;", "listen 81 reuseport;"]);
}

#[test]
fn a_server_with_https_gives_its_certificate_and_learns_the_scheme() {
    let site = "server {\n  listen 80;\n  server_name lamps.example www.lamps.example;\n  return 301 \
                https://$host$request_uri;\n}\nserver {\n  listen 443 ssl;\n  listen 443 quic;\n  \
                server_name lamps.example;\n  ssl_certificate /a.pem;\n  ssl_certificate_key /a.key;\n  \
                location / {\n    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_pass \
                http://127.0.0.1:3001;\n  }\n}\n";
    let withdrawal = withdraw_from(site).unwrap();
    assert_eq!(listens(&withdrawal), ["http://0.0.0.0:80", "https://0.0.0.0:443"]);
    assert_eq!(withdrawal.behind.to_string(), "127.0.0.1:8082");
    assert_eq!(withdrawal.certificate, Some(("/a.pem".into(), "/a.key".into())));
    assert!(withdrawal.force_https);
    let behind = &withdrawal.files[0].behind;
    assert!(!behind.contains("443") && !behind.contains("listen 80"), "{behind}");
    assert!(behind.contains("listen 127.0.0.1:8081;") && behind.contains("listen 127.0.0.1:8082;"));
    assert!(behind.contains("X-Forwarded-Proto ${storewarden_scheme};"), "{behind}");
    assert!(behind.contains("set $storewarden_scheme $scheme;"), "{behind}");
}

#[test]
fn what_stands_in_the_way_is_said_and_nothing_guessed() {
    let check = |site: &str, expect: &[&str]| {
        let obstacles = withdraw_from(site).unwrap_err();
        let codes: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.code).collect();
        assert_eq!(codes, expect, "{site}");
    };
    let ours = "server { listen 80; server_name lamps.example; }";
    check("server { listen 80; server_name other.example; }", &["no_server"]);
    check(&format!("{ours} server {{ listen 80; server_name other.example; }}"), &["other_site"]);
    check("server { listen 80; server_name lamps.example other.example; }", &["other_site"]);
    check("server { server_name lamps.example; }", &["no_listen"]);
    check("server { listen $port; server_name lamps.example; }", &["listen_not_understood"]);
    check("server { listen 80 proxy_protocol; server_name lamps.example; }", &["proxy_protocol"]);
    check(&format!("real_ip_header CF-Connecting-IP; {ours}"), &["somebody_before"]);
    check(&format!("{ours} }}"), &["not_understood"]);
    let tls = "listen 443 ssl; server_name lamps.example;";
    let keys = "ssl_certificate /a; ssl_certificate_key /b;";
    check(&format!("server {{ {tls} }}"), &["no_certificate"]);
    check(
        &format!("server {{ {tls} {keys} fastcgi_param HTTPS $https; }}"),
        &["says_https_itself"],
    );
    check(&format!("server {{ {tls} {keys} }} {ours}"), &["http_differs"]);
}

#[test]
fn a_default_server_of_nobody_makes_room_too_and_other_ports_stay() {
    let site = "server { listen 80 default_server; server_name _; return 444; }\n\
                server { listen 80; server_name lamps.example; }\n\
                server { listen 8443; server_name other.example; }\n";
    let withdrawal = withdraw_from(site).unwrap();
    let behind = &withdrawal.files[0].behind;
    assert!(behind.contains("listen 127.0.0.1:8081 default_server;"), "{behind}");
    assert!(behind.contains("listen 8443;") && !behind.contains("listen 80"), "{behind}");
    assert_eq!(listens(&withdrawal), ["http://0.0.0.0:80"]);
}

#[test]
fn no_file_makes_it_panic() {
    bolero::check!().with_type::<String>().for_each(|text| {
        withdraw_from(&format!("server {{ listen 80; server_name lamps.example; {text} }}")).ok();
        withdraw_from(text).ok();
    });
}
