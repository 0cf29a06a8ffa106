//! Words a problem as a page, for requests that no page of ours answers better.

use maud::html;
use warp::http::StatusCode;

use super::document::Document;
use crate::http::{Response, empty};
use crate::problem::Problem;

pub(super) fn word(problem: &Problem) -> Response {
    let status = problem.status();
    let (title, text) = match status {
        StatusCode::NOT_FOUND => {
            ("There is no such page", "The address may be mistyped, or the page has moved.")
        }
        StatusCode::UNAUTHORIZED => ("Please sign in", "You are not signed in, or your session has ended."),
        status if status.is_server_error() => {
            ("Something went wrong", "This is our fault. Nothing was changed; please try again in a moment.")
        }
        _ => ("This was not done", problem.message.as_ref()),
    };
    let body = html! {
        main.narrow {
            h1 { (title) }
            p { (text) }
            @if let Some(id) = &problem.request_id {
                p.muted { small { "If you ask for help, name this number: " code { (id) } } }
            }
        }
    };
    Document { status, ..Document::new(title, body) }.answer().unwrap_or_else(|_| empty(status))
}
