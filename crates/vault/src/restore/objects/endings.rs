//! What an object is served as, by how its key ends: a list of objects does not tell, and no backup knows.

/// Of what nobody knows.
const BYTES: &str = "application/octet-stream";

/// Media types by endings (iana.org/assignments/media-types, read 2026-11).
const TYPES: [(&str, &str); 34] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jxl", "image/jxl"),
    ("m4a", "audio/mp4"),
    ("mjs", "text/javascript"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

pub(super) fn content_type(key: &str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let found = TYPES.binary_search_by_key(&ending.as_str(), |(known, _)| known);
    found.map_or(BYTES, |at| TYPES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_tells_the_type() {
        let check = |key: &str, expect: &str| assert_eq!(content_type(key), expect, "{key}");
        check("a/b/Lamp.JPG", "image/jpeg");
        check("a.d/lamp", BYTES);
        check("lamp.tar.zip", "application/zip");
        check("avif", BYTES);
        for (ending, expect) in TYPES {
            check(&format!("x.{ending}"), expect);
        }
    }
}
