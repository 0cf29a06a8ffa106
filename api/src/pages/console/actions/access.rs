//! Who may come in: operators, keys, sessions.

use identity::rights::Scope;
use warp::http::Method;

use super::inputs::{PLAIN, REASON, REASON_IN_QUERY, input};
use super::{Action, Kind};

const ROLES: Kind = Kind::Choice(&[
    ("viewer", "Viewer: sees everything"),
    ("support", "Support: helps users"),
    ("finance", "Finance: gives credits and money, decides about payments"),
    ("admin", "Admin: everything"),
]);
const SCOPES: Kind = Kind::Several(&[
    about(Scope::Read),
    about(Scope::Spend),
    about(Scope::Buy),
    about(Scope::Manage),
    about(Scope::Admin),
]);

const fn about(scope: Scope) -> (&'static str, &'static str) {
    (scope.as_str(), scope.about())
}

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "key",
        path: "/purser/v1/api-keys",
        button: "Make a key",
        title: "Make an API key",
        explains: "For a server of yours. It works at once, and may do what you tick here and nothing else.",
        done: "The key",
        fields: &[
            input("name", "Name", "What it is for.", Kind::Text, true),
            input(
                "scopes",
                "What it may do",
                "No scope includes another: tick each that the server needs.",
                SCOPES,
                true,
            ),
            input("walletsOf", "Whose wallets", "user:ID or org:ID. Empty: everyone's.", Kind::Text, false),
        ],
        shows: Some("apiKey"),
        ..PLAIN
    },
    Action {
        name: "revoke-key",
        method: Method::DELETE,
        path: "/purser/v1/api-keys/{apiKeyId}",
        button: "Revoke",
        title: "Revoke the key",
        explains: "It stops working at once, everywhere.",
        done: "The key is revoked.",
        is_dangerous: true,
        fields: &[],
        ..PLAIN
    },
    Action {
        name: "invite",
        path: "/purser/v1/operators",
        button: "Invite an operator",
        title: "Invite an operator",
        explains: "You get a link for them that works once, within three days.",
        done: "The link for the operator",
        fields: &[
            input("name", "Name", "", Kind::Text, true),
            input("email", "E-mail address", "They sign in with it.", Kind::Text, true),
            input("role", "Role", "", ROLES, true),
            REASON,
        ],
        shows: Some("url"),
        ..PLAIN
    },
    Action {
        name: "invite-again",
        path: "/purser/v1/operators/{operatorId}/invite",
        button: "New link",
        title: "Invite the operator again",
        explains: "With another link, for one who lost it or the password. Using it ends the operator's sessions.",
        done: "The link for the operator",
        fields: &[],
        shows: Some("url"),
        ..PLAIN
    },
    Action {
        name: "role",
        method: Method::PUT,
        path: "/purser/v1/operators/{operatorId}",
        button: "Change role",
        title: "Change the operator's role",
        explains: "It is in force with the operator's next request.",
        done: "The role is changed.",
        fields: &[input("role", "Role", "", ROLES, true), REASON],
        ..PLAIN
    },
    Action {
        name: "disable",
        method: Method::PUT,
        path: "/purser/v1/operators/{operatorId}",
        button: "Disable",
        title: "Disable the operator",
        explains: "They are signed out at once and cannot come in. It can be undone.",
        done: "The operator is disabled.",
        is_dangerous: true,
        fields: &[input("disabled", "", "", Kind::Is(true), true), REASON],
        ..PLAIN
    },
    Action {
        name: "enable",
        method: Method::PUT,
        path: "/purser/v1/operators/{operatorId}",
        button: "Enable",
        title: "Let the operator in again",
        explains: "They can sign in with the password that they had.",
        done: "The operator can sign in again.",
        fields: &[input("disabled", "", "", Kind::Is(false), true), REASON],
        ..PLAIN
    },
    Action {
        name: "remove-operator",
        method: Method::DELETE,
        path: "/purser/v1/operators/{operatorId}",
        button: "Remove",
        title: "Remove the operator",
        explains: "For good. What the operator did stays in the audit log, under an id only: rather disable who \
         leaves.",
        done: "The operator is removed.",
        is_dangerous: true,
        fields: &[REASON_IN_QUERY],
        ..PLAIN
    },
    Action {
        name: "end-session",
        method: Method::DELETE,
        path: "/purser/v1/operator-sessions/{sessionId}",
        button: "End",
        title: "End the session",
        explains: "Whoever uses it is signed out at once.",
        done: "The session is ended.",
        is_dangerous: true,
        fields: &[],
        ..PLAIN
    },
    Action {
        name: "password",
        method: Method::PUT,
        path: "/purser/v1/operator-password",
        button: "Change password",
        title: "Change your password",
        explains: "Your other sessions end.",
        done: "Your password is changed.",
        fields: &[
            input("password", "Present password", "", Kind::Secret, true),
            input("newPassword", "New password", "At least 12 characters.", Kind::Secret, true),
        ],
        ..PLAIN
    },
];
