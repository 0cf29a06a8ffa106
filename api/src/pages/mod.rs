//! Pages for people: templates that are filled on the server, over this system's own API alone (`own_api`).

mod assets;
mod components;
mod console;
mod document;
mod documentation;
mod endpoint;
mod form;
mod format;
mod home;
mod numbers;
mod own_api;
mod wallet;
mod words;

use crate::http::endpoint::Endpoint;
use crate::http::group::{ApiGroup, is_under};
use words::word;

pub(crate) use documentation::GROUP as DOCUMENTATION;

pub(crate) static GROUP: ApiGroup =
    ApiGroup { name: "pages", about: "Pages for people.", dialect: None, owns, endpoints, word, error: None };

fn owns(path: &str) -> bool {
    ["/", "/payment_success", "/payment_cancel"].contains(&path)
        || ["/assets", "/console", "/wallet"].iter().any(|prefix| is_under(path, prefix))
}

fn endpoints() -> Vec<Endpoint> {
    let groups = [home::endpoints(), assets::endpoints(), console::endpoints(), wallet::endpoints()];
    groups.into_iter().flatten().collect()
}
