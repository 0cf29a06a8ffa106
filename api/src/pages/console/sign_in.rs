//! How operators get into the console: the page to sign in, the pages of links, and out again.

use std::sync::Arc;

use maud::{Markup, html};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use uuid::Uuid;
use warp::http::{HeaderValue, StatusCode, header};

use super::views::{Operator, SignedIn};
use super::visit::{COOKIE, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Field, Tone, notice};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::own_api::{OwnApi, at};
use crate::problem::Problem;
use crate::state::SharedState;

#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    link: String,
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
pub(super) struct AcceptForm {
    link: String,
    password: String,
}

/// GET /console/sign-in
pub(super) async fn show(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let then = call.parameter("then").unwrap_or_default();
    match call.parameter("link") {
        Some(link) => one_button(link, None).answer(),
        None => {
            let accepted = call
                .parameter("accepted")
                .map(|_| notice(Tone::Good, "Your password is set", "Sign in with it from now on."));
            form_page("", then, accepted).answer()
        }
    }
}

/// POST /console/sign-in
pub(super) async fn sign_in(api: SharedState, call: Call) -> Result<Response, Problem> {
    let sent: SignInForm = form::read(&call)?;
    let stranger = OwnApi::without_credential(&api);
    let body = if sent.link.is_empty() {
        json!({"email": sent.email.trim(), "password": sent.password})
    } else {
        json!({"link": sent.link})
    };
    let agent = call.header("user-agent").unwrap_or_default();
    let opened = stranger.in_browser(agent).post::<SignedIn>(at(["operator-sessions"]), &key(), &body).await;
    match opened {
        Ok(SignedIn { session_token }) => {
            let mut response = form::see(own_page(&sent.then))?;
            response.headers_mut().insert(header::SET_COOKIE, cookie(&api, &session_token, "")?);
            Ok(response)
        }
        Err(problem) if problem.status().is_client_error() => {
            let wrong = notice(Tone::Bad, "You are not signed in", problem.message.as_ref());
            let page = if sent.link.is_empty() {
                form_page(sent.email.trim(), &sent.then, Some(wrong))
            } else {
                one_button(&sent.link, Some(wrong))
            };
            Document { status: problem.status(), ..page }.answer()
        }
        Err(problem) => Err(problem),
    }
}

/// POST /console/sign-out
pub(super) async fn sign_out(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    form::check_site(&call.headers)?;
    visit.own.delete::<IgnoredAny>(at(["operator-sessions", "current"])).await?;
    let mut response = form::see("/console/sign-in")?;
    response.headers_mut().insert(header::SET_COOKIE, cookie(&visit.api, "", "; Max-Age=0")?);
    Ok(response)
}

/// GET /console/invitation
pub(super) async fn invitation(api: SharedState, call: Call) -> Result<Response, Problem> {
    let link = call.parameter("link").unwrap_or_default();
    let stranger = OwnApi::without_credential(&api);
    let body = json!({"link": link});
    match stranger.post::<Operator>(at(["operator-invitations", "look-up"]), &key(), &body).await {
        Ok(operator) => accept_page(&operator, link, None).answer(),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            let text =
                html! { p { "Invitations work once, within three days. Ask an admin to invite you again." } };
            Document { status: problem.status(), ..framed("This invitation was used", text) }.answer()
        }
        Err(problem) => Err(problem),
    }
}

/// POST /console/invitation
pub(super) async fn accept(api: SharedState, call: Call) -> Result<Response, Problem> {
    let AcceptForm { link, password } = form::read(&call)?;
    let stranger = OwnApi::without_credential(&api);
    let body = json!({"link": link, "password": password});
    let done = stranger.post::<Operator>(at(["operator-invitations", "accept"]), &key(), &body).await;
    match done {
        Ok(_) => form::see("/console/sign-in?accepted=1"),
        Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
            let asked = at(["operator-invitations", "look-up"]);
            let whose: Operator = stranger.post(asked, &key(), &json!({"link": link})).await?;
            let page = accept_page(&whose, &link, Some(problem.message.as_ref()));
            Document { status: StatusCode::BAD_REQUEST, ..page }.answer()
        }
        Err(problem) => Err(problem),
    }
}

fn key() -> String {
    Uuid::new_v4().to_string()
}

/// Where to go after signing in: a page of the console, whatever the form says.
fn own_page(then: &str) -> &str {
    let is_own = (then == "/console" || then.starts_with("/console/"))
        && then.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { then } else { "/console" }
}

fn cookie(api: &SharedState, token: &str, more: &str) -> Result<HeaderValue, Problem> {
    // Without TLS a browser would not send it back; that is for the machine at which one sits.
    let secure = if api.own_origin.starts_with("http://") { "" } else { "; Secure" };
    let text = format!("{COOKIE}={token}; Path=/console; HttpOnly; SameSite=Strict{secure}{more}");
    HeaderValue::try_from(text).map_err(Problem::internal)
}

fn form_page(email: &str, then: &str, above: Option<Markup>) -> Document {
    let fields = [
        Field {
            name: "email",
            label: "E-mail address",
            kind: Some("email"),
            value: email,
            required: true,
            autocomplete: Some("username"),
            ..Field::default()
        },
        Field {
            name: "password",
            label: "Password",
            kind: Some("password"),
            required: true,
            autocomplete: Some("current-password"),
            ..Field::default()
        },
    ];
    framed(
        "Sign in",
        html! {
            @if let Some(above) = above { (above) }
            form.card method="post" action="/console/sign-in" {
                input type="hidden" name="then" value=(then);
                @for field in fields { (field) }
                button.full { "Sign in" }
            }
            p.muted { small { "You have no password, or forgot it? Ask an admin to invite you: the link sets one." } }
        },
    )
}

fn one_button(link: &str, above: Option<Markup>) -> Document {
    framed(
        "Sign in",
        html! {
            @if let Some(above) = above { (above) }
            form.card method="post" action="/console/sign-in" {
                input type="hidden" name="link" value=(link);
                p { "This link signs you in, once." }
                button.full { "Sign in" }
            }
        },
    )
}

fn accept_page(operator: &Operator, link: &str, error: Option<&str>) -> Document {
    let password = Field {
        name: "password",
        label: "Choose a password",
        kind: Some("password"),
        hint: Some("At least 12 characters; several words are easy to remember."),
        error,
        required: true,
        autocomplete: Some("new-password"),
        ..Field::default()
    };
    let welcome = format!("Welcome, {}", operator.name);
    framed(
        &welcome,
        html! {
            p { "You are invited to run this installation, with the role " strong { (operator.role.as_str()) } "." }
            form.card method="post" action="/console/invitation" {
                input type="hidden" name="link" value=(link);
                input type="hidden" name="username" autocomplete="username" value=(operator.email);
                (password)
                button.full { "Set the password" }
            }
        },
    )
}

fn framed(title: &str, content: Markup) -> Document {
    let body = html! {
        main.narrow #content {
            p.brand { "Purser console" }
            h1 { (title) }
            (content)
        }
    };
    Document::new(format!("{title} · Purser console"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        assert_eq!(own_page("/console/orders"), "/console/orders");
        for foreign in
            ["", "//evil.example", "https://evil.example", "/consolex", "/console/\\evil", "/console/a b"]
        {
            assert_eq!(own_page(foreign), "/console", "{foreign}");
        }
    }
}
