//! Who looks at a customer's page, how the page is framed, and how it says what is wrong.

use std::future::Future;
use std::pin::Pin;

use identity::rules::may_buy;
use maud::{Markup, html};
use uuid::Uuid;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::texts::{Texts, filled, preferred, texts};
use super::views::{Opened, Organization, Session, Wallet};
use crate::brand::Brand;
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, live, notice};
use crate::pages::document::{Document, Policy};
use crate::pages::form;
use crate::pages::format::Locale;
use crate::pages::own_api::{OwnApi, at};
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

const COOKIE: &str = "purser_wallet";

/// A page that is looked at with a session that is in force.
pub(super) struct Visit {
    pub(super) api: SharedState,
    pub(super) own: OwnApi,
    pub(super) session: Session,
    pub(super) wallet: Wallet,
    /// Whose wallet it is, if it is an organization's.
    pub(super) organization: Option<Organization>,
    pub(super) locale: Locale,
    pub(super) texts: &'static Texts,
}

/// The places of the page, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Buy,
    Recharge,
    History,
    Orders,
    Members,
}

impl Place {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Buy, Self::Recharge, Self::History, Self::Orders, Self::Members];

    pub(super) fn address(self) -> &'static str {
        match self {
            Self::Overview => "/wallet",
            Self::Buy => "/wallet/buy",
            Self::Recharge => "/wallet/recharge",
            Self::History => "/wallet/history",
            Self::Orders => "/wallet/orders",
            Self::Members => "/wallet/members",
        }
    }

    fn name(self, texts: &Texts) -> &str {
        match self {
            Self::Overview => &texts.overview,
            Self::Buy => &texts.buy,
            Self::Recharge => &texts.recharge,
            Self::History => &texts.history,
            Self::Orders => &texts.orders,
            Self::Members => &texts.members,
        }
    }
}

impl Visit {
    async fn begin(api: &SharedState, call: &Call) -> Result<Self, Problem> {
        let token = cookie(&call.headers).ok_or(ProblemKind::CredentialMissing)?;
        let own = OwnApi::new(api, token)?;
        let session: Session = own.get(at(["portal-session"])).await?;
        let wallet: Wallet = own.get(at(["wallets", &session.wallet_id])).await?;
        let organization = match &wallet.org_id {
            Some(id) => Some(own.get(at(["organizations", id])).await?),
            None => None,
        };
        let locale = locale_of(session.locale.as_deref(), &call.headers);
        Ok(Self {
            api: SharedState::clone(api),
            own,
            session,
            wallet,
            organization,
            locale,
            texts: texts(locale),
        })
    }

    /// A page at one of the places.
    pub(super) fn page(&self, place: Place, body: Markup) -> Document {
        let (brand, texts) = (&self.api.config.brand, self.texts);
        let is_shown = |place: &Place| match place {
            Place::Members => self.organization.is_some(),
            Place::Buy | Place::Recharge => self.may_buy(),
            Place::Overview | Place::History | Place::Orders => true,
        };
        let nav = html! {
            nav.tabs aria-label=(texts.wallet) {
                @for one in Place::ALL.into_iter().filter(is_shown) {
                    a href=(one.address()) aria-current=[(one == place).then_some("page")] { (one.name(texts)) }
                }
            }
        };
        let status = live("/wallet/live", &texts.live, &texts.connecting);
        let main = html! {
            main.page #content {
                h1 { (place.name(texts)) }
                (body)
            }
        };
        let title = format!("{} · {}", place.name(texts), brand.name);
        let back = html! {
            a href=(self.session.return_url) target="_top" { "← " (filled(&texts.back, &[("name", &brand.name)])) }
        };
        framed(&self.api, self.locale, title, html! { (header(brand, status)) (nav) }, main, Some(back))
    }

    /// Whether the own API lets who looks buy: a member of an organization by their role there.
    pub(super) fn may_buy(&self) -> bool {
        let role = self.organization.as_ref().and_then(|organization| organization.role);
        role.is_none_or(may_buy)
    }

    /// Credits as they are written here.
    pub(super) fn credits(&self, credits: kernel::money::Credits) -> String {
        self.locale.credits(credits)
    }

    pub(super) fn money(&self, money: kernel::money::Money) -> String {
        self.locale.money(money)
    }

    /// What an operation refused, above the form that asked for it.
    ///
    /// # Errors
    /// The problem itself, when nothing in the form can mend it.
    pub(super) fn refusal(&self, problem: Problem) -> Result<Markup, Problem> {
        if problem.status().is_server_error() || problem.status() == StatusCode::UNAUTHORIZED {
            return Err(problem);
        }
        Ok(notice(Tone::Bad, &self.texts.not_possible, problem.message.as_ref()))
    }
}

/// Makes a handler of a page for those with a session: everybody else is told what to do.
pub(super) fn visited<Work>(
    page: fn(Visit, Call) -> Work,
) -> impl Fn(SharedState, Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>> + Send + Sync
where
    Work: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    move |api, call| {
        Box::pin(async move {
            let locale = locale_of(None, &call.headers);
            match Visit::begin(&api, &call).await {
                Ok(visit) => {
                    let locale = visit.locale;
                    page(visit, call).await.or_else(|problem| told(&api, locale, &problem))
                }
                Err(problem) => told(&api, locale, &problem),
            }
        })
    }
}

/// GET /wallet/open/{link}: opens the session once, and has the browser keep its token.
pub(super) async fn open(api: SharedState, call: Call) -> Result<Response, Problem> {
    let locale = locale_of(None, &call.headers);
    // What looks at links in advance must not use them up.
    if call.method != Method::GET || is_prefetch(&call.headers) {
        return Err(ProblemKind::NotFound.into());
    }
    let stranger = OwnApi::without_credential(&api);
    let link = serde_json::json!({ "link": call.path_parameter("link") });
    let opened: Opened =
        match stranger.post(at(["portal-sessions", "open"]), &Uuid::new_v4().to_string(), &link).await {
            Ok(opened) => opened,
            // Loaded again, the address leads on as long as the session lasts.
            Err(problem) if problem.kind == ProblemKind::CredentialInvalid => {
                return match Visit::begin(&api, &call).await {
                    Ok(_) => form::see("/wallet"),
                    Err(_) => link_used(&api, locale),
                };
            }
            Err(problem) => return told(&api, locale, &problem),
        };
    let mut response = form::see("/wallet")?;
    let attributes = match (api.config.brand.frame_origins.is_empty(), api.own_origin.starts_with("https://"))
    {
        // In a frame of another site the cookie is that site's own, and only there.
        (false, _) => "SameSite=None; Secure; Partitioned",
        (true, true) => "SameSite=Lax; Secure",
        (true, false) => "SameSite=Lax",
    };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; {attributes}", opened.session_token);
    let cookie = HeaderValue::try_from(cookie).map_err(Problem::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// The sheet with the host application's colour.
pub(super) async fn colours(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let mut response = Response::new(format!(":root {{ --brand: {}; }}\n", api.config.brand.accent).into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

/// A page for somebody without a session, or about something that went wrong.
pub(super) fn plain(
    api: &SharedState,
    locale: Locale,
    status: StatusCode,
    title: &str,
    body: Markup,
) -> Result<Response, Problem> {
    let brand = &api.config.brand;
    let main = html! { main.narrow #content { (body) } };
    let page = framed(api, locale, format!("{title} · {}", brand.name), header(brand, html! {}), main, None);
    Document { status, ..page }.answer()
}

fn link_used(api: &SharedState, locale: Locale) -> Result<Response, Problem> {
    let texts = texts(locale);
    let text = filled(&texts.link_used_text, &[("name", &api.config.brand.name)]);
    plain(api, locale, StatusCode::GONE, &texts.link_used, html! { h1 { (texts.link_used) } p { (text) } })
}

/// A problem as a page in the customer's words.
fn told(api: &SharedState, locale: Locale, problem: &Problem) -> Result<Response, Problem> {
    let (texts, status) = (texts(locale), problem.status());
    let name = api.config.brand.name.as_str();
    let (title, text) = match status {
        StatusCode::UNAUTHORIZED => (&texts.ended, filled(&texts.ended_text, &[("name", name)])),
        StatusCode::NOT_FOUND => (&texts.not_found, texts.not_found_text.clone()),
        status if status.is_server_error() => (&texts.broken, texts.broken_text.clone()),
        _ => (&texts.not_possible, problem.message.to_string()),
    };
    if let Some(cause) = &problem.cause {
        tracing::warn!(cause, "a page failed");
    }
    plain(api, locale, status, title, html! { h1 { (title) } p { (text) } })
}

fn header(brand: &Brand, status: Markup) -> Markup {
    html! {
        header.topbar {
            div {
                span.brand {
                    @match &brand.logo {
                        Some(logo) => img src=(logo) alt=(brand.name);,
                        None => (brand.name),
                    }
                }
                (status)
            }
        }
    }
}

fn framed(
    api: &SharedState,
    locale: Locale,
    title: String,
    above: Markup,
    main: Markup,
    back: Option<Markup>,
) -> Document {
    let (brand, texts) = (&api.config.brand, texts(locale));
    let body = html! {
        a.skip href="#content" { (texts.skip) }
        (above)
        (main)
        footer.foot {
            @if let Some(back) = back { (back) }
            @if let Some(support) = &brand.support {
                a href=(support.address) target="_top" { (filled(&texts.help, &[("support", &support.text)])) }
            }
        }
    };
    Document {
        locale,
        styles: vec![format!("/wallet/colours.css?{}", brand.accent.trim_start_matches('#'))],
        policy: Policy {
            frame_ancestors: brand.frame_origins.clone(),
            images: brand.logo_origin().into_iter().collect(),
        },
        ..Document::new(title, body)
    }
}

/// Whether the browser has opened a wallet before; whether the session is still in force, the wallet says.
pub(super) fn has_wallet(headers: &HeaderMap) -> bool {
    cookie(headers).is_some()
}

pub(super) fn locale_of(chosen: Option<&str>, headers: &HeaderMap) -> Locale {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    chosen.and_then(Locale::of).unwrap_or_else(|| preferred(accepted.unwrap_or_default()))
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    let purpose = headers.get("sec-purpose").and_then(|value| value.to_str().ok());
    purpose.is_some_and(|purpose| purpose.starts_with("prefetch"))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}
