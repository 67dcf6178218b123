//! Committed lock files name the public registries only: a checkout must not need anybody's private mirror.

use super::Finding;

const CARGO_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM_HOST: &str = "https://registry.npmjs.org/";

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "Cargo.lock" => check_lines(path, text, "source = \"", |source| {
            source.trim_end_matches('"') == CARGO_SOURCE
        }),
        "package-lock.json" => {
            check_lines(path, text, "\"resolved\": \"", |source| source.starts_with(NPM_HOST))
        }
        ".npmrc" => check_lines(path, text, "registry=", |_| false),
        "yarn.lock" | "pnpm-lock.yaml" => {
            vec![Finding::new(
                path,
                0,
                "npm with package-lock.json is the one way packages are fetched",
            )]
        }
        _ => Vec::new(),
    }
}

fn check_lines(path: &str, text: &str, marker: &str, is_usual: fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((_, source)) = line.split_once(marker) else { continue };
        if !is_usual(source) {
            let message = format!(
                "a package from elsewhere than the public registry: {}",
                source.trim_end_matches(['"', ','])
            );
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_registries_pass() {
        assert!(
            check("Cargo.lock", &format!("name = \"a\"\nsource = \"{CARGO_SOURCE}\"\n")).is_empty()
        );
        assert!(
            check(
                "web/package-lock.json",
                &format!("  \"resolved\": \"{NPM_HOST}vite/-/vite-7.0.0.tgz\",\n")
            )
            .is_empty()
        );
    }

    #[test]
    fn anything_else_does_not() {
        let git = "name = \"a\"\nsource = \"git+https://git.example/a#abc\"\n";
        assert_eq!(check("Cargo.lock", git)[0].line, 2);
        let mirror = "\"resolved\": \"http://mirror.example:8080/vite.tgz\",\n";
        assert_eq!(check("web/package-lock.json", mirror).len(), 1);
        assert_eq!(check("web/.npmrc", "fund=false\nregistry=http://mirror.example\n").len(), 1);
        assert_eq!(check("web/yarn.lock", "").len(), 1);
    }
}
