//! Who may come in: API keys, operators, and their sessions.

use std::sync::Arc;

use maud::{Markup, html};

use super::parts::{moment, next, sentence, table};
use super::views::{Key, List, Operator, OperatorSession};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty};
use crate::pages::own_api::at;
use crate::problem::Problem;

const OPERATORS: &str = "/console/operators";

/// GET /console/keys
pub(super) async fn keys(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["api-keys"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
    let all: List<Key> = visit.own.get(asked).await?;
    let rows: Vec<Markup> = all.data.iter().map(|key| html! {
        th scope="row" { (key.name) @if let Some(prefix) = &key.prefix { br; small.muted { code { (prefix) "…" } } } }
        td { @if key.revoked_at.is_some() { (badge(Tone::Neutral, "Revoked")) } @else { (badge(Tone::Good, "Works")) }
             @if let Some(at) = key.expires_at { br; small.muted { "until " (moment(at)) } } }
        td { (key.scopes.join(", ")) }
        td { (key.wallets_of.as_deref().unwrap_or("everyone's")) }
        td { @match key.last_used_at { Some(at) => (moment(at)), None => "never" } br; small.muted { "made "
            (moment(key.created_at)) } }
        td.actions { @if key.revoked_at.is_none() {
            (visit.button("revoke-key", &[("apiKeyId", &key.api_key_id), ("about", &key.name)], "/console/keys"))
        } }
    }).collect();
    let head = [
        ("Key", false),
        ("State", false),
        ("Scopes", false),
        ("Wallets", false),
        ("Last used", false),
        ("", false),
    ];
    let body = html! {
        section.card.flush {
            @if rows.is_empty() { (empty("No keys", "Your servers need one to sell and spend.")) }
            @else { (table("API keys", &head, &rows)) }
            (next("/console/keys", all.next_cursor.as_deref()))
        }
    };
    let beside = visit.button("key", &[], "/console/keys");
    visit.page_with(Area::Keys, "API keys", beside, body).answer()
}

fn standing(operator: &Operator) -> Markup {
    html! {
        @if operator.disabled_at.is_some() { (badge(Tone::Bad, "Disabled")) }
        @else if operator.accepted_at.is_none() { (badge(Tone::Warning, "Invited")) }
        @else { (badge(Tone::Good, "Can sign in")) }
    }
}

/// GET /console/operators
pub(super) async fn operators(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let asked = at(["operators"]).with("limit", 50).with_some("cursor", call.parameter("cursor"));
    let all: List<Operator> = visit.own.get(asked).await?;
    let rows: Vec<Markup> = all.data.iter().map(|one| html! {
        th scope="row" { a href={ (OPERATORS) "/" (one.operator_id) } { (one.name) } br; small.muted { (one.email) } }
        td { (sentence(one.role.as_str())) }
        td { (standing(one)) }
        td { (moment(one.created_at)) }
    }).collect();
    let body = html! {
        section.card.flush {
            @if rows.is_empty() { (empty("No operators", "Invite those who run this installation.")) }
            @else { (table("Operators", &[("Operator", false), ("Role", false), ("State", false), ("Since", false)],
                &rows)) }
            (next(OPERATORS, all.next_cursor.as_deref()))
        }
    };
    visit.page_with(Area::Operators, "Operators", visit.button("invite", &[], OPERATORS), body).answer()
}

/// GET /console/operators/{operatorId}
pub(super) async fn operator(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let id = call.path_parameter("operatorId");
    let one: Operator = visit.own.get(at(["operators", id])).await?;
    let (address, role) = (format!("{OPERATORS}/{id}"), one.role.as_str());
    let about = [("operatorId", id), ("about", one.name.as_str())];
    let is_admin = visit.role() == identity::operators::OperatorRole::Admin;
    let sessions = if is_admin {
        sessions(&visit, id, &address).await?
    } else {
        html! {}
    };
    let body = html! {
        div.row { (standing(&one)) span { (sentence(role)) } span.muted { (one.email) } }
        div.row {
            (visit.button("role", &[about[0], about[1], ("role", role)], &address))
            (visit.button("invite-again", &about, &address))
            @if one.disabled_at.is_some() { (visit.button("enable", &about, &address)) }
            @else { (visit.button("disable", &about, &address)) }
            (visit.button("remove-operator", &about, OPERATORS))
        }
        (sessions)
    };
    visit.page(Area::Operators, &one.name, body).answer()
}

/// GET /console/account
pub(super) async fn account(visit: Arc<Visit>, _call: Call) -> Result<Response, Problem> {
    let me = &visit.current.operator;
    let list = sessions(&visit, "me", "/console/account").await?;
    let body = html! {
        section.card {
            dl.facts {
                dt { "Name" } dd { (me.name) }
                dt { "E-mail" } dd { (me.email) }
                dt { "Role" } dd { (sentence(me.role.as_str())) }
            }
            div.row { (visit.button("password", &[], "/console/account")) }
        }
        (list)
    };
    visit.page(Area::Account, "Your account", body).answer()
}

async fn sessions(visit: &Visit, operator: &str, back: &str) -> Result<Markup, Problem> {
    let all: List<OperatorSession> = visit.own.get(at(["operators", operator, "sessions"])).await?;
    let rows: Vec<Markup> = all.data.iter().map(|one| html! {
        th scope="row" { (one.address.as_deref().unwrap_or("unknown")) @if one.current { " " (badge(Tone::Good,
            "this one")) } }
        td { small { (one.user_agent.as_deref().unwrap_or_default()) } }
        td { (moment(one.created_at)) }
        td { (moment(one.last_seen_at)) }
        td.actions { (visit.button("end-session", &[("sessionId", &one.session_id)], back)) }
    }).collect();
    let head = [("From", false), ("Browser", false), ("Since", false), ("Last seen", false), ("", false)];
    Ok(html! {
        section.card.flush {
            h2 { "Sessions" }
            @if rows.is_empty() { (empty("Not signed in", "A session lasts half a day at most.")) }
            @else { (table("Sessions", &head, &rows)) }
        }
    })
}
