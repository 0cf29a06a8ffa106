//! What operators can do: each action is one operation of the own API, a form for what it takes, and words.

mod access;
pub(super) mod body;
mod catalog;
mod decisions;
mod inputs;
mod numbers;
pub(super) mod present;
mod streaks;
mod wallets;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use identity::operators::OperatorRole;
use warp::http::Method;

use crate::native;

/// One operation, as a form.
#[derive(Debug)]
pub(super) struct Action {
    /// In the form's address.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Of the operation. Its parameters are among the values that the form is opened with.
    pub(super) path: &'static str,
    /// On the button that leads to the form.
    pub(super) button: &'static str,
    /// Above the form, and on the button that does it.
    pub(super) title: &'static str,
    /// What will happen.
    pub(super) explains: &'static str,
    /// What is said when it is done.
    pub(super) done: &'static str,
    pub(super) is_dangerous: bool,
    pub(super) fields: &'static [Input],
    /// The field of the answer that holds a secret, which is shown once.
    pub(super) shows: Option<&'static str>,
    /// Whether it changes something that can be looked at by GET of the same path: its form begins with what is there.
    pub(super) is_change: bool,
}

/// A field of a form, and of the operation's body: `monthly.price` is a field of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// Why it is done, for the audit log.
    Reason,
    /// Why, in the query: of operations without a body.
    ReasonInQuery,
    /// A number of credits.
    Credits,
    /// A whole number.
    Number,
    /// An amount of money in the form's [`Kind::Currency`]: the body has the amount and its currency.
    Money,
    /// As [`Kind::Money`], but the body has the smallest units alone.
    Minor,
    /// The currency of the form's amounts, by its code.
    Currency,
    /// A time, in UTC.
    Moment,
    /// One of some values, each with what people read.
    Choice(&'static [(&'static str, &'static str)]),
    /// `true` if it is ticked.
    Flag,
    /// Always this: what the action is about.
    Is(bool),
    /// Some of these, each with what people read about it.
    Several(&'static [(&'static str, &'static str)]),
    /// Words apart by spaces.
    Words,
    /// One text a line.
    Lines,
    /// One bonus a line: its days and its credits.
    Streaks,
    /// A password: never shown again.
    Secret,
}

/// What a form was opened with, or sent.
pub(super) type Values = BTreeMap<String, String>;

/// The least role of each operation, from its description.
static ROLES: LazyLock<Vec<(Method, &'static str, OperatorRole)>> = LazyLock::new(|| {
    let endpoints = (native::GROUP.endpoints)();
    let roles = endpoints.into_iter().filter_map(|one| Some((one.method, one.path, one.description.role?)));
    roles.collect()
});

impl Action {
    /// The least role that may do it, as the operation's description says.
    pub(super) fn role(&self) -> Option<OperatorRole> {
        let mut roles = ROLES.iter();
        roles.find(|(method, path, _)| *method == self.method && *path == self.path).map(|(_, _, role)| *role)
    }
}

pub(super) fn named(name: &str) -> Option<&'static Action> {
    all().find(|action| action.name == name)
}

fn all() -> impl Iterator<Item = &'static Action> {
    [wallets::ACTIONS, decisions::ACTIONS, catalog::ACTIONS, webhooks::ACTIONS, access::ACTIONS]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_an_operation_with_a_role() {
        for action in all() {
            assert!(action.role().is_some(), "{} {}: {}", action.method, action.path, action.name);
            let names = all().filter(|other| other.name == action.name);
            assert_eq!(names.count(), 1, "{}", action.name);
        }
    }
}
