//! Words that belong to somebody's machine and not to the project: paths of the place where it happened to be built.

use super::Finding;

/// First folders of paths that exist on one machine only.
const FOREIGN_ROOTS: [&str; 5] = ["home", "root", "Users", "work", "builds"];

/// A path counts where it stands by itself, not inside an address or a longer path. `tidy: REASON` on the line excuses it.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if path.ends_with("package-lock.json") || path == "Cargo.lock" {
        return findings;
    }
    for (index, line) in text.lines().enumerate() {
        if line.contains("tidy: ") {
            continue;
        }
        for root in FOREIGN_ROOTS {
            if names_root(line, root) {
                let message = format!(
                    "a path below `/{root}` exists on one machine only: make it relative, or take it as a setting"
                );
                findings.push(Finding::new(path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether `/root/` begins a path in `line`, with a name after it.
fn names_root(line: &str, root: &str) -> bool {
    let needle = format!("/{root}/");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        before.is_none_or(|character| character.is_whitespace() || "\"'`(=:<[,".contains(character))
            && after.is_some_and(|character| character.is_ascii_lowercase() || character == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        for root in FOREIGN_ROOTS {
            assert_eq!(
                check("README.md", &format!("see /{root}/someone/shop\n")).len(),
                1,
                "{root}"
            );
        }
    }

    #[test]
    fn an_address_or_a_longer_path_is_not_one() {
        for line in [
            "https://shop.example/home/lamps",
            "/srv/home/lamps",
            "the folder /etc/storewarden",
            "GET /home/ HTTP/1.1",
        ] {
            assert!(check("README.md", line).is_empty(), "{line}");
        }
        assert!(
            check("README.md", &format!("/{}/lamps  <!-- tidy: a page of the shop -->", "home"))
                .is_empty()
        );
    }
}
