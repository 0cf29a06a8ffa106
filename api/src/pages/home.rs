//! The front page: where to find what.

use maud::html;

use super::document::Document;
use super::endpoint;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint::get("/", home)]
}

async fn home(api: SharedState, _call: Call) -> Result<Response, Problem> {
    let demonstration = api.config.demonstration_url.as_deref().map(|address| {
        (address, "Demonstration", "What a customer sees: a wallet, and buying with a test card.")
    });
    let places = [
        ("/docs", "Documentation", "How to sell and spend credits, and every operation of the API."),
        (
            "/console",
            "Console",
            "For those who run this installation: find a customer, see what happened, put it right.",
        ),
        ("/openapi.json", "Description for programs", "OpenAPI 3.1."),
    ];
    let body = html! {
        main.narrow {
            h1 { "Purser" }
            p.lead { "Prepaid credits: paid once, credited once." }
            ul.places {
                @for (address, name, text) in places.into_iter().chain(demonstration) {
                    li { a.card href=(address) { strong { (name) } span.muted { (text) } } }
                }
            }
        }
    };
    Document::new("Purser", body).answer()
}
