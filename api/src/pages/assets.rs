//! The files that pages load: built into the program, at addresses that change with what is in them, so that browsers
//! keep them for ever.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::endpoint;
use crate::http::call::Call;
use crate::http::endpoint::Endpoint;
use crate::http::{Response, empty};
use crate::problem::{Failure, Problem};
use crate::state::SharedState;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Bytes of the hash that are in an address.
const SHOWN: usize = 6;

/// A file of the pages.
pub(crate) struct Asset {
    /// `/assets/` and a name of its own.
    pub(crate) address: String,
    content_type: &'static str,
    text: Bytes,
    compressed: Bytes,
}

impl Asset {
    pub(crate) fn new(name: &str, text: Bytes) -> Self {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut hash = String::new();
        for byte in Sha256::digest(&text).iter().take(SHOWN) {
            // Writing to a text does not fail.
            let _written = write!(hash, "{byte:02x}");
        }
        let content_type = match ending {
            "css" => "text/css; charset=utf-8",
            _ => "text/javascript; charset=utf-8",
        };
        let compressed = compressed(&text);
        Self { address: format!("/assets/{stem}.{hash}.{ending}"), content_type, text, compressed }
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let takes_gzip = accepted.is_some_and(|text| text.split(',').any(|one| one.trim() == "gzip"));
        let mut response = empty(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, FOR_EVER);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if takes_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let body = if takes_gzip { &self.compressed } else { &self.text };
        *response.body_mut() = body.clone().into();
        response
    }
}

fn compressed(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; were it to, browsers would show no page, and tests would say so.
    let _written = encoder.write_all(text);
    encoder.finish().unwrap_or_default().into()
}

macro_rules! assets {
    ($($name:ident $file:literal),+) => {
        $(pub(crate) static $name: LazyLock<Asset> =
            LazyLock::new(|| Asset::new($file, Bytes::from_static(include_bytes!(concat!("assets/", $file)))));)+
        static ALL: &[&LazyLock<Asset>] = &[$(&$name),+];
    };
}

assets! {
    STYLE "style.css",
    PAGE "page.js",
    HTMX "htmx.min.js",
    CHARTS "uPlot.iife.min.js",
    CHARTS_STYLE "uPlot.min.css",
    DOCUMENTATION_STYLE "documentation.css"
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint::get("/assets/{file}", file)]
}

async fn file(_api: SharedState, call: Call) -> Result<Response, Problem> {
    let asset = ALL.iter().find(|asset| asset.address == call.path).ok_or(Failure::NotFound)?;
    Ok(asset.answer(&call.headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_as_they_were_published() {
        let record = include_str!("assets/README.md");
        for (asset, name) in
            [(&HTMX, "htmx.min.js"), (&CHARTS, "uPlot.iife.min.js"), (&CHARTS_STYLE, "uPlot.min.css")]
        {
            let sum: String = Sha256::digest(&asset.text).iter().map(|byte| format!("{byte:02x}")).collect();
            let line = record.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            assert!(line.is_some_and(|line| line.contains(&sum)), "{name} is {sum}");
        }
    }

    #[test]
    fn an_address_names_what_is_in_the_file() {
        let (one, other) = (Asset::new("a.css", "a{}".into()), Asset::new("a.css", "b{}".into()));
        assert_ne!(one.address, other.address);
        assert!(one.address.starts_with("/assets/a.") && one.address.ends_with(".css"));
    }
}
