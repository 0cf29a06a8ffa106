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
    page(title, &format!("<main class=narrow><section class=panel><h1>{}</h1>{body}</section></main>", escape(title)))
}

const STYLE: &str = "\
:root{--ink:#1a1f36;--soft:#5b6478;--line:#e3e8ee;--accent:#4f46e5;--ground:#f6f8fb;--bad:#b42318}\
*{box-sizing:border-box}\
body{margin:0;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif;\
color:var(--ink);background:var(--ground)}\
.banner{margin:0;padding:.4rem 1rem;text-align:center;font-size:.8rem;background:#fff4d6;color:#6b4e00}\
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem;display:grid;gap:3rem;\
grid-template-columns:repeat(auto-fit,minmax(19rem,1fr));align-items:start}\
main.narrow{max-width:30rem;display:block}\
h1{font-size:1.25rem;margin:0 0 1rem}h2{font-size:1rem;margin:1.5rem 0 .5rem}\
.amount{font-size:2.25rem;font-weight:650;letter-spacing:-.02em;margin:.25rem 0 1.5rem}\
.soft{color:var(--soft);font-size:.9rem}\
.lines{list-style:none;margin:0;padding:0}\
.lines li{display:flex;justify-content:space-between;gap:1rem;padding:.7rem 0;border-top:1px solid var(--line)}\
.lines li.total{font-weight:650}\
.panel{background:#fff;border:1px solid var(--line);border-radius:.75rem;padding:1.75rem;\
box-shadow:0 6px 24px rgba(26,31,54,.06)}\
label{display:block;font-size:.85rem;font-weight:550;margin:0 0 1rem}\
input[type=text],input[type=email]{display:block;width:100%;margin-top:.3rem;padding:.65rem .75rem;font:inherit;\
border:1px solid #c9d1dc;border-radius:.5rem;background:#fff;color:inherit}\
input:focus{outline:2px solid var(--accent);outline-offset:1px}\
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}\
.choice{display:flex;gap:1.25rem;margin:0 0 1rem;font-size:.9rem}.choice label{margin:0;font-weight:400}\
button{display:block;width:100%;padding:.8rem;border:0;border-radius:.5rem;font:inherit;font-weight:600;\
color:#fff;background:var(--accent);cursor:pointer}button:hover{filter:brightness(1.08)}\
button.plain{background:#fff;color:var(--ink);border:1px solid #c9d1dc;margin-top:.6rem}\
.error{margin:0 0 1rem;padding:.7rem .9rem;border-radius:.5rem;background:#fef3f2;color:var(--bad);\
border:1px solid #fecdca;font-size:.9rem}\
a{color:var(--accent)}details{margin-top:1.25rem;font-size:.85rem}summary{cursor:pointer;color:var(--soft)}\
table{width:100%;border-collapse:collapse;margin-top:.5rem}td{padding:.25rem 0;border-top:1px solid var(--line)}\
code{font:.85em ui-monospace,SFMono-Regular,Menlo,monospace}\
.back{display:inline-block;margin-bottom:1.5rem;text-decoration:none;font-size:.9rem}";

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
