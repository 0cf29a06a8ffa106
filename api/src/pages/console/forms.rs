//! The forms of actions. Each is a page of its own, so that it says what will happen before it does, and works
//! without a
//! script.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;
use warp::http::Method;

use super::actions::{Action, Input, Kind, Values, body, named, present};
use super::parts::sentence;
use super::visit::{Area, Visit};
use crate::http::Response;
use crate::http::call::Call;
use crate::pages::components::{Tone, notice};
use crate::pages::document::Document;
use crate::pages::form;
use crate::pages::own_api::filled;
use crate::problem::{Problem, ProblemKind};

fn asked_for(visit: &Visit, call: &Call) -> Result<&'static Action, Problem> {
    let action = named(call.path_parameter("action")).ok_or(ProblemKind::NotFound)?;
    if visit.may(action) {
        return Ok(action);
    }
    let needed = action.role().map_or("admin", |role| role.as_str());
    Err(Problem::forbidden(format!("This needs the role {needed}. Yours is {}.", visit.role().as_str())))
}

/// GET /console/do/{action}
pub(super) async fn show(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    let action = asked_for(&visit, &call)?;
    let given: Values = call.query.iter().cloned().collect();
    let mut values = Values::new();
    if action.is_change {
        let there =
            visit.own.get(filled(action.path, |name| given.get(name).map_or("", String::as_str))).await?;
        values.extend(present::of(action, &there));
    }
    values.extend(given);
    page(&visit, action, &values, &Uuid::new_v4().to_string(), None).answer()
}

/// POST /console/do/{action}
pub(super) async fn perform(visit: Arc<Visit>, call: Call) -> Result<Response, Problem> {
    // Fields that may be ticked several times come several times.
    let sent: Vec<(String, String)> = form::read(&call)?;
    let action = named(call.path_parameter("action")).ok_or(ProblemKind::NotFound)?;
    let mut values = Values::new();
    for (name, value) in sent {
        values.entry(name).and_modify(|before| *before = format!("{before} {value}")).or_insert(value);
    }
    let key = values.get("key").cloned().unwrap_or_default();
    match carry_out(&visit, action, &values, &key).await {
        Ok(answer) => match action.shows {
            Some(field) => {
                shown_once(&visit, action, &values, answer[field].as_str().unwrap_or_default()).answer()
            }
            None => form::see(&back(&values, Some(action))),
        },
        Err(problem) if problem.status().is_client_error() => {
            // Another try is another request.
            let page = page(&visit, action, &values, &Uuid::new_v4().to_string(), Some(&problem));
            Document { status: problem.status(), ..page }.answer()
        }
        Err(problem) => Err(problem),
    }
}

/// Asks the operation, which decides whether the operator may.
async fn carry_out(visit: &Visit, action: &Action, values: &Values, key: &str) -> Result<Value, Problem> {
    let value = |name: &str| values.get(name).map_or("", String::as_str);
    let mut at = filled(action.path, value);
    for input in action.fields.iter().filter(|input| matches!(input.kind, Kind::ReasonInQuery)) {
        at = at.with(input.name, value(input.name));
    }
    let body = body::of(action, values)?;
    match action.method {
        Method::PUT => visit.own.put(at, &body).await,
        Method::DELETE => visit.own.delete(at).await,
        _ => visit.own.post(at, key, &body).await,
    }
}

/// A page of the console to go back to, whatever the form says.
fn back(values: &Values, done: Option<&Action>) -> String {
    let own = |text: &&String| {
        (*text == "/console" || text.starts_with("/console/"))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    let back = values.get("back").filter(own).map_or("/console", String::as_str);
    match done {
        Some(action) => format!("{back}{}done={}", if back.contains('?') { '&' } else { '?' }, action.name),
        None => back.to_owned(),
    }
}

fn page(visit: &Visit, action: &Action, values: &Values, key: &str, problem: Option<&Problem>) -> Document {
    let is_field = |name: &str| action.fields.iter().any(|input| input.name == name);
    let hidden = values.iter().filter(|(name, _)| !is_field(name) && *name != "key");
    let about: Vec<(&String, &String)> = values
        .iter()
        .filter(|(name, _)| action.path.contains(&format!("{{{name}}}")) || *name == "about")
        .filter(|(name, _)| !is_field(name))
        .collect();
    let body = html! {
        div.stack {
            p.lead { (action.explains) }
            @if let Some(problem) = problem { (notice(Tone::Bad, "This was not done", problem.message.as_ref())) }
            form.card method="post" action={ "/console/do/" (action.name) } {
                input type="hidden" name="key" value=(key);
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                @if !about.is_empty() {
                    dl.facts { @for (name, value) in about { dt { (spelled(name)) } dd { code { (value) } } } }
                }
                @for input in action.fields { (field(input, action, values, problem)) }
                div.row {
                    button.danger[action.is_dangerous] { (action.title) }
                    a.button.plain href=(back(values, None)) { "Cancel" }
                }
            }
        }
    };
    visit.page(Area::Account, action.title, body)
}

fn shown_once(visit: &Visit, action: &Action, values: &Values, secret: &str) -> Document {
    let body = html! {
        (notice(Tone::Good, action.done, "Copy it now: it is not shown again."))
        div.card { pre.secret tabindex="0" { (secret) } }
        p { a.button.plain href=(back(values, None)) { "Go on" } }
    };
    visit.page(Area::Account, action.title, body)
}

/// A parameter's name for people: `orderId` is Order.
fn spelled(name: &str) -> String {
    sentence(name.strip_suffix("Id").unwrap_or(name))
}

/// A field's label. One for an amount names its currency, unless another field of the form does.
fn label(input: &Input, action: &Action, values: &Values) -> String {
    let is_asked = action.fields.iter().any(|other| matches!(other.kind, Kind::Currency));
    match (input.kind, values.get("currency")) {
        (Kind::Minor | Kind::Money, Some(code)) if !is_asked => {
            format!("{} in {}", input.label, code.to_uppercase())
        }
        _ => input.label.to_owned(),
    }
}

fn field(input: &Input, action: &Action, values: &Values, problem: Option<&Problem>) -> Markup {
    let value = values.get(input.name).map_or("", String::as_str);
    let is_wrong =
        problem.and_then(|problem| problem.param.as_deref()).is_some_and(|param| param == input.name);
    let hint_id = format!("{}-hint", input.name);
    let described = (!input.hint.is_empty()).then_some(&hint_id);
    let invalid = is_wrong.then_some("true");
    html! {
        @match input.kind {
            Kind::Is(_) => {},
            Kind::Flag => label.choice {
                input type="checkbox" name=(input.name) value="true" checked[value == "true"];
                span { strong { (input.label) } small.muted { (input.hint) } }
            },
            Kind::Several(all) => fieldset {
                legend { (input.label) }
                @for (one, about) in all {
                    label.choice {
                        input type="checkbox" name=(input.name) value=(one)
                            checked[value.split(' ').any(|it| it == *one)];
                        span { strong { (one) } @if !about.is_empty() { small.muted { (about) } } }
                    }
                }
                @if !input.hint.is_empty() { p.hint { (input.hint) } }
            },
            _ => div.field {
                label for=(input.name) { (label(input, action, values)) }
                @match input.kind {
                    Kind::Choice(all) => select #(input.name) name=(input.name) aria-describedby=[described] {
                        @for (one, text) in all { option value=(one) selected[value == *one] { (text) } }
                    },
                    Kind::Reason | Kind::ReasonInQuery => textarea #(input.name) name=(input.name) maxlength="500"
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid] { (value) },
                    Kind::Lines | Kind::Streaks => textarea #(input.name) name=(input.name)
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid] { (value) },
                    Kind::Moment => input #(input.name) name=(input.name) type="datetime-local" value=(value)
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid];,
                    Kind::Credits | Kind::Number | Kind::Money | Kind::Minor => input #(input.name)
                        name=(input.name) value=(value) inputmode="decimal" autocomplete="off"
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid];,
                    Kind::Secret => input #(input.name) name=(input.name) type="password" autocomplete="off"
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid];,
                    _ => input #(input.name) name=(input.name) value=(value) autocomplete="off"
                        required[input.is_required] aria-describedby=[described] aria-invalid=[invalid];,
                }
                @if !input.hint.is_empty() { p.hint #(hint_id) { (input.hint) } }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_leads_to_no_other_site() {
        let to = |back: &str| super::back(&Values::from([("back".to_owned(), back.to_owned())]), None);
        assert_eq!(to("/console/wallets/1?a=b"), "/console/wallets/1?a=b");
        for foreign in ["//evil.example", "https://evil.example", "/consoles", "/console/\\evil"] {
            assert_eq!(to(foreign), "/console", "{foreign}");
        }
    }
}
