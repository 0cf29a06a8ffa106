//! The endpoints with handlers, found by method and path. Paths without parameters are looked up, so that the cost of a
//! request does not depend on how many there are.
//!
//! Not `matchit`: it answers only the best path, so a method that a less specific path takes would be refused, and the
//! methods for `Allow` would have to be collected beside it.

use std::collections::HashMap;

use warp::http::Method;

use super::endpoint::{Endpoint, Handler};
use super::path::{Parameters, WrongMethod, parameters};

pub(crate) struct Table {
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

pub(crate) struct Found {
    pub(crate) handler: Handler,
    pub(crate) parameters: Parameters,
}

impl Table {
    pub(crate) fn new(endpoints: &[Endpoint]) -> Self {
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

    /// # Errors
    /// With the methods that the path takes instead; with none if nothing is there.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Found, WrongMethod> {
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
        Err(WrongMethod { taken })
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
        assert_eq!(wrong.taken, [Method::GET, Method::DELETE]);
        assert_eq!(found(Method::GET, "/others").unwrap_err().taken, Vec::<Method>::new());
    }
}
