//! The parts that pages are made of. How they look is in `assets/style.css`.

use maud::{Markup, html};
use serde_json::json;

/// What a colour says; the text beside it says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Neutral,
    Good,
    Warning,
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// A word on how something stands.
pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span.badge.(tone.class()) { (text) } }
}

/// What the reader has to know: what went well or wrong, and what to do. Screen readers say it at once.
pub(crate) fn notice(tone: Tone, title: &str, text: impl maud::Render) -> Markup {
    let role = if tone == Tone::Bad { "alert" } else { "status" };
    html! {
        div.notice.(tone.class()) role=(role) {
            strong { (title) }
            div { (text) }
        }
    }
}

/// What stands where a list would.
pub(crate) fn empty(title: &str, text: &str) -> Markup {
    html! { div.empty { p { strong { (title) } } p.muted { (text) } } }
}

/// A field of a form, with its label, and what is wrong with it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    /// Of the input: `text` unless given.
    pub(crate) kind: Option<&'a str>,
    pub(crate) value: &'a str,
    pub(crate) hint: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    pub(crate) required: bool,
    /// How browsers fill it in.
    pub(crate) autocomplete: Option<&'a str>,
    /// Which keyboard a phone shows: `decimal` for amounts.
    pub(crate) inputmode: Option<&'a str>,
}

impl maud::Render for Field<'_> {
    fn render(&self) -> Markup {
        let (hint, error) = (format!("{}-hint", self.name), format!("{}-error", self.name));
        let described = [self.hint.map(|_| hint.as_str()), self.error.map(|_| error.as_str())];
        let described = described.into_iter().flatten().collect::<Vec<_>>().join(" ");
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                input id=(self.name) name=(self.name) type=(self.kind.unwrap_or("text")) value=(self.value)
                    required[self.required] autocomplete=(self.autocomplete.unwrap_or("off"))
                    inputmode=[self.inputmode] aria-invalid=[self.error.map(|_| "true")]
                    aria-describedby=[(!described.is_empty()).then_some(&described)];
                @if let Some(text) = self.hint { p.hint id=(hint) { (text) } }
                @if let Some(text) = self.error { p.error id=(error) { (text) } }
            }
        }
    }
}

/// A dialog that a [`dialog_button`] opens, without a script. The form in it should have a way out ([`close_button`]).
pub(crate) fn dialog(id: &str, title: &str, content: Markup) -> Markup {
    let heading = format!("{id}-title");
    html! {
        dialog id=(id) aria-labelledby=(heading) closedby="any" {
            h2 id=(heading) { (title) }
            (content)
        }
    }
}

/// Opens the dialog with this id.
pub(crate) fn dialog_button(id: &str, text: &str, class: &str) -> Markup {
    html! { button type="button" class=(class) command="show-modal" commandfor=(id) { (text) } }
}

/// Closes the dialog with this id.
pub(crate) fn close_button(id: &str, text: &str) -> Markup {
    html! { button.quiet type="button" command="close" commandfor=(id) { (text) } }
}

/// Keeps a connection to live events while the page is shown: `address` is where the page's script gets a ticket for it
/// by POST. Parts of the page with `hx-trigger="live from:body"` fetch themselves anew when something happens.
pub(crate) fn live(address: &str, connected: &str, waiting: &str) -> Markup {
    html! { live-events address=(address) connected=(connected) waiting=(waiting) {} }
}

/// One line of a chart: its name, and a value for each moment of the chart.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// As text: numbers that people read do not go through a float before they are drawn.
    pub(crate) values: Vec<String>,
}

/// What the colours of a chart mean.
fn legend(series: &[Series]) -> Markup {
    html! { ul.legend { @for one in series { li { (one.name) } } } }
}

/// A chart over time, with a table of the same for those who do not see it, and for those who want to know exactly.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    /// What it comes to, in words of the page.
    pub(crate) total: Option<&'a str>,
    /// What opens the table, and the head of its first column.
    pub(crate) table: &'a str,
    pub(crate) when: &'a str,
    /// In seconds since 1970, with the text of each.
    pub(crate) moments: Vec<(i64, String)>,
    pub(crate) series: Vec<Series>,
    /// Stacked bars for what adds up; else lines.
    pub(crate) is_stacked: bool,
    /// Whether it says what its colours mean.
    pub(crate) has_legend: bool,
}

impl maud::Render for Chart<'_> {
    fn render(&self) -> Markup {
        let moments: Vec<i64> = self.moments.iter().map(|(at, _)| *at).collect();
        let values = self.series.iter().map(|one| json!({"name": one.name, "values": one.values}));
        let data = json!({
            "moments": moments, "series": values.collect::<Vec<_>>(), "stacked": self.is_stacked,
        });
        html! {
            figure.chart {
                figcaption {
                    (self.title)
                    @if let Some(total) = self.total { span.figure-value { (total) } }
                }
                value-chart data=(data.to_string()) aria-hidden="true" {}
                @if self.has_legend { (legend(&self.series)) }
                details {
                    summary { (self.table) }
                    div.scroll tabindex="0" role="region" aria-label=(self.title) {
                        table {
                            thead { tr {
                                th scope="col" { (self.when) }
                                @for one in &self.series { th.number scope="col" { (one.name) } }
                            } }
                            tbody {
                                @for (row, (_, text)) in self.moments.iter().enumerate() { tr {
                                    th scope="row" { (text) }
                                    @for one in &self.series {
                                        td.number { (one.values.get(row).map_or("", String::as_str)) }
                                    }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}
