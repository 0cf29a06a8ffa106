//! Of an organization: its members, their roles, and who used what. Its owners and admins manage them here.

use identity::Role;
use kernel::money::Credits;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::buying::number;
use super::limits;
use super::texts::{Texts, filled};
use super::usage;
use super::views::{Member, Organization, sums};
use super::visit::{Place, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Field, close_button, dialog, dialog_button};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::own_api::{At, at};
use crate::problem::{Failure, Problem};

const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Viewer];

fn role_name(texts: &Texts, role: Role) -> &str {
    match role {
        Role::Owner => &texts.role_owner,
        Role::Admin => &texts.role_admin,
        Role::Member => &texts.role_member,
        Role::Viewer => &texts.role_viewer,
    }
}

/// Whether the own API lets one with this role change who the members are.
fn may_manage(role: Option<Role>) -> bool {
    matches!(role, Some(Role::Owner | Role::Admin))
}

pub(super) fn organization(visit: &Visit) -> Result<&str, Problem> {
    Ok(visit.wallet.org_id.as_deref().ok_or(Failure::NotFound)?)
}

pub(super) async fn show(visit: Visit, _call: Call) -> Result<Response, Problem> {
    page(&visit, html! {}).await?.answer()
}

async fn page(visit: &Visit, above: Markup) -> Result<Document, Problem> {
    let organization = visit.organization.as_ref().ok_or(Failure::NotFound)?;
    let (used, is_all) = usage::entries(visit).await?;
    let spent = sums(&used, |entry| entry.member_id.as_deref().unwrap_or_default());
    let of = |user: &str| spent.iter().find(|(name, _)| name == user).map_or(Credits::ZERO, |(_, sum)| *sum);
    let body = html! {
        (above)
        section.stack {
            h2 { (organization.name) }
            ul.grid {
                @for (row, member) in organization.members.iter().enumerate() {
                    li.card { (card(visit, organization, member, of(&member.user_id), row)) }
                }
            }
        }
        @if !is_all { p.hint { (visit.texts.used_part) } }
        @if may_manage(organization.role) { (addition(visit.texts)) }
    };
    Ok(visit.page(Place::Members, body))
}

fn card(visit: &Visit, organization: &Organization, member: &Member, spent: Credits, row: usize) -> Markup {
    let (texts, role) = (visit.texts, organization.role);
    let may_manage = may_manage(role);
    html! {
        h3 { (member.user_id) }
        @if may_manage { (role_form(texts, member)) }
        dl.facts {
            @if !may_manage { dt { (texts.role) } dd { (role_name(texts, member.role)) } }
            dt { (texts.spent) }
            dd { (visit.credits(spent)) }
            dt { (texts.limit) }
            dd { (limits::shown(visit, member)) }
        }
        @if let Some(limit) = &member.limit { p.hint { (limits::left(visit, limit)) } }
        @if may_manage {
            div.row {
                (limits::setting(visit, role, member, row))
                (removal(texts, member, row))
            }
        }
    }
}

fn roles(texts: &Texts, chosen: Role) -> Markup {
    html! {
        @for role in ROLES { option value=(role.as_str()) selected[role == chosen] { (role_name(texts, role)) } }
    }
}

fn role_form(texts: &Texts, member: &Member) -> Markup {
    html! {
        form.row method="post" action="/wallet/members" {
            input type="hidden" name="userId" value=(member.user_id);
            select.small name="role" aria-label=(filled(&texts.member_role_of, &[("user", &member.user_id)])) {
                (roles(texts, member.role))
            }
            button.plain.small type="submit" { (texts.member_save) }
        }
    }
}

fn removal(texts: &Texts, member: &Member, row: usize) -> Markup {
    let id = format!("remove-{row}");
    html! {
        (dialog_button(&id, &texts.member_remove, "danger small"))
        (dialog(&id, &filled(&texts.member_remove_title, &[("user", &member.user_id)]), html! {
            p { (texts.member_remove_text) }
            form.row.end method="post" action="/wallet/members/remove" {
                input type="hidden" name="userId" value=(member.user_id);
                (close_button(&id, &texts.cancel))
                button.danger type="submit" { (texts.member_remove) }
            }
        }))
    }
}

fn addition(texts: &Texts) -> Markup {
    html! {
        section.card {
            h2 { (texts.member_add) }
            form method="post" action="/wallet/members" {
                (Field { name: "userId", label: &texts.member_id, required: true, ..Field::default() })
                div.field {
                    label for="role" { (texts.role) }
                    select id="role" name="role" { (roles(texts, Role::Member)) }
                }
                button type="submit" { (texts.member_add) }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    user_id: String,
    /// None to take the member out.
    role: Option<String>,
}

pub(super) async fn put(visit: Visit, call: Call) -> Result<Response, Problem> {
    let change: Change = form::read(&call)?;
    let at = at(["organizations", organization(&visit)?, "members", change.user_id.trim()]);
    let put = visit.own.put::<Member>(at, &json!({ "role": change.role })).await;
    told(&visit, put.map(|_| ())).await
}

pub(super) async fn remove(visit: Visit, call: Call) -> Result<Response, Problem> {
    let change: Change = form::read(&call)?;
    let at = at(["organizations", organization(&visit)?, "members", &change.user_id]);
    let removed = visit.own.delete::<()>(at).await;
    told(&visit, removed).await
}

pub(super) async fn told(visit: &Visit, done: Result<(), Problem>) -> Result<Response, Problem> {
    match done {
        Ok(()) => form::see(Place::Members.address()),
        Err(problem) => page(visit, visit.refusal(problem)?).await?.refused(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLimit {
    user_id: String,
    credits: String,
    per: String,
}

fn limit_of(visit: &Visit, user: &str) -> Result<At, Problem> {
    Ok(at(["organizations", organization(visit)?, "members", user, "limit"]))
}

/// POST /wallet/members/limit
pub(super) async fn put_limit(visit: Visit, call: Call) -> Result<Response, Problem> {
    let NewLimit { user_id, credits, per } = form::read(&call)?;
    let Some(credits) = number(&credits) else {
        let problem = Problem::invalid(filled(&visit.texts.no_number, &[("example", "100")]));
        return told(&visit, Err(problem)).await;
    };
    let limit = json!({ "credits": credits.to_json(), "per": per });
    let set = visit.own.put::<IgnoredAny>(limit_of(&visit, &user_id)?, &limit).await;
    told(&visit, set.map(|_| ())).await
}

/// POST /wallet/members/limit/remove
pub(super) async fn remove_limit(visit: Visit, call: Call) -> Result<Response, Problem> {
    let NewLimit { user_id, .. } = form::read(&call)?;
    let removed = visit.own.delete::<()>(limit_of(&visit, &user_id)?).await;
    told(&visit, removed).await
}
