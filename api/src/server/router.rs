//! Finds the endpoint that a request is for. Paths without parameters are looked up in a table, so that the cost of a
//! request does not depend on how many there are.
//!
//! Not `matchit`: it answers only the best path, so a method that a less specific path takes would be refused, and the
//! methods for `Allow` would have to be collected beside it.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future;
use warp::http::Method;
use warp::path::FullPath;
use warp::{Filter, Rejection};

use crate::http::call::{Call, call};
use crate::http::endpoint::{Endpoint, Handler};
use crate::http::path::{Parameters, WrongMethod, parameters};
use crate::http::{Response, Route};
use crate::state::SharedState;

/// The route that leads to all these endpoints.
pub(super) fn route(api: &SharedState, endpoints: &[Endpoint]) -> Route {
    let table = Arc::new(Table::new(endpoints));
    let answered = warp::method()
        .and(warp::path::full())
        .and_then(move |method: Method, path: FullPath| future::ready(table.find(&method, path.as_str())))
        .and(call(api))
        .then(|found: Found, api, call| (found.handler)(api, Call { parameters: found.parameters, ..call }));
    let specials = endpoints.iter().filter_map(|endpoint| endpoint.special_route(api)).collect::<Vec<_>>();
    first_of([answered.boxed()].into_iter().chain(specials))
}

/// The first of the routes that answers.
fn first_of(routes: impl IntoIterator<Item = Route, IntoIter: DoubleEndedIterator>) -> Route {
    let nothing = warp::any().and_then(|| async { Err::<Response, _>(warp::reject::not_found()) }).boxed();
    // Folded from the right: the first route is reached without going through the others.
    routes.into_iter().rfold(nothing, |others, route| route.or(others).unify().boxed())
}

/// The endpoints with handlers.
struct Table {
    /// Without parameters, by their paths.
    fixed: HashMap<&'static str, Vec<Place>>,
    templates: Vec<(&'static str, Place)>,
}

struct Place {
    method: Method,
    handler: Handler,
}

impl Place {
    /// Where GET is taken, HEAD is too: the server leaves the body out (RFC 9110, section 9.3.2).
    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (method == Method::HEAD && self.method == Method::GET)
    }
}

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

#[cfg(test)]
mod tests {
    use warp::http::StatusCode;

    use super::*;
    use crate::http::description::{Access, Description};
    use crate::http::empty;

    #[test]
    fn a_path_in_full_is_preferred_and_a_wrong_method_is_told_apart() {
        let at = |method: Method, path| {
            let handler = |_, _| async { Ok(empty(StatusCode::OK)) };
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
