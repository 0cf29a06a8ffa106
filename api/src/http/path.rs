//! Paths with parameters in braces, such as `/orders/{orderId}`, and requests that match one.

use percent_encoding::percent_decode_str;
use warp::http::Method;
use warp::reject::Reject;

/// The values of a path's parameters, under the names that the template gives them.
pub type Parameters = Vec<(&'static str, String)>;

/// Something is at the path, but not for the method.
#[derive(Debug)]
pub(crate) struct WrongMethod {
    /// The methods that the path takes.
    pub(crate) taken: Vec<Method>,
}

impl Reject for WrongMethod {}

/// The values of a template's parameters in a path, if the path has its form. A trailing slash is another path.
pub(crate) fn parameters(template: &'static str, path: &str) -> Option<Parameters> {
    let mut found = Parameters::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => found.push((name, percent_decode_str(segment).decode_utf8().ok()?.into_owned())),
            None if expected != segment => return None,
            None => {}
        }
    }
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_whole_paths() {
        assert_eq!(parameters("/orders", "/orders"), Some(vec![]));
        assert_eq!(parameters("/orders/{id}", "/orders/a%20b"), Some(vec![("id", "a b".to_owned())]));
        for (template, path) in [
            ("/orders", "/orders/"),
            ("/orders", "/orders/1"),
            ("/orders/{id}", "/orders"),
            ("/orders/{id}", "/orders/"),
            ("/orders/{id}", "/orders/1/2"),
            ("/orders/{id}", "/other/1"),
            ("/orders/{id}", "/orders/%ff"),
        ] {
            assert_eq!(parameters(template, path), None, "{template} {path}");
        }
    }
}
