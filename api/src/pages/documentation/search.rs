//! The search: the sections that have all the words that somebody looks for.

use maud::html;

use super::contents::Source;
use super::layout::{Page, address};
use super::markdown::Section;
use super::site::Site;

/// More than these nobody reads.
const MOST: usize = 30;
/// Of the text that a result shows, in characters.
const BEFORE: usize = 60;
const SHOWN: usize = 200;

struct Hit<'site> {
    source: &'static Source,
    section: &'site Section,
    /// How many of the words are in the headings.
    weight: usize,
}

/// The page with the results, the best first.
pub(super) fn page(site: &Site, query: &str) -> String {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let hits = hits(site, &words);
    let text = html! {
        h1 { (title(&words, hits.len())) }
        ul.hits {
            @for Hit { source, section, .. } in &hits {
                li {
                    a href=(place(source, section)) { (section.title) } " " small.muted { (source.title) }
                    p { (excerpt(&section.text, &words)) }
                }
            }
        }
    };
    Page { title: "Search", folder: "", source: None, headings: Vec::new(), query, text: &text }.html()
}

fn place(source: &Source, section: &Section) -> String {
    let page = address("", source);
    if section.anchor.is_empty() { page } else { format!("{page}#{}", section.anchor) }
}

fn title(words: &[String], hits: usize) -> String {
    match (words.is_empty(), hits) {
        (true, _) => "What are you looking for?".to_owned(),
        (false, 0) => "Nothing has all of these words".to_owned(),
        (false, 1) => "One section".to_owned(),
        (false, MOST) => format!("The first {MOST} sections"),
        (false, hits) => format!("{hits} sections"),
    }
}

fn hits<'site>(site: &'site Site, words: &[String]) -> Vec<Hit<'site>> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut hits = Vec::new();
    for page in &site.pages {
        for section in &page.rendered.sections {
            let headings = format!("{} {}", page.source.title, section.title).to_lowercase();
            let text = section.text.to_lowercase();
            if words.iter().all(|word| headings.contains(word) || text.contains(word)) {
                let weight = words.iter().filter(|word| headings.contains(*word)).count();
                hits.push(Hit { source: page.source, section, weight });
            }
        }
    }
    // Stable: equal ones stay in the order of the documentation.
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.weight));
    hits.truncate(MOST);
    hits
}

/// The text around the first of the words.
fn excerpt(text: &str, words: &[String]) -> String {
    let letters: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let lower: String = letters.iter().map(|letter| letter.to_ascii_lowercase()).collect();
    let place = words.iter().filter_map(|word| lower.find(word.as_str())).min().unwrap_or(0);
    let place = lower.get(..place).map_or(0, |before| before.chars().count());
    let start = place.saturating_sub(BEFORE);
    let shown: String = letters.iter().skip(start).take(SHOWN).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if letters.len() > start.saturating_add(SHOWN) { "…" } else { "" };
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::super::site::SITE;
    use super::*;

    #[test]
    fn a_section_about_all_the_words_comes_first() {
        let found = |query: &str| {
            let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
            hits(&SITE, &words).first().map(|hit| (hit.source.name, hit.section.anchor.clone()))
        };
        assert_eq!(found("Insufficient_Credits"), Some(("errors", "insufficient_credits".to_owned())));
        assert_eq!(found("grant.expired"), Some(("events", "grantexpired".to_owned())));
        assert_eq!(found("debit xylophone"), None);
        assert_eq!(found(" "), None);
    }

    #[test]
    fn what_is_searched_for_is_shown_as_text() {
        let page = page(&SITE, "\"><script>alert('x')</script>");
        assert!(!page.contains("<script") && page.contains("value=\"&quot;&gt;&lt;script&gt;"), "{page}");
    }

    #[test]
    fn an_excerpt_shows_the_word() {
        let text = format!("{}needle{}", "ä ".repeat(200), " z".repeat(200));
        let excerpt = excerpt(&text, &["needle".to_owned()]);
        assert!(
            excerpt.contains("needle") && excerpt.starts_with('…') && excerpt.ends_with('…'),
            "{excerpt}"
        );
        assert_eq!(super::excerpt("short", &["needle".to_owned()]), "short");
    }
}
