//! All pages, rendered once.

use std::sync::LazyLock;

use bytes::Bytes;
use maud::html;
use pulldown_cmark::HeadingLevel;

use super::contents::{Source, linked, sources};
use super::layout::{Page, address};
use super::markdown::{Rendered, code, rendered};

pub(super) static SITE: LazyLock<Site> =
    LazyLock::new(|| Site { pages: sources().map(SitePage::new).collect() });

pub(super) struct Site {
    pub(super) pages: Vec<SitePage>,
}

pub(super) struct SitePage {
    pub(super) source: &'static Source,
    pub(super) rendered: Rendered,
    html: Bytes,
}

impl Site {
    pub(super) fn page(&self, name: &str) -> Option<Bytes> {
        self.pages.iter().find(|page| page.source.name == name).map(|page| page.html.clone())
    }
}

impl SitePage {
    fn new(source: &'static Source) -> Self {
        // The first page is at `/docs` itself.
        let folder = if source.name.is_empty() { "docs/" } else { "" };
        let rendered = if source.file.ends_with(".md") {
            rendered(source.text, |target| href(folder, source, target))
        } else {
            code(source.title, source.text)
        };
        let headings = rendered.sections.iter().filter(|section| section.level == HeadingLevel::H2);
        let headings = headings.map(|section| (section.anchor.as_str(), section.title.as_str())).collect();
        let page = Page {
            title: source.title,
            folder,
            source: Some(source),
            headings,
            query: "",
            text: &rendered.html,
        };
        let html = page.html().into();
        Self { source, rendered, html }
    }
}

/// Where a link of a page leads, if to anywhere that is served or to another site.
fn href(folder: &str, from: &'static Source, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with('#') {
        return Some(target.to_owned());
    }
    let (to, anchor) = linked(from.file, target)?;
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    Some(address(folder, to) + &anchor)
}

/// A page that says what is wrong. It may be at any depth.
pub(super) fn problem(message: &str) -> String {
    let text = html! {
        h1 { (message) }
        p { "Search for it, or go to the " a href="/docs" { "first page of the documentation" } "." }
    };
    let page =
        Page { title: message, folder: "/docs/", source: None, headings: Vec::new(), query: "", text: &text };
    page.html()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;

    /// Texts for those who work on Purser itself: files, and the folder that the suites publish their results in.
    const NOT_SERVED: [&str; 4] = ["tests", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

    #[test]
    fn links_lead_to_a_page_or_to_a_file_that_is_meant_not_to_be_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        for page in &SITE.pages {
            let folder = root.join(page.source.file).parent().unwrap().to_owned();
            for target in &page.rendered.unlinked {
                let found = folder.join(target).canonicalize();
                let file = found.unwrap_or_else(|_| panic!("{}: {target} is not there", page.source.file));
                let is_text = file.extension().is_some_and(|extension| extension == "md");
                let is_meant = NOT_SERVED.iter().any(|name| file.starts_with(root.join(name)));
                assert!(!is_text || is_meant, "{}: {target} is no page", page.source.file);
            }
        }
    }
}
