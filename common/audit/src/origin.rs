//! From where a request came: every record of what is done for the request says it, without each function between them
//! passing it on.

use std::future::Future;
use std::net::IpAddr;

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Does the work of a request from this address; none: of no request. Work that goes on in another task is given it
/// again.
pub async fn within<Work: Future>(address: Option<IpAddr>, work: Work) -> Work::Output {
    match address {
        Some(address) => ADDRESS.scope(address, work).await,
        None => work.await,
    }
}

/// The address of the request that is being worked on, if there is one.
pub fn address() -> Option<IpAddr> {
    ADDRESS.try_with(|address| *address).ok()
}
