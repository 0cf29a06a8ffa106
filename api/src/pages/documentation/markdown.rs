//! Markdown as HTML, with an anchor at each heading as code forges make them, and as text to be searched.

use std::collections::HashMap;

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::html::push_html;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A page's text.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) html: Markup,
    pub(super) sections: Vec<Section>,
    /// The targets of links that lead nowhere: of these only the text is shown.
    pub(super) unlinked: Vec<String>,
}

/// What stands under a heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) level: HeadingLevel,
    pub(super) title: String,
    /// Empty for what stands under the page's own heading.
    pub(super) anchor: String,
    /// Without markup.
    pub(super) text: String,
}

impl Section {
    fn at(level: HeadingLevel) -> Self {
        Self { level, title: String::new(), anchor: String::new(), text: String::new() }
    }
}

/// Renders a page. `address` says where the target of a link is, if it is anywhere.
pub(super) fn rendered(markdown: &str, address: impl Fn(&str) -> Option<String>) -> Rendered {
    let mut writer = Writer {
        address,
        events: Vec::new(),
        heading: None,
        is_unlinked: false,
        anchors: HashMap::new(),
        page: Rendered::default(),
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.take(event);
    }
    let mut page = writer.page;
    let mut text = String::new();
    push_html(&mut text, writer.events.into_iter());
    page.html = PreEscaped(text);
    page
}

/// A file of code as a page.
pub(super) fn code(title: &str, text: &str) -> Rendered {
    let html = html! { h1 { (title) } pre { code { (text) } } };
    let section = Section { title: title.to_owned(), text: text.to_owned(), ..Section::at(HeadingLevel::H1) };
    Rendered { html, sections: vec![section], unlinked: Vec::new() }
}

struct Writer<'text, Address> {
    address: Address,
    events: Vec<Event<'text>>,
    /// The place in `events` of the heading that has begun.
    heading: Option<usize>,
    /// Whether the link that has begun leads nowhere.
    is_unlinked: bool,
    /// How often a heading's text came before.
    anchors: HashMap<String, usize>,
    page: Rendered,
}

impl<'text, Address: Fn(&str) -> Option<String>> Writer<'text, Address> {
    fn take(&mut self, event: Event<'text>) {
        match event {
            // What a test does where a reader acts by hand, and nothing else.
            Event::Html(_) | Event::InlineHtml(_) => return,
            Event::Start(Tag::Heading { level, .. }) => {
                self.heading = Some(self.events.len());
                self.page.sections.push(Section::at(level));
            }
            Event::End(TagEnd::Heading(level)) => self.end_heading(level),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let Some(address) = (self.address)(&dest_url) else {
                    self.page.unlinked.push(dest_url.into_string());
                    self.is_unlinked = true;
                    return;
                };
                let dest_url = address.into();
                return self.events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            // Links are not nested.
            Event::End(TagEnd::Link) if std::mem::take(&mut self.is_unlinked) => return,
            Event::Text(ref text) | Event::Code(ref text) => self.note(text),
            Event::SoftBreak | Event::End(TagEnd::Paragraph | TagEnd::TableCell | TagEnd::Item) => {
                self.note(" ")
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn note(&mut self, text: &str) {
        let Some(section) = self.page.sections.last_mut() else { return };
        let place = if self.heading.is_some() { &mut section.title } else { &mut section.text };
        place.push_str(text);
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let (Some(start), Some(section)) = (self.heading.take(), self.page.sections.last_mut()) else {
            return;
        };
        if level == HeadingLevel::H1 {
            return;
        }
        section.anchor = anchor(&section.title);
        let before = self.anchors.entry(section.anchor.clone()).or_default();
        if *before > 0 {
            section.anchor = format!("{}-{before}", section.anchor);
        }
        *before += 1;
        if let Some(Event::Start(Tag::Heading { id, .. })) = self.events.get_mut(start) {
            *id = Some(section.anchor.clone().into());
        }
        let (to, label) = (format!("#{}", section.anchor), format!("Link to {}", section.title));
        let link = html! { " " a.anchor href=(to) aria-label=(label) { "#" } };
        self.events.push(Event::InlineHtml(link.into_string().into()));
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(markdown: &str) -> Rendered {
        rendered(markdown, |target| target.starts_with(['#', '/']).then(|| format!("to{target}")))
    }

    #[test]
    fn headings_have_the_anchors_of_a_code_forge() {
        let page = page("# Page\n\n## `order.paid`, or not_yet?\n\none\n\n## Again\n\n### Again\n\ntwo");
        let anchors: Vec<&str> = page.sections.iter().map(|section| section.anchor.as_str()).collect();
        assert_eq!(anchors, ["", "orderpaid-or-not_yet", "again", "again-1"]);
        assert!(
            page.html.0.contains("<h2 id=\"orderpaid-or-not_yet\"><code>order.paid</code>"),
            "{}",
            page.html.0
        );
        assert!(page.html.0.contains("href=\"#again-1\""), "{}", page.html.0);
        assert_eq!(page.sections[3].text.trim(), "two");
    }

    #[test]
    fn a_link_to_nowhere_is_text_and_remarks_are_left_out() {
        let page = page("# Page\n\n[here](/a) and [there](b.md)\n\n<!-- run: pay -->\n<b>bold</b>");
        assert!(page.html.0.contains("<a href=\"to/a\">here</a> and there</p>"), "{}", page.html.0);
        assert_eq!(page.unlinked, ["b.md"]);
        assert!(!page.html.0.contains("pay") && !page.html.0.contains("<b>"), "{}", page.html.0);
    }
}
