//! What all pages of the documentation have around their text: the head, the contents, the way on.

use maud::{DOCTYPE, Markup, html};

use super::contents::{CHAPTERS, Source, sources};
use crate::pages::assets;

pub(super) struct Page<'page> {
    pub(super) title: &'page str,
    /// In front of the names of pages in addresses: `docs/` at `/docs`, nothing below it.
    pub(super) folder: &'static str,
    /// Which of the documentation's pages it is, if it is one.
    pub(super) source: Option<&'static Source>,
    /// What the contents list below it: anchors and titles.
    pub(super) headings: Vec<(&'page str, &'page str)>,
    /// What was searched for.
    pub(super) query: &'page str,
    pub(super) text: &'page Markup,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · Purser" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(assets::STYLE.address);
                    link rel="stylesheet" href=(assets::DOCUMENTATION_STYLE.address);
                }
                body {
                    a.skip href="#text" { "Skip to the text" }
                    header.topbar { div {
                        a.brand href={ (self.folder) "../docs" } { "Purser" }
                        a.to-contents href="#contents" { "Contents" }
                        form.row role="search" action={ (self.folder) "search" } {
                            input type="search" name="q" value=(self.query) required maxlength="200"
                                placeholder="Search" aria-label="Search the documentation";
                            button { "Search" }
                        }
                    } }
                    div.sides {
                        main id="text" { (self.text) (self.ways()) }
                        (self.contents())
                    }
                }
            }
        };
        page.into_string()
    }

    fn contents(&self) -> Markup {
        html! {
            nav id="contents" aria-label="Contents" {
                @for chapter in CHAPTERS {
                    h2 { (chapter.title) }
                    ul { @for source in chapter.pages { li { (self.place(source)) } } }
                }
                p { a href={ (self.folder) "reference" } { "Reference of all operations" } }
            }
        }
    }

    /// A page in the contents; the one that is shown with its headings.
    fn place(&self, source: &Source) -> Markup {
        let is_here = self.source.is_some_and(|here| here.name == source.name);
        html! {
            a href=(address(self.folder, source)) aria-current=[is_here.then_some("page")] { (source.title) }
            @if is_here && !self.headings.is_empty() {
                ul { @for (anchor, title) in &self.headings { li { a href={ "#" (anchor) } { (title) } } } }
            }
        }
    }

    /// Links to the page before and the page after it.
    fn ways(&self) -> Markup {
        let here = self.source.and_then(|here| sources().position(|source| source.name == here.name));
        let at = |place: Option<usize>| place.and_then(|place| sources().nth(place));
        let before = at(here.and_then(|here| here.checked_sub(1)));
        let after = at(here.and_then(|here| here.checked_add(1)));
        html! {
            @if here.is_some() {
                nav.ways aria-label="Pages" {
                    @for (relation, word, source) in [("prev", "Previous", before), ("next", "Next", after)] {
                        @if let Some(source) = source {
                            a rel=(relation) href=(address(self.folder, source)) {
                                small { (word) } " " (source.title)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where a page is, seen from one of this folder: relative, so that pages find each other whatever prefix a proxy adds.
pub(super) fn address(folder: &str, source: &Source) -> String {
    if source.name.is_empty() { format!("{folder}../docs") } else { format!("{folder}{}", source.name) }
}
