//! How much of an organization's credits each member may spend: seen by all, set by owners and admins.

use identity::Role;
use identity::rules::may_limit;
use maud::{Markup, html};

use super::texts::{dated, filled};
use super::views::{Limit, Member};
use super::visit::Visit;
use crate::pages::components::{Tone, close_button, dialog, dialog_button, notice};

fn amount(visit: &Visit, limit: &Limit) -> String {
    let text = if limit.per == "month" { &visit.texts.limit_a_month } else { &visit.texts.limit_a_day };
    filled(text, &[("credits", &visit.credits(limit.credits))])
}

/// What is left of a limit, and until when.
pub(super) fn left(visit: &Visit, limit: &Limit) -> Markup {
    dated(&filled(&visit.texts.limit_left, &[("left", &visit.credits(limit.left))]), limit.resets_at)
}

/// A member's limit, in words.
pub(super) fn shown(visit: &Visit, member: &Member) -> String {
    member.limit.as_ref().map_or_else(|| visit.texts.limit_none.clone(), |limit| amount(visit, limit))
}

/// What opens the form for a member's limit, and the form, for who may set it.
pub(super) fn setting(visit: &Visit, role: Option<Role>, member: &Member, row: usize) -> Markup {
    if !role.is_some_and(|own| may_limit(own, member.role)) {
        return html! {};
    }
    let (texts, id) = (visit.texts, format!("limit-{row}"));
    html! {
        (dialog_button(&id, &texts.limit_set, "plain small"))
        (dialog(&id, &filled(&texts.limit_of, &[("user", &member.user_id)]), form_of(visit, member, &id)))
    }
}

fn form_of(visit: &Visit, member: &Member, id: &str) -> Markup {
    let texts = visit.texts;
    let (credits, per) = (format!("{id}-credits"), format!("{id}-per"));
    let typed = member.limit.as_ref().map(|limit| limit.credits.to_string()).unwrap_or_default();
    let is_monthly = member.limit.as_ref().is_none_or(|limit| limit.per == "month");
    html! {
        p { (texts.limit_text) }
        form method="post" action="/wallet/members/limit" {
            input type="hidden" name="userId" value=(member.user_id);
            div.field {
                label for=(credits) { (texts.limit_credits) }
                input id=(credits) name="credits" value=(typed) required inputmode="decimal" autocomplete="off";
            }
            div.field {
                label for=(per) { (texts.limit_per) }
                select id=(per) name="per" {
                    option value="day" selected[!is_monthly] { (texts.day) }
                    option value="month" selected[is_monthly] { (texts.month) }
                }
            }
            @if member.limit.is_some() {
                button.plain.small type="submit" formaction="/wallet/members/limit/remove" formnovalidate {
                    (texts.limit_remove)
                }
            }
            div.row.end {
                (close_button(id, &texts.cancel))
                button type="submit" { (texts.member_save) }
            }
        }
    }
}

/// What the member who looks may still spend, if that is limited.
pub(super) fn own(visit: &Visit) -> Markup {
    let members = visit.organization.iter().flat_map(|organization| &organization.members);
    let mut of_reader = members.filter(|member| visit.session.user_id.as_ref() == Some(&member.user_id));
    let Some(limit) = of_reader.next().and_then(|member| member.limit.as_ref()) else { return html! {} };
    let texts = visit.texts;
    if limit.left.is_positive() {
        notice(Tone::Neutral, &texts.limit_own, html! { (amount(visit, limit)) ": " (left(visit, limit)) })
    } else {
        notice(Tone::Warning, &texts.limit_reached, dated(&texts.limit_reached_text, limit.resets_at))
    }
}
