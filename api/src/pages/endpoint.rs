//! Pages as endpoints: as those of an API, but not in the description for programs.

use std::future::Future;

use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::problem::Problem;
use crate::state::SharedState;

pub(crate) fn get<Work>(
    path: &'static str,
    handler: impl Fn(SharedState, Call) -> Work + Send + Sync + 'static,
) -> Endpoint
where
    Work: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    Endpoint::get(path, handler, undescribed())
}

pub(crate) fn post<Work>(
    path: &'static str,
    handler: impl Fn(SharedState, Call) -> Work + Send + Sync + 'static,
) -> Endpoint
where
    Work: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    Endpoint::post(path, handler, undescribed())
}

fn undescribed() -> Description {
    Description::new(Access::Public, "A page")
}
