//! The operator who looks at a page of the console, and the frame around it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use identity::operators::OperatorRole;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::actions::{self, Action};
use super::parts::sentence;
use super::views::Current;
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, notice};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::own_api::{OwnApi, at};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

pub(super) const COOKIE: &str = "purser_operator";

/// A page that is looked at by an operator who is signed in.
pub(super) struct Visit {
    pub(super) api: SharedState,
    pub(super) own: OwnApi,
    pub(super) current: Current,
    /// What was just done, told once.
    done: Option<String>,
}

/// The areas of the console, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    Overview,
    Search,
    Orders,
    Attention,
    Catalog,
    Webhooks,
    Keys,
    Operators,
    Audit,
    System,
    Account,
}

impl Area {
    const LISTED: [Self; 10] = [
        Self::Overview,
        Self::Search,
        Self::Orders,
        Self::Attention,
        Self::Catalog,
        Self::Webhooks,
        Self::Keys,
        Self::Operators,
        Self::Audit,
        Self::System,
    ];

    fn address(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Search => "/console/search",
            Self::Orders => "/console/orders",
            Self::Attention => "/console/quarantine",
            Self::Catalog => "/console/catalog",
            Self::Webhooks => "/console/webhooks",
            Self::Keys => "/console/keys",
            Self::Operators => "/console/operators",
            Self::Audit => "/console/audit",
            Self::System => "/console/system",
            Self::Account => "/console/account",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Search => "Find",
            Self::Orders => "Orders",
            Self::Attention => "To decide",
            Self::Catalog => "Catalog",
            Self::Webhooks => "Webhooks",
            Self::Keys => "API keys",
            Self::Operators => "Operators",
            Self::Audit => "Audit log",
            Self::System => "System",
            Self::Account => "Your account",
        }
    }
}

impl Visit {
    async fn begin(api: &SharedState, call: &Call) -> Result<Self, Problem> {
        let token = cookie(&call.headers).ok_or(ProblemKind::CredentialMissing)?;
        let own = OwnApi::new(api, token)?;
        let current: Current = own.get(at(["operator-session"])).await?;
        let done = call.parameter("done").map(str::to_owned);
        Ok(Self { api: SharedState::clone(api), own, current, done })
    }

    pub(super) fn role(&self) -> OperatorRole {
        self.current.operator.role
    }

    /// Whether the operator's role allows an action. A button for one that it does not allow is not shown; the
    /// operation
    /// decides by itself.
    pub(super) fn may(&self, action: &Action) -> bool {
        action.role().is_some_and(|least| self.role() >= least)
    }

    /// A link to the form of an action, for those who may; `values` are what it is about. It leads back to `back`.
    pub(super) fn button(&self, name: &str, values: &[(&str, &str)], back: &str) -> Markup {
        let Some(action) = actions::named(name).filter(|action| self.may(action)) else { return html! {} };
        let class = if action.is_dangerous { "danger" } else { "plain" };
        let pairs = values.iter().copied().chain([("back", back)]);
        let query: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let address = format!("/console/do/{name}?{}", query.join("&"));
        html! { a.button.small.(class) href=(address) { (action.button) } }
    }

    /// A page of an area.
    pub(super) fn page(&self, area: Area, title: &str, body: Markup) -> Document {
        self.page_with(area, title, html! {}, body)
    }

    /// A page of an area, with something beside its title.
    pub(super) fn page_with(&self, area: Area, title: &str, beside: Markup, body: Markup) -> Document {
        let operator = &self.current.operator;
        let nav = html! {
            header.side {
                div {
                    div.row.spread {
                        a.brand href="/console" { "Purser" }
                        @if self.api.config.mode == kernel::config::Mode::Test { span.badge.warning { "Test mode" } }
                    }
                    nav aria-label="Console" {
                        @for one in Area::LISTED {
                            a href=(one.address()) aria-current=[(one == area).then_some("page")] { (one.name()) }
                        }
                    }
                    div.person {
                        div {
                            a href=(Area::Account.address())
                                aria-current=[(area == Area::Account).then_some("page")] { (operator.name) }
                            small.muted { (sentence(operator.role.as_str())) }
                        }
                        form method="post" action="/console/sign-out" { button.plain.small { "Sign out" } }
                    }
                }
            }
        };
        let done = self.done.as_deref().and_then(actions::named).map(|action| action.done);
        let body = html! {
            a.skip href="#content" { "Skip to the content" }
            div.shell {
                (nav)
                main.page.wide #content tabindex="-1" {
                    div.row.spread { h1 { (title) } (beside) }
                    @if let Some(done) = done { (notice(Tone::Good, "Done", done)) }
                    (body)
                }
            }
        };
        Document::new(format!("{title} · Purser console"), body)
    }

    fn problem(&self, problem: &Problem) -> Document {
        let status = problem.status();
        let title = match status {
            StatusCode::NOT_FOUND => "There is no such thing",
            StatusCode::FORBIDDEN => "Your role does not allow this",
            status if status.is_server_error() => "Something went wrong",
            _ => "This was not done",
        };
        let body = html! {
            p.lead {
                @if status == StatusCode::NOT_FOUND { "It was deleted, or its address has a mistake." }
                @else { (problem.message) }
            }
            p { a.button.plain href="/console" { "Back to the overview" } }
        };
        Document { status, ..self.page(Area::Account, title, body) }
    }
}

/// Makes a handler of a page for operators who are signed in; others are led to sign in.
pub(super) fn visited<Work>(
    page: fn(Arc<Visit>, Call) -> Work,
) -> impl Fn(SharedState, Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>> + Send + Sync
where
    Work: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    move |api, call| {
        Box::pin(async move {
            let visit = match Visit::begin(&api, &call).await {
                Ok(visit) => Arc::new(visit),
                Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => return to_sign_in(&call),
                Err(problem) => return Err(problem),
            };
            page(Arc::clone(&visit), call).await.or_else(|problem| match problem.status() {
                StatusCode::UNAUTHORIZED => Err(problem),
                status if status.is_server_error() => Err(problem),
                _ => visit.problem(&problem).answer(),
            })
        })
    }
}

/// Leads to the page where operators sign in, and from there back. A part of a page that fetches itself has the whole
/// page go there.
fn to_sign_in(call: &Call) -> Result<Response, Problem> {
    let then = utf8_percent_encode(&call.path, NON_ALPHANUMERIC);
    let address = format!("/console/sign-in?then={then}");
    if call.headers.contains_key("hx-request") {
        let mut response = crate::http::empty(StatusCode::OK);
        let address = HeaderValue::try_from(address).map_err(Problem::internal)?;
        response.headers_mut().insert("hx-redirect", address);
        return Ok(response);
    }
    form::see(&address)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}
