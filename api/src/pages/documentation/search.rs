//! The search: it finds the sections and operations in which some word begins with each word of the query.

use maud::html;

use super::contents::Source;
use super::layout::{Page, address};
use super::markdown::Section;
use super::operations::OPERATIONS;
use super::site::Site;

/// More than these nobody reads.
const MOST: usize = 30;
/// Of the text that a result shows, in characters.
const BEFORE: usize = 60;
const SHOWN: usize = 200;

struct Hit<'site> {
    title: &'site str,
    /// Below `/docs`.
    address: String,
    /// Where it is, or what it is for.
    about: &'site str,
    text: &'site str,
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
            @for hit in &hits {
                li {
                    a href=(hit.address) { (hit.title) } " " small.muted { (hit.about) }
                    p { (excerpt(hit.text, &words)) }
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
        (false, 1) => "One result".to_owned(),
        (false, MOST) => format!("The first {MOST} results"),
        (false, hits) => format!("{hits} results"),
    }
}

fn hits<'site>(site: &'site Site, words: &[String]) -> Vec<Hit<'site>> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut hits = Vec::new();
    for page in &site.pages {
        for section in &page.rendered.sections {
            let (title, about) = (section.title.as_str(), page.source.title);
            if let Some(weight) = weight(&format!("{about} {title}"), &section.text, words) {
                hits.push(Hit {
                    title,
                    address: place(page.source, section),
                    about,
                    text: &section.text,
                    weight,
                });
            }
        }
    }
    for one in OPERATIONS.iter() {
        if let Some(weight) = weight(&format!("{} {}", one.title, one.summary), &one.text, words) {
            let (title, about, text) = (one.title.as_str(), one.summary.as_str(), one.text.as_str());
            hits.push(Hit { title, address: one.address.clone(), about, text, weight });
        }
    }
    // Stable: equal ones stay in the order of the documentation.
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.weight));
    hits.truncate(MOST);
    hits
}

/// How many of the words are in the headings; none if one is nowhere.
fn weight(headings: &str, text: &str, words: &[String]) -> Option<usize> {
    let (headings, text) = (headings.to_lowercase(), text.to_lowercase());
    let is_somewhere = |word: &String| begins(&headings, word) || begins(&text, word);
    words.iter().all(is_somewhere).then(|| words.iter().filter(|word| begins(&headings, word)).count())
}

/// Whether a word of the text begins so.
fn begins(text: &str, word: &str) -> bool {
    let is_start = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    };
    text.match_indices(word).any(|(at, _)| is_start(at))
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
            hits(&SITE, &words).first().map(|hit| hit.address.clone())
        };
        assert_eq!(found("Insufficient_Credits").as_deref(), Some("errors#insufficient_credits"));
        assert_eq!(found("grant.expired").as_deref(), Some("events#grantexpired"));
        assert_eq!(found("debit xylophone"), None);
        assert_eq!(found(" "), None);
        // Operations are found by method and path, and by what they are for.
        assert_eq!(found("GET /purser/v1/statistics").as_deref(), Some("reference#/native/getStatistics"));
        assert_eq!(
            found("redeem a code that gives credits").as_deref(),
            Some("reference#/native/createRedemption")
        );
        // A word is found by its beginning, not by what it has within.
        assert!(found("idempot").is_some());
        assert_eq!(found("empotency"), None);
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
