//! Trouble told to programs: a problem document (RFC 9457), or one plain line.

use super::{
    Page,
    negotiation::Language,
    report::{Report, ReportError},
    text, time,
};
use serde_json::json;

pub(super) fn document(page: &Page<'_>, language: Language) -> String {
    let status = page.trouble.status();
    let mut document = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail(page, language),
        "code": page.trouble.code(),
        "request_id": page.id.as_str(),
        "time": time::rfc3339(page.unix_ms),
    });
    if let Some(seconds) = page.retry_after_s {
        document["retry_after_s"] = seconds.into();
    }
    document.to_string()
}

pub(super) fn line(page: &Page<'_>, language: Language) -> String {
    let words = text::page_words(language);
    format!("{} {}: {}\n", detail(page, language), words.reference, page.id)
}

fn detail(page: &Page<'_>, language: Language) -> String {
    let name = page.brand.map(|brand| brand.name.as_str());
    let mut detail = text::lead(page.trouble, name, language);
    if let Some(meaning) = text::meaning(page, language) {
        detail.push(' ');
        detail.push_str(meaning);
    }
    detail
}

pub(super) fn report_document(report: &Result<Report, ReportError>) -> String {
    match report {
        Ok(report) => json!({ "reference": report.reference }),
        Err(error) => json!({
            "type": "about:blank",
            "title": error.status().canonical_reason().unwrap_or_default(),
            "status": error.status().as_u16(),
            "detail": error.to_string(),
        }),
    }
    .to_string()
}

pub(super) fn report_line(report: &Result<Report, ReportError>, language: Language) -> String {
    match report {
        Ok(_) => format!("{}\n", text::page_words(language).thanks),
        Err(error) => format!("{}\n", text::report_trouble(*error, language)),
    }
}
