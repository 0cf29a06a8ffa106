//! The route from a request to its endpoint.

use std::sync::Arc;

use futures::future;
use warp::http::Method;
use warp::path::FullPath;
use warp::{Filter, Rejection};

use crate::http::call::{Call, call};
use crate::http::endpoint::Endpoint;
use crate::http::path::WrongMethod;
use crate::http::table::{Found, Table};
use crate::http::{Response, Route};
use crate::state::SharedState;

/// The route that leads to all these endpoints.
pub(super) fn route(api: &SharedState, endpoints: &[Endpoint]) -> Route {
    let table = Arc::new(Table::new(endpoints));
    let answered = warp::method()
        .and(warp::path::full())
        .and_then(move |method: Method, path: FullPath| {
            future::ready(table.find(&method, path.as_str()).map_err(rejection))
        })
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

fn rejection(taken: WrongMethod) -> Rejection {
    if taken.taken.is_empty() { warp::reject::not_found() } else { warp::reject::custom(taken) }
}
