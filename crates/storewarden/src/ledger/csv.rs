//! Records as comma-separated values (RFC 4180), for spreadsheets and auditors.

use store::LedgerRecord;

pub(super) const HEAD: &str =
    "sequence,at_ms,time,actor,shop,kind,subject,params,previous,hash\r\n";

pub(super) fn line(record: &LedgerRecord) -> String {
    let params =
        serde_json::to_string(&record.params).expect("invariant: numbers and texts are JSON");
    let fields = [
        record.sequence.to_string(),
        record.at_ms.to_string(),
        super::utc(record.at_ms),
        record.actor.clone(),
        record.shop.clone().unwrap_or_default(),
        record.kind.clone(),
        record.subject.clone().unwrap_or_default(),
        params,
        record.previous.to_string(),
        record.hash.to_string(),
    ];
    format!("{}\r\n", fields.map(|text| field(&text)).join(","))
}

/// Spreadsheets take what begins so for a formula; a quote before it keeps it a text.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let check = |text: &str, expect: &str| assert_eq!(field(text), expect);
        check("run:7", "run:7");
        check("{\"a\":1,\"b\":2}", "\"{\"\"a\"\":1,\"\"b\"\":2}\"");
        check("a\nb", "\"a\nb\"");
        check("=cmd()", "'=cmd()");
        check("", "");
        check("-5", "-5");
    }
}
