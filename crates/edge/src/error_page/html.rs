//! Pages for people: one column, the shop's colour, nothing fetched. Escapes whatever is not ours.

use super::{
    Page,
    negotiation::Language,
    picture::Scene,
    report::{MOST_CHARACTERS, REPORT_PATH, Report, ReportError},
    text::{self, Words},
    time,
};
use crate::request_id::RequestId;
use kernel::snapshot::Brand;
use std::fmt::{self, Write};

const CSS: &str = include_str!("page.css");

/// Text from outside, safe in an element and in a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

pub(super) fn trouble_page(page: &Page<'_>, language: Language) -> String {
    let words = text::page_words(language);
    let title = text::title(page.trouble, language);
    let wait = page.retry_after_s.filter(|_| page.trouble.waits() && page.may_repeat());
    let mut html = Html::begin(page.brand, title, language, wait);
    let name = page.brand.map(|brand| brand.name.as_str());
    let lead = text::lead(page.trouble, name, language);
    html.scene(Scene::of(page.trouble));
    html.put(format_args!("<h1>{title}</h1><p class=\"lead\">{}</p>", Escaped(&lead)));
    if let Some(meaning) = text::meaning(page, language) {
        html.put(format_args!("<p class=\"meaning\">{meaning}</p>"));
    }
    if page.may_repeat() {
        // An empty reference is this page's own address.
        html.put(format_args!(
            "<div class=\"go\"><a class=\"button\" href=\"\">{}</a>",
            words.retry
        ));
        if let Some(seconds) = wait {
            html.put(format_args!(
                "<div class=\"bar\"><b style=\"animation-duration:{seconds}s\"></b></div>\
                 <p class=\"wait\">{} {seconds} {}</p>",
                words.waits, words.seconds
            ));
        }
        html.put(format_args!("</div>"));
    }
    // A page that loads itself again would take away what was written into it.
    if page.brand.is_some() && wait.is_none() {
        html.report_form(page.id, words);
    }
    html.end_main();
    html.footer(page, words, language);
    html.end()
}

pub(super) fn report_page(
    brand: &Brand,
    report: &Result<Report, ReportError>,
    language: Language,
) -> String {
    let words = text::page_words(language);
    let (scene, title, lead) = match report {
        Ok(_) => (Scene::Thanks, words.thanks_title, words.thanks),
        Err(error) => (Scene::Returned, words.report, text::report_trouble(*error, language)),
    };
    let mut html = Html::begin(Some(brand), title, language, None);
    html.scene(scene);
    html.put(format_args!("<h1>{title}</h1><p class=\"lead\">{lead}</p>"));
    html.put(format_args!(
        "<div class=\"go\"><a class=\"button\" href=\"/\">{}</a></div>",
        words.back
    ));
    html.end_main();
    if let Ok(report) = report {
        let short = &report.reference[report.reference.len().saturating_sub(8)..];
        html.put(format_args!("<footer><p>{} {}</p></footer>", words.reference, Spaced(short)));
    }
    html.end()
}

/// A reference in two groups to be read out; copied, it is one word.
struct Spaced<'a>(&'a str);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        write!(f, "<code>{}<u>{}</u></code>", Escaped(first), Escaped(second))
    }
}

struct Html(String);

impl Html {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("invariant: writing to memory");
    }

    fn begin(
        brand: Option<&Brand>,
        title: &str,
        language: Language,
        refresh_s: Option<u32>,
    ) -> Self {
        let mut html = Self(String::with_capacity(12 * 1024));
        let (colour, shade, on) = colours(brand.map_or("", |brand| &brand.colour));
        html.put(format_args!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\">",
            language.tag()
        ));
        if let Some(seconds) = refresh_s {
            html.put(format_args!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"));
        }
        let name = brand.map_or("", |brand| &brand.name);
        let separator = if name.is_empty() { "" } else { " · " };
        html.put(format_args!(
            "<title>{title}{separator}{}</title>\
             <style>:root{{--brand:{colour};--shade:{shade};--on:{on}}}\n{CSS}</style></head><body>",
            Escaped(name)
        ));
        html.put(format_args!("<header>"));
        if let Some(initial) = name.chars().find(|c| c.is_alphanumeric()) {
            let initial: String = initial.to_uppercase().collect();
            let (initial, name) = (Escaped(&initial), Escaped(name));
            html.put(format_args!("<i aria-hidden=\"true\">{initial}</i><span>{name}</span>"));
        }
        html.put(format_args!("</header><main>"));
        html
    }

    fn scene(&mut self, scene: Scene) {
        self.0.push_str(&scene.svg());
    }

    fn report_form(&mut self, id: &RequestId, words: &Words) {
        let Words { report, report_label, report_hint, send, .. } = words;
        self.put(format_args!(
            "<details><summary>{report}</summary>\
             <form method=\"post\" action=\"{REPORT_PATH}\">\
             <input type=\"hidden\" name=\"reference\" value=\"{id}\">\
             <label for=\"what\">{report_label}</label>\
             <textarea id=\"what\" name=\"what\" maxlength=\"{MOST_CHARACTERS}\" required></textarea>\
             <small>{report_hint}</small>\
             <button class=\"button quiet\">{send}</button></form></details>"
        ));
    }

    fn end_main(&mut self) {
        self.0.push_str("</main>");
    }

    fn footer(&mut self, page: &Page<'_>, words: &Words, language: Language) {
        self.put(format_args!(
            "<footer><p>{} {} · <time datetime=\"{}\">{}</time></p>",
            words.reference,
            Spaced(page.id.reference()),
            time::rfc3339(page.unix_ms),
            time::moment(page.unix_ms, language),
        ));
        if let Some(contact) = page.brand.and_then(|brand| brand.contact.as_deref()) {
            self.put(format_args!("<p>{} {}. {}</p>", words.contact, Contact(contact), words.keep));
        }
        self.0.push_str("</footer>");
    }

    fn end(mut self) -> String {
        self.0.push_str("</body></html>\n");
        self.0
    }
}

/// An e-mail address or telephone number, to be clicked on.
struct Contact<'a>(&'a str);

impl fmt::Display for Contact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Escaped(self.0);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "@.+-_".contains(c);
        if self.0.contains('@') && self.0.chars().all(allowed) {
            return write!(f, "<a href=\"mailto:{text}\">{text}</a>");
        }
        let dialled: String = self.0.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let is_number = dialled.len() > 4 && !self.0.contains(char::is_alphabetic);
        if is_number {
            write!(f, "<a href=\"tel:{dialled}\">{text}</a>")
        } else {
            write!(f, "{text}")
        }
    }
}

/// The shop's colour, a shade of it for buttons, and what is read well on that shade (a contrast of
/// 4.5 at least, WCAG 2.2). What is no `#rrggbb` becomes slate.
fn colours(colour: &str) -> (String, String, &'static str) {
    const SLATE: (u8, u8, u8) = (0x3a, 0x46, 0x5c);
    /// At this luminance and below, white has a contrast of 4.5.
    const WHITE_IS_READ: f64 = 0.183;
    /// Brighter colours keep their shade and get black text.
    const BRIGHT: f64 = 0.35;
    let brand = parse_colour(colour).unwrap_or(SLATE);
    let name = |(r, g, b): (u8, u8, u8)| format!("#{r:02x}{g:02x}{b:02x}");
    if luminance(brand) > BRIGHT {
        return (name(brand), name(brand), "#111");
    }
    let mut shade = brand;
    while luminance(shade) > WHITE_IS_READ {
        let darker = |channel: u8| channel - channel.div_ceil(32);
        shade = (darker(shade.0), darker(shade.1), darker(shade.2));
    }
    (name(brand), name(shade), "#fff")
}

/// Relative luminance, 0..=1.
fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

fn parse_colour(colour: &str) -> Option<(u8, u8, u8)> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some((channel(0)?, channel(2)?, channel(4)?))
}
