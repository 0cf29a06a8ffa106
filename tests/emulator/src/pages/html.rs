//! The frame that all pages share, and the escaping of what is put into it.

use std::fmt::Write;

/// Text as it may stand in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A whole page. `title` is escaped here; `body` is markup already.
pub(crate) fn page(title: &str, body: &str) -> String {
    let mut html = String::from("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    // Writing to a String cannot fail.
    let _ = write!(html, "<title>{}</title><style>{STYLE}</style></head><body>", escape(title));
    html.push_str("<p class=banner>Test mode · no real money moves on this page</p>");
    html.push_str(body);
    html.push_str("</body></html>");
    html
}

/// A page with one narrow card in the middle.
pub(crate) fn card_page(title: &str, body: &str) -> String {
    page(
        title,
        &format!("<main class=narrow><section class=panel><h1>{}</h1>{body}</section></main>", escape(title)),
    )
}

const STYLE: &str = include_str!("style.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_from_text_or_attributes() {
        let hostile = "<script>alert('x')</script>\" onload=\"&";
        let escaped = escape(hostile);
        assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        assert!(page(hostile, "").contains("&lt;script&gt;"));
    }
}
