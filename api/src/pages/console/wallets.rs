//! A wallet and its owner: what is in it, what moved, what was bought, and everything that can be done about it.

use std::sync::Arc;

use maud::{Markup, html};
use warp::http::{HeaderValue, header};

use super::orders;
use super::parts::{
    moment, next, order_address, sentence, state, table, user, user_export_address, wallet_address,
};
use super::recharging;
use super::views::{Account, Entry, Grant, Hold, List, Order, Organization, Subscription, Wallet, credits};
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, badge, empty, live, notice};
use crate::pages::own_api::at;
use crate::problem::Problem;

/// How much of each list is shown at first.
const SOME: i64 = 20;

/// Whose wallet it is.
enum Owner {
    User(Account),
    Organization(Organization),
}

/// GET /console/wallets/{wallet}
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let named = call.path_parameter("wallet");
    let wallet: Wallet = visit.own.get(at(["wallets", named])).await?;
    let (id, address) = (wallet.wallet_id.as_str(), wallet_address(named));
    let (entries, grants, holds, bought, subscriptions, owner) = futures::try_join!(
        visit.own.get::<List<Entry>>(entries_of(id, &call)),
        visit.own.get::<List<Grant>>(at(["wallets", id, "grants"]).with("open", true).with("limit", SOME)),
        visit.own.get::<List<Hold>>(at(["wallets", id, "holds"]).with("state", "active").with("limit", SOME)),
        visit.own.get::<List<Order>>(at(["orders"]).with("wallet", id).with("limit", SOME)),
        visit.own.get::<List<Subscription>>(at(["wallets", id, "subscriptions"])),
        owner(&visit, &wallet),
    )?;
    let recharging = recharging::of(&visit, id).await?;
    let title = match &owner {
        Some(Owner::User(account)) => account.name.clone().unwrap_or_else(|| account.user_id.clone()),
        Some(Owner::Organization(organization)) => organization.name.clone(),
        None => "Wallet".to_owned(),
    };
    // Who is kept out has no live events.
    let is_live = !matches!(&owner, Some(Owner::User(account)) if account.is_kept_out());
    let body = html! {
        div.stack.wide #now hx-get=(address) hx-select="#now" hx-swap="outerMorph"
            hx-trigger=(if is_live { "live from:body delay:200ms" } else { "every 5s" }) {
            div.halves {
                (balance(&visit, &wallet, &address))
                @match &owner {
                    Some(Owner::User(account)) => (account_card(&visit, account, &address)),
                    Some(Owner::Organization(organization)) => (members(organization)),
                    None => {},
                }
            }
            section.card.flush #entries { h2 { "Entries" a.button.small.plain href={ (address) "/entries.csv" } {
                "Export CSV" } }
                (entry_rows(&visit, &entries.data, &address))
                (next(&address, entries.next_cursor.as_deref()))
            }
            section.card.flush { h2 { "Orders" } (orders::rows(&bought.data)) }
            section.card.flush { h2 { "Grants with something left" } (grant_rows(&visit, &grants.data, &address)) }
            @if !holds.data.is_empty() {
                section.card.flush { h2 { "Holds" } (hold_rows(&visit, &holds.data, &address)) }
            }
            (recharging::card(&visit, recharging.as_ref(), id, &address))
            @if !subscriptions.data.is_empty() {
                section.card.flush { h2 { "Subscriptions" } (subscription_rows(&visit, &subscriptions.data, &address)) }
            }
        }
    };
    let beside = html! {
        @if is_live { (live(&format!("/console/live?wallet={id}"), "Live", "Connecting")) }
    };
    visit.page_with(Area::Search, &title, beside, body).answer()
}

fn entries_of(wallet: &str, call: &Call) -> crate::pages::own_api::At {
    at(["wallets", wallet, "entries"]).with("limit", SOME).with_some("cursor", call.parameter("cursor"))
}

/// GET /console/wallets/{wallet}/entries.csv
pub(super) async fn export(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let named = call.path_parameter("wallet");
    visit.own.download(at(["wallets", named, "entries"]).with("format", "csv").with("limit", 500)).await
}

/// GET /console/users/{userId}/export: all that is kept of a user, as a file.
pub(super) async fn export_user(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let mut response = visit.own.download(at(["users", call.path_parameter("userId"), "export"])).await?;
    let name = HeaderValue::from_static("attachment; filename=\"user.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn owner(visit: &Visit, wallet: &Wallet) -> Result<Option<Owner>, Problem> {
    Ok(match (&wallet.user_id, &wallet.org_id) {
        (Some(user), _) => Some(Owner::User(visit.own.get(at(["users", user])).await?)),
        (None, Some(organization)) => {
            Some(Owner::Organization(visit.own.get(at(["organizations", organization])).await?))
        }
        (None, None) => None,
    })
}

fn balance(visit: &Visit, wallet: &Wallet, address: &str) -> Markup {
    let about = [("wallet", wallet.wallet_id.as_str())];
    html! {
        section.card aria-label="Balance" {
            div {
                p.muted { "Can be spent" }
                p.display #available { (credits(wallet.available)) " " small.muted { "credits" } }
            }
            dl.facts {
                dt { "Balance" } dd #balance { (credits(wallet.balance)) }
                dt { "Held" } dd { (credits(wallet.held)) }
                @if wallet.debt.is_positive() { dt { "Owed" } dd { (credits(wallet.debt)) } }
                @for lapse in &wallet.lapsing {
                    dt { "Lapses " (moment(lapse.at)) } dd { (credits(lapse.credits)) }
                }
            }
            div.row { (visit.button("grant", &about, address)) (visit.button("adjust", &about, address)) }
            small.muted { "Wallet " code { (wallet.wallet_id) } }
        }
    }
}

fn account_card(visit: &Visit, account: &Account, address: &str) -> Markup {
    let about = [("userId", account.user_id.as_str())];
    html! {
        section.card {
            h2 { "User" @if account.erased_at.is_some() { (badge(Tone::Neutral, "Erased")) }
                 @else if account.blocked_at.is_some() { (badge(Tone::Bad, "Blocked")) } }
            @if let (Some(reason), None) = (&account.block_reason, account.erased_at) {
                (notice(Tone::Warning, "Kept out", reason))
            }
            dl.facts {
                dt { "Id" } dd { code { (account.user_id) } }
                dt { "E-mail" } dd { @match &account.email { Some(email) => (email), None => span.muted { "none" } } }
                dt { "Known since" } dd { (moment(account.created_at)) }
            }
            @if account.erased_at.is_none() {
                div.row {
                    @if account.blocked_at.is_some() { (visit.button("unblock", &about, address)) }
                    @else { (visit.button("block", &about, address)) }
                    (visit.button("erase", &about, address))
                    a.button.small.plain href=(user_export_address(&account.user_id)) download { "Export" }
                }
            }
        }
    }
}

fn members(organization: &Organization) -> Markup {
    html! {
        section.card {
            h2 { "Organization" }
            p.muted { "Number " (organization.org_id) }
            dl.facts {
                @for member in &organization.members {
                    dt { (user(&member.user_id)) " " small { (member.role) } }
                    dd { @if let Some(limit) = &member.limit {
                        (credits(limit.left)) " of " (credits(limit.credits)) " left "
                        @if limit.per == "day" { "today" } @else { "this month" }
                    } }
                }
            }
        }
    }
}

fn entry_rows(visit: &Visit, entries: &[Entry], address: &str) -> Markup {
    if entries.is_empty() {
        return empty("Nothing moved yet", "Each change of the balance will be a line here.");
    }
    let rows: Vec<Markup> = entries.iter().map(|entry| {
        let is_debit = entry.credits.0.is_negative() && is_use(&entry.kind);
        html! {
            th scope="row" {
                (sentence(&entry.kind)) " "
                @match &entry.belongs_to {
                    Some(to) if to.kind == "order" => a href=(order_address(&to.id)) { "order" },
                    _ => {},
                }
                @if let Some(text) = &entry.description { br; small.muted { (text) } }
            }
            td.number { span.plus[entry.credits.is_positive()] { (credits(entry.credits)) } }
            td.number { (credits(entry.balance_after)) }
            td { (moment(entry.created_at)) @if let Some(member) = &entry.member_id { br; small.muted { "by "
                (member) } } }
            td.actions { @if is_debit { (visit.button("give-back", &[("debitId", &entry.entry_id)], address)) } }
        }
    }).collect();
    let head = [("What", false), ("Credits", true), ("Balance", true), ("When", false), ("", false)];
    table("Entries", &head, &rows)
}

/// Whether credits went because they were used, so that they can be given back.
fn is_use(kind: &str) -> bool {
    !matches!(
        kind,
        "refund" | "dispute" | "expiry" | "void" | "adjustment" | "manual" | "transfer_out" | "transfer"
    )
}

fn grant_rows(visit: &Visit, grants: &[Grant], address: &str) -> Markup {
    if grants.is_empty() {
        return empty(
            "No grant has anything left",
            "Purchases and gifts are grants until they are spent or lapse.",
        );
    }
    let rows: Vec<Markup> = grants
        .iter()
        .map(|grant| {
            html! {
                th scope="row" { (sentence(&grant.source)) @if grant.kind == "paid" { " " small.muted { "paid" } } }
                td.number { (credits(grant.remaining)) " of " (credits(grant.credits)) }
                td { @match grant.expires_at { Some(at) => (moment(at)), None => "never" } }
                td { (moment(grant.created_at)) }
                td.actions { (visit.button("void", &[("grantId", &grant.grant_id)], address)) }
            }
        })
        .collect();
    table(
        "Grants",
        &[("From", false), ("Left", true), ("Lapses", false), ("Since", false), ("", false)],
        &rows,
    )
}

fn hold_rows(visit: &Visit, holds: &[Hold], address: &str) -> Markup {
    let rows: Vec<Markup> = holds.iter().map(|hold| html! {
        th scope="row" { (hold.description.as_deref().unwrap_or("Hold")) " " small.muted { "by " (hold.user_id) } }
        td.number { (credits(hold.held)) }
        td { (moment(hold.created_at)) }
        td { (moment(hold.expires_at)) }
        td.actions { (visit.button("release", &[("holdId", &hold.hold_id)], address)) }
    }).collect();
    table("Holds", &[("What", false), ("Held", true), ("Since", false), ("Until", false), ("", false)], &rows)
}

fn subscription_rows(visit: &Visit, all: &[Subscription], address: &str) -> Markup {
    let rows: Vec<Markup> = all.iter().map(|one| html! {
        th scope="row" { (one.plan_id) " " small.muted { (one.provider) " " code { (one.provider_subscription) } } }
        td { (state(&one.state)) @if one.cancel_at_period_end { " " small.muted { "ends with its period" } } }
        td.number { (super::LOCALE.money(kernel::money::Money::new(one.price_minor, one.currency))) " a "
            (one.interval) }
        td.number { (credits(one.credits)) }
        td { @if let Some(at) = one.current_period_end { (moment(at)) } }
        td.actions { @if one.state != "canceled" {
            (visit.button("cancel-subscription", &[("subscriptionId", &one.subscription_id)], address))
        } }
    }).collect();
    let head = [
        ("Plan", false),
        ("State", false),
        ("Price", true),
        ("Credits", true),
        ("Paid until", false),
        ("", false),
    ];
    table("Subscriptions", &head, &rows)
}
