//! What several actions have in common.

use warp::http::Method;

use super::{Action, Input, Kind};

pub(super) const REASON: Input = Input {
    name: "reason",
    label: "Reason",
    hint: "For the audit log: why, and on whose request.",
    kind: Kind::Reason,
    is_required: true,
};
pub(super) const REASON_IN_QUERY: Input = Input { kind: Kind::ReasonInQuery, ..REASON };

pub(super) const fn input(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    kind: Kind,
    is_required: bool,
) -> Input {
    Input { name, label, hint, kind, is_required }
}

/// An amount's currency is a field of its own, which is no field of the body.
pub(super) const CURRENCY: Input =
    input("currency", "Currency", "Its code, such as usd or eur.", Kind::Currency, true);

/// The fields of one list and then those of another.
pub(super) const fn joined<const FIRST: usize, const SECOND: usize, const ALL: usize>(
    first: [Input; FIRST],
    second: [Input; SECOND],
) -> [Input; ALL] {
    let mut all = [CURRENCY; ALL];
    let mut index = 0;
    while index < ALL {
        all[index] = if index < FIRST { first[index] } else { second[index - FIRST] };
        index += 1;
    }
    all
}

/// An action of which nothing special is to be said.
pub(super) const PLAIN: Action = Action {
    name: "",
    method: Method::POST,
    path: "",
    button: "",
    title: "",
    explains: "",
    done: "",
    is_dangerous: false,
    fields: &[REASON],
    shows: None,
    is_change: false,
};
