//! The frame of every page: what it loads, what the browser lets it do, and how it is sent.

use maud::{DOCTYPE, Markup, html};
use warp::http::{HeaderValue, StatusCode, header};

use super::assets;
use super::format::Locale;
use crate::http::{Response, empty};
use crate::problem::Problem;

/// htmx brings no styles of its own, which the policy forbids, keeps no pages, and leaves alone what scripts draw and
/// what the reader has opened.
const HTMX: &str = concat!(
    r#"{"includeIndicatorCSS":false,"history":false,"morphIgnore":["data-htmx-powered","open"],"#,
    r#""morphSkipChildren":"local-time,value-chart"}"#,
);

/// A page, ready to be sent.
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) locale: Locale,
    /// Addresses of style sheets besides the common one.
    pub(crate) styles: Vec<String>,
    /// Whether it has charts.
    pub(crate) has_charts: bool,
    pub(crate) body: Markup,
    pub(crate) status: StatusCode,
    pub(crate) policy: Policy,
}

/// What a page may show, and where it may be shown.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Sites that may have the page in a frame.
    pub(crate) frame_ancestors: Vec<String>,
    /// Sites that pictures may come from, besides this one.
    pub(crate) images: Vec<String>,
}

impl Policy {
    /// In no frame, with no foreign picture.
    pub(crate) fn strict() -> Self {
        Self { frame_ancestors: Vec::new(), images: Vec::new() }
    }

    /// The header's text. Scripts and styles come from files only: nothing that is written into a page runs.
    fn text(&self) -> String {
        let ancestors = match self.frame_ancestors.as_slice() {
            [] => "'none'".to_owned(),
            sites => sites.join(" "),
        };
        let images = ["'self'", "data:"].into_iter().chain(self.images.iter().map(String::as_str));
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src {}; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}",
            images.collect::<Vec<_>>().join(" "),
        )
    }
}

impl Document {
    /// A page in English that is in no frame.
    pub(crate) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self {
            title: title.into(),
            locale: Locale::English,
            styles: Vec::new(),
            has_charts: false,
            body,
            status: StatusCode::OK,
            policy: Policy::strict(),
        }
    }

    /// The page with a form that was refused.
    ///
    /// # Errors
    /// As [`Document::answer`].
    pub(crate) fn refused(self) -> Result<Response, Problem> {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..self }.answer()
    }

    /// # Errors
    /// When the policy has a text that no header can have.
    pub(crate) fn answer(self) -> Result<Response, Problem> {
        let policy = HeaderValue::from_str(&self.policy.text()).map_err(Problem::internal)?;
        let mut response = empty(self.status);
        *response.body_mut() = self.text().into_string().into();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Other sites do not learn the address. With `no-referrer` a form of ours would not say where it is from.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        Ok(response)
    }

    fn text(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.locale.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="htmx-config" content=(HTMX);
                    title { (self.title) }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(assets::STYLE.address);
                    @if self.has_charts { link rel="stylesheet" href=(assets::CHARTS_STYLE.address); }
                    @for address in &self.styles { link rel="stylesheet" href=(address); }
                    script defer src=(assets::HTMX.address) {}
                    @if self.has_charts { script defer src=(assets::CHARTS.address) {} }
                    script defer src=(assets::PAGE.address) {}
                }
                body { (self.body) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_into_a_page_runs() {
        let policy = Policy { frame_ancestors: vec!["https://app.example".to_owned()], ..Policy::strict() };
        for text in [policy.text(), Policy::strict().text()] {
            assert!(text.starts_with("default-src 'none';") && !text.contains("unsafe"), "{text}");
        }
        assert!(Policy::strict().text().ends_with("frame-ancestors 'none'"));
        assert!(policy.text().ends_with("frame-ancestors https://app.example"));
    }
}
