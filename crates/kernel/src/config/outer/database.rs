//! Where a shop's database is, and how its password stays out of the file.
//!
//! `${NAME}` stands for a variable of the environment, `${file:/PATH}` for what a file holds,
//! `${credential:NAME}` for what systemd gave us: the whole address, or a part of it.

use super::reader::Wrong;
use crate::config::{DatabaseKind, DatabaseUrl};
use std::fmt::Write as _;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An address with its variables put in.
pub(super) fn read(text: &str, environment: Environment<'_>) -> Result<DatabaseUrl, Wrong> {
    if let Some(name) = whole_reference(text) {
        let value = lookup(name, environment)?;
        return judge(&value, &format!("the variable `{name}`"));
    }
    if let Some(found) = clear_password(text) {
        return Err(Wrong::new(
            format!("has a password in clear: {}", found.masked),
            format!(
                "write `{}` and set SHOP_DATABASE_PASSWORD in Storewarden's environment",
                found.mended
            ),
        ));
    }
    judge(&substitute(text, environment)?, "the address")
}

/// The value of the variable that `text` is: `${NAME}` and nothing else; `None` for other texts.
pub(super) fn variable(text: &str, environment: Environment<'_>) -> Result<Option<String>, Wrong> {
    whole_reference(text).map(|name| lookup(name, environment)).transpose()
}

fn whole_reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['{', '}', '$'])).then_some(name)
}

/// What a reference stands for: a variable, `file:/PATH` or `credential:NAME`.
fn lookup(name: &str, environment: Environment<'_>) -> Result<String, Wrong> {
    let found = || environment(name).filter(|value| !value.is_empty());
    if let Some(path) = name.strip_prefix("file:") {
        if !path.starts_with('/') {
            let message = format!("refers to `${{{name}}}`, which is no whole path");
            return Err(Wrong::new(message, "write `${file:/etc/storewarden/password}`"));
        }
        let mend = "make it readable for the user whom Storewarden runs as, with the text in it";
        let message = format!("needs the file {path}, which is empty or cannot be read");
        return found().ok_or_else(|| Wrong::new(message, mend));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if let Some(credential) = name.strip_prefix("credential:") {
        let in_name = |byte: u8| fits(byte) || byte == b'-' || byte == b'.';
        if credential.is_empty() || !credential.bytes().all(in_name) || credential.starts_with('.')
        {
            let message = format!("refers to `${{{name}}}`, which is no credential's name");
            return Err(Wrong::new(message, "write `${credential:NAME}`, as in the systemd unit"));
        }
        let message = format!("needs systemd's credential `{credential}`, which is not there");
        let mend = format!("add `LoadCredential={credential}:/PATH` to Storewarden's systemd unit");
        return found().ok_or_else(|| Wrong::new(message, mend));
    }
    if name.is_empty() || !name.bytes().all(fits) {
        let message = format!("refers to `${{{name}}}`, which is no variable's name");
        return Err(Wrong::new(message, "write `${NAME}` with letters, digits and `_`"));
    }
    found().ok_or_else(|| {
        Wrong::new(
            format!("needs the variable `{name}` of the environment, which is not set"),
            format!(
                "start Storewarden with it, such as by `Environment={name}=…` or \
                 `EnvironmentFile=` in its systemd unit"
            ),
        )
    })
}

/// Puts variables into an address; what has a meaning in one is percent-encoded.
fn substitute(text: &str, environment: Environment<'_>) -> Result<String, Wrong> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Wrong::new("has a `${` without its `}`", "close it: `${NAME}`"));
        };
        whole.push_str(before);
        for byte in lookup(name, environment)?.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    whole.push(char::from(byte));
                }
                _ => write!(whole, "%{byte:02X}").expect("invariant: a String takes all text"),
            }
        }
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

struct ClearPassword {
    masked: String,
    mended: String,
}

/// A password that stands in the text itself, not in a variable.
fn clear_password(text: &str) -> Option<ClearPassword> {
    const REFERENCE: &str = "${SHOP_DATABASE_PASSWORD}";
    let begun = |password: &str| password.starts_with("${") && !password.contains('}');
    let in_clear = |password: &str| {
        !password.is_empty() && whole_reference(password).is_none() && !begun(password)
    };
    let replaced = |start: usize, end: usize| ClearPassword {
        masked: format!("{}***{}", &text[..start], &text[end..]),
        mended: format!("{}{REFERENCE}{}", &text[..start], &text[end..]),
    };
    let authority = text.find("://")? + 3;
    let end = text[authority..].find(['/', '?']).map_or(text.len(), |at| authority + at);
    // A password may hold `@`, `/` and `?` where it was not encoded: the last `@` ends it.
    let end = text[authority..].rfind('@').map_or(end, |at| (authority + at).max(authority));
    if let Some(colon) = text[authority..end].find(':').map(|at| authority + at) {
        let has_user_part = text[end..].starts_with('@');
        if has_user_part && in_clear(&text[colon + 1..end]) {
            return Some(replaced(colon + 1, end));
        }
    }
    let query = text.find('?')? + 1;
    let mut start = query;
    for part in text[query..].split('&') {
        if let Some(value) = part.strip_prefix("password=").filter(|value| in_clear(value)) {
            let from = start + part.len() - value.len();
            return Some(replaced(from, start + part.len()));
        }
        start += part.len() + 1;
    }
    None
}

/// The address itself, never repeated in a message: it may hold a password by now.
fn judge(address: &str, what: &str) -> Result<DatabaseUrl, Wrong> {
    const EXAMPLE: &str = "write \"postgres://shop@127.0.0.1/shop\", \
                           \"mysql://shop@127.0.0.1/shop\" or \"sqlite:/var/lib/shop/shop.db\"";
    let Some((scheme, rest)) = address.split_once(':') else {
        return Err(Wrong::new(format!("is no database's address: {what} has no `:`"), EXAMPLE));
    };
    let kind = match scheme {
        "postgres" | "postgresql" => DatabaseKind::Postgres,
        "mysql" | "mariadb" => DatabaseKind::MySql,
        "sqlite" | "sqlite3" => return sqlite(rest, what),
        _ => {
            let message = format!("is no database's address: {what} begins with `{scheme}:`");
            return Err(Wrong::new(message, EXAMPLE));
        }
    };
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Wrong::new(format!("is incomplete: {what} lacks `//`"), EXAMPLE));
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (server, database) = place.split_once('/').unwrap_or((place, ""));
    let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
    if server.is_empty() && !query.contains("host=") && !query.contains("socket=") {
        return Err(Wrong::new(format!("is incomplete: {what} names no server"), EXAMPLE));
    }
    if database.is_empty() {
        let mend = "add its name at the end, such as \"postgres://shop@127.0.0.1/shop\"";
        return Err(Wrong::new(format!("is incomplete: {what} names no database"), mend));
    }
    let port = server.rsplit_once(':').filter(|_| !server.ends_with(']')).map(|(_, port)| port);
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        let mend = "a port is a number up to 65535; other signs in a password are written in \
                    percent-encoding";
        return Err(Wrong::new(format!("has a port that is none, in {what}"), mend));
    }
    let scheme = if kind == DatabaseKind::Postgres { "postgres" } else { "mysql" };
    Ok(DatabaseUrl { kind, secret: format!("{scheme}://{rest}") })
}

fn sqlite(rest: &str, what: &str) -> Result<DatabaseUrl, Wrong> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') {
        let message = format!("is relative: {what} does not say from where");
        return Err(Wrong::new(
            message,
            "write the whole path, such as \"sqlite:/var/lib/shop/shop.db\"",
        ));
    }
    Ok(DatabaseUrl { kind: DatabaseKind::Sqlite, secret: format!("sqlite:{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "PASSWORD" => Some("p@ss/w:rd".to_owned()),
            "WHOLE" => Some("postgres://shop:secret@10.0.0.5/shop".to_owned()),
            "BROKEN" => Some("secret".to_owned()),
            "file:/run/whole" => environment("WHOLE"),
            "credential:shop-password" => environment("PASSWORD"),
            _ => None,
        }
    }

    #[test]
    fn addresses_are_read_with_their_variables() {
        let check = |text: &str, kind: DatabaseKind, secret: &str| {
            let expect = DatabaseUrl { kind, secret: secret.to_owned() };
            assert_eq!(read(text, &environment), Ok(expect), "{text}");
        };
        let local = "postgres://shop@127.0.0.1/shop";
        check(local, DatabaseKind::Postgres, local);
        check("postgresql://shop@127.0.0.1/shop", DatabaseKind::Postgres, local);
        check("mariadb://h:3306/x", DatabaseKind::MySql, "mysql://h:3306/x");
        check("sqlite:/a/b.db", DatabaseKind::Sqlite, "sqlite:/a/b.db");
        check("sqlite:///a/b.db", DatabaseKind::Sqlite, "sqlite:/a/b.db");
        let encoded = "mysql://u:p%40ss%2Fw%3Ard@h/x";
        check("mysql://u:${PASSWORD}@h/x", DatabaseKind::MySql, encoded);
        let whole = "postgres://shop:secret@10.0.0.5/shop";
        check("${WHOLE}", DatabaseKind::Postgres, whole);
        check("${file:/run/whole}", DatabaseKind::Postgres, whole);
        check("mysql://u:${credential:shop-password}@h/x", DatabaseKind::MySql, encoded);
        let socket = "postgres://shop@/shop?host=/run/postgresql";
        check(socket, DatabaseKind::Postgres, socket);
    }

    #[test]
    fn what_is_wrong_is_said_without_saying_a_secret() {
        let check = |text: &str, expect: &str| {
            let Wrong { message, mend } = read(text, &environment).unwrap_err();
            let said = format!("{message}; {mend}");
            assert!(said.contains(expect), "{text}: {said}");
            assert!(!said.contains("secret"), "{text}: {said}");
        };
        check("postgres://shop:secret@h/x", "in clear: postgres://shop:***@h/x");
        check("postgres://shop:secret@h/x", "`postgres://shop:${SHOP_DATABASE_PASSWORD}@h/x`");
        check("postgres://shop:secret/@?@h/x", "in clear: postgres://shop:***@h/x");
        check(
            "postgres://h/x?a=1&password=secret&b=2",
            "in clear: postgres://h/x?a=1&password=***&b=2",
        );
        check("${NOT_SET}", "`NOT_SET`");
        check("mysql://u:${NOT_SET}@h/x", "`NOT_SET`");
        check("${a b}", "no variable's name");
        check("mysql://u:${PASSWORD@h/x", "without its `}`");
        check("${file:shop}", "no whole path");
        check("${file:/gone}", "the file /gone, which is empty or cannot be read");
        check("${credential:gone}", "`LoadCredential=gone:/PATH`");
        check("${credential:../x}", "no credential's name");
        check("${BROKEN}", "the variable `BROKEN`");
        check("oracle://h/x", "begins with `oracle:`");
        check("postgres:h/x", "lacks `//`");
        check("postgres:///x", "names no server");
        check("postgres://h", "names no database");
        check("postgres://h:port/x", "a port that is none");
        check("sqlite:shop.db", "is relative");
        check("shop", "has no `:`");
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let _result = read(&text, &environment);
            let _result = read(&format!("postgres://{text}"), &environment);
        });
    }
}
