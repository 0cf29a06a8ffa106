//! Finds the endpoint that a request is for. Looked up, not tried one after the other: what a request costs does not
//! depend on how many endpoints there are.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future;
use percent_encoding::percent_decode_str;
use warp::path::FullPath;
use warp::reject::{Reject, Rejection};
use warp::{Filter, http::Method};

use super::endpoint::{Endpoint, Handler, Parameters};
use super::{Call, Route, call, first_of};
use crate::Shared;

/// The route that leads to all these endpoints.
pub(crate) fn route(api: &Shared, endpoints: &[Endpoint]) -> Route {
    let table = Arc::new(Table::new(endpoints));
    let answered = warp::method()
        .and(warp::path::full())
        .and_then(move |method: Method, path: FullPath| future::ready(table.find(&method, path.as_str())))
        .and(call(api))
        .then(|found: Found, api, call| (found.handler)(api, Call { parameters: found.parameters, ..call }));
    let specials = endpoints.iter().filter_map(|endpoint| endpoint.special_route(api)).collect::<Vec<_>>();
    first_of([answered.boxed()].into_iter().chain(specials))
}

/// Something is at the path, but not for the method.
#[derive(Debug)]
pub(super) struct WrongMethod {
    /// The methods that the path takes.
    pub(super) taken: Vec<Method>,
}

impl Reject for WrongMethod {}

/// The endpoints with handlers.
struct Table {
    /// By paths without parameters.
    fixed: HashMap<&'static str, Vec<Place>>,
    /// With parameters.
    templates: Vec<(&'static str, Place)>,
}

struct Place {
    method: Method,
    handler: Handler,
}

impl Place {
    /// What can be got can also be asked for by HEAD: the server leaves the body out (RFC 9110, section 9.3.2).
    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (method == Method::HEAD && self.method == Method::GET)
    }
}

/// What answers a request, and the parameters of its path.
struct Found {
    handler: Handler,
    parameters: Parameters,
}

impl Table {
    fn new(endpoints: &[Endpoint]) -> Self {
        let mut table = Self { fixed: HashMap::new(), templates: Vec::new() };
        for endpoint in endpoints {
            let Some(handler) = endpoint.handler() else { continue };
            let place = Place { method: endpoint.method.clone(), handler };
            if endpoint.path.contains('{') {
                table.templates.push((endpoint.path, place));
            } else {
                table.fixed.entry(endpoint.path).or_default().push(place);
            }
        }
        table
    }

    fn find(&self, method: &Method, path: &str) -> Result<Found, Rejection> {
        let mut taken = Vec::new();
        for place in self.fixed.get(path).into_iter().flatten() {
            if place.takes(method) {
                return Ok(Found { handler: place.handler.clone(), parameters: Parameters::new() });
            }
            taken.push(place.method.clone());
        }
        for (template, place) in &self.templates {
            let Some(parameters) = parameters(template, path) else { continue };
            if place.takes(method) {
                return Ok(Found { handler: place.handler.clone(), parameters });
            }
            taken.push(place.method.clone());
        }
        Err(if taken.is_empty() {
            warp::reject::not_found()
        } else {
            warp::reject::custom(WrongMethod { taken })
        })
    }
}

/// The values of a template's parameters in a path, if the path has its form. A trailing slash is another path.
pub(super) fn parameters(template: &'static str, path: &str) -> Option<Parameters> {
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::description::{Access, Description};
    use crate::http::{Response, empty};
    use warp::http::StatusCode;

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

    #[test]
    fn a_path_in_full_is_preferred_and_a_wrong_method_is_told_apart() {
        let at = |method: Method, path| {
            let handler = |_, _| async { Ok::<_, Response>(empty(StatusCode::OK)) };
            Endpoint::new(method, path, handler, Description::new(Access::Public, "For this test."))
        };
        let table = Table::new(&[
            at(Method::GET, "/orders/{id}"),
            at(Method::GET, "/orders/mine"),
            at(Method::DELETE, "/orders/{id}"),
        ]);
        let found = |method: Method, path| table.find(&method, path).map(|found| found.parameters);
        assert_eq!(found(Method::GET, "/orders/mine").unwrap(), vec![]);
        let mine = vec![("id", "mine".to_owned())];
        assert_eq!(found(Method::DELETE, "/orders/mine").unwrap(), mine);
        assert_eq!(found(Method::HEAD, "/orders/mine").unwrap(), vec![]);
        let wrong = found(Method::POST, "/orders/1").unwrap_err();
        assert_eq!(wrong.find::<WrongMethod>().unwrap().taken, [Method::GET, Method::DELETE]);
        assert!(found(Method::GET, "/others").unwrap_err().is_not_found());
    }
}
