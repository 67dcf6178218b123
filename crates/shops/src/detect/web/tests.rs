//! Configurations as people write them, and what is seen of each.

use super::*;
use std::collections::BTreeMap;

/// The sites of a configuration whose first file is the first one, each as one line, and the notes.
fn read(kind: Kind, texts: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let all: BTreeMap<PathBuf, &str> =
        texts.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    let text = |path: &Path| Ok(all.get(path).map(|text| (*text).to_owned()));
    let exists = |path: &Path| all.contains_key(path);
    let list = |folder: &Path| {
        all.keys().filter(|path| path.parent() == Some(folder)).cloned().collect::<Vec<_>>()
    };
    let files = Files { text: &text, exists: &exists, list: &list };
    let read = match kind {
        Kind::Nginx => nginx::read(Path::new(texts[0].0), files),
        Kind::Apache => apache::read(Path::new(texts[0].0), files),
    };
    (read.sites.iter().map(line).collect(), read.notes)
}

fn line(site: &Site) -> String {
    let names: Vec<&str> = site.names.iter().map(|name| name.value.as_str()).collect();
    let listens: Vec<String> = site
        .listens
        .iter()
        .map(|on| {
            let ip = on.ip.map_or_else(|| "*".to_owned(), |ip| ip.to_string());
            format!("{ip}:{}{}", on.port, if on.tls { " tls" } else { "" })
        })
        .collect();
    let passes: Vec<String> = site.passes_to.iter().map(|to| to.value.to_string()).collect();
    let path = |seen: &Option<Seen<PathBuf>>| {
        seen.as_ref().map_or_else(|| "-".to_owned(), |seen| seen.value.display().to_string())
    };
    format!(
        "{} [{}] on {} to [{}] root {} log {} certificate {}",
        site.place,
        names.join(" "),
        listens.join(","),
        passes.join(" "),
        path(&site.root),
        path(&site.access_log),
        path(&site.certificate)
    )
}

#[test]
fn nginx_in_front_of_an_application_is_read_with_its_includes() {
    let (sites, notes) = read(
        Kind::Nginx,
        &[
            (
                "/etc/nginx/nginx.conf",
                "user www-data;\nevents { worker_connections 768; }\nhttp {\n  access_log /var/log/nginx/access.log;\n  \
                 include mime.types;\n  include /etc/nginx/sites-enabled/*;\n}\n",
            ),
            ("/etc/nginx/mime.types", "types { text/html html htm; }"),
            (
                "/etc/nginx/sites-enabled/shop",
                "upstream shop { server 127.0.0.1:3001 weight=2; server localhost:3002; keepalive 8; }\n\
                 server {\n  listen 80;\n  listen [::]:443 ssl http2;\n  \
                 server_name Lamps.example www.lamps.example;\n  \
                 ssl_certificate /etc/ssl/lamps.pem; ssl_certificate_key /etc/ssl/lamps.key;\n  \
                 location / {\n    proxy_pass http://shop;\n    proxy_set_header Host $host;\n  }\n  \
                 location ~ ^/api { proxy_pass http://127.0.0.1:3001/x; }\n}\n",
            ),
            ("/etc/nginx/sites-enabled/.hidden", "server { server_name no.example; }"),
        ],
    );
    assert_eq!(
        sites,
        ["/etc/nginx/sites-enabled/shop:2 [lamps.example www.lamps.example] on *:80,*:443 tls \
          to [127.0.0.1:3001 127.0.0.1:3002] root - log /var/log/nginx/access.log \
          certificate /etc/ssl/lamps.pem"]
    );
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn what_nginx_says_and_we_do_not_follow_is_told() {
    let (sites, notes) = read(
        Kind::Nginx,
        &[(
            "/n.conf",
            "http {\nserver {\nlisten 127.0.0.1:8081;\nserver_name _ .lamps.example ~^x$;\n\
             location / { proxy_pass http://$backend; }\nlocation /u { proxy_pass http://unix:/a:; }\n\
             root /srv/lamps/public;\naccess_log off;\n}\ninclude gone.conf; include /a/*/b;\n}\n",
        )],
    );
    assert_eq!(
        sites,
        ["/n.conf:2 [lamps.example *.lamps.example] on 127.0.0.1:8081 to [] \
          root /srv/lamps/public log - certificate -"]
    );
    assert_eq!(
        notes,
        [
            "/gone.conf is not there",
            "/n.conf:10 includes by a pattern that is not followed",
            "/n.conf:5 passes on to `http://$backend`, which is not followed",
            "/n.conf:6 passes on to `http://unix:/a:`, which is not followed",
            "/n.conf:4 has the server_name `~^x$`, which is not taken over",
        ]
    );
}

#[test]
fn apache_is_read_with_its_variables_and_balancers() {
    let (sites, notes) = read(
        Kind::Apache,
        &[
            (
                "/etc/apache2/apache2.conf",
                "# Global\nIncludeOptional sites-enabled/*.conf\nIncludeOptional none/*.conf\n",
            ),
            ("/etc/apache2/envvars", "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"),
            (
                "/etc/apache2/sites-enabled/shop.conf",
                "<VirtualHost *:80>\n  ServerName lamps.example:80\n  ServerAlias www.lamps.example \\\n\
                 \x20   shop.lamps.example\n  DocumentRoot \"/var/www/lamps\"\n  \
                 CustomLog ${APACHE_LOG_DIR}/lamps.log combined\n  <Directory /var/www/lamps>\n    \
                 Require all granted\n  </Directory>\n</VirtualHost>\n\
                 <VirtualHost 10.0.0.5:443>\n  ServerName api.lamps.example\n  SSLEngine on\n  \
                 SSLCertificateFile /etc/ssl/lamps.pem\n  CustomLog \"|rotatelogs x\" combined\n  \
                 ProxyPass /static !\n  ProxyPass / balancer://shop/\n  \
                 <Location /one>\n ProxyPass http://127.0.0.1:3009/\n </Location>\n</VirtualHost>\n\
                 <Proxy balancer://shop>\n  BalancerMember http://127.0.0.1:3001\n  \
                 BalancerMember http://127.0.0.1:3002 loadfactor=2\n</Proxy>\n",
            ),
        ],
    );
    assert_eq!(
        sites,
        [
            "/etc/apache2/sites-enabled/shop.conf:1 [lamps.example www.lamps.example shop.lamps.example] \
             on *:80 to [] root /var/www/lamps log /var/log/apache2/lamps.log certificate -",
            "/etc/apache2/sites-enabled/shop.conf:11 [api.lamps.example] on 10.0.0.5:443 tls \
             to [127.0.0.1:3009 127.0.0.1:3001 127.0.0.1:3002] root - log - certificate /etc/ssl/lamps.pem",
        ]
    );
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn includes_in_circles_come_to_an_end() {
    let (_, notes) = read(Kind::Nginx, &[("/n.conf", "include n.conf;")]);
    assert_eq!(notes, ["/n.conf is one file too many: includes go in circles"]);
    let (_, notes) = read(Kind::Apache, &[("/a.conf", "Include a.conf")]);
    assert_eq!(notes, ["/a.conf is one file too many: includes go in circles"]);
}

#[test]
fn a_server_is_asked_for_its_own_configuration() {
    let exists = |path: &Path| path == Path::new("/etc/nginx/nginx.conf");
    let files = Files { text: &|_| Ok(None), exists: &exists, list: &|_| Vec::new() };
    let check = |kind: Kind, command: &[&str], expect: &str| {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let directory = Some(PathBuf::from("/srv/www"));
        let listener = Listener { command, directory, ..Listener::default() };
        assert_eq!(
            configuration_file(kind, &listener, files),
            Path::new(expect),
            "{command:?}",
            command = listener.command
        );
    };
    check(Kind::Nginx, &["nginx: master process nginx -c a.conf -p /srv"], "/srv/a.conf");
    check(Kind::Nginx, &["nginx: master process nginx -c /a.conf"], "/a.conf");
    check(Kind::Nginx, &["nginx: master process /usr/sbin/nginx"], "/etc/nginx/nginx.conf");
    check(Kind::Apache, &["/usr/sbin/apache2", "-k", "start"], "/etc/apache2/apache2.conf");
    check(Kind::Apache, &["httpd", "-f", "b.conf"], "/srv/www/b.conf");
}

#[test]
fn no_text_makes_it_panic() {
    bolero::check!().with_type::<String>().for_each(|said| {
        let text = |path: &Path| Ok((path == Path::new("/c")).then(|| said.clone()));
        let files = Files { text: &text, exists: &|_| false, list: &|_| Vec::new() };
        nginx::read(Path::new("/c"), files);
        apache::read(Path::new("/c"), files);
    });
}
