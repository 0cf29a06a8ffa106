//! Accepts connections, with bounds that keep slow or many clients from harming others: a cap on connections, a time
//! limit for headers, and one for finishing when the process stops.

mod rate_limit;
mod router;
mod service;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::state::SharedState;
use rate_limit::FORGET_EVERY;
use service::Service;

/// For the header of a request, and for waiting for the next request on an open connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// For requests under way when the process stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves until `shutdown`, then lets requests under way finish, within limits.
pub(crate) async fn serve(api: SharedState, listener: TcpListener, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(api.config.max_connections));
    let service = Arc::new(Service::new(api));
    let connections = TaskTracker::new();
    let forgetting = tokio::spawn(tidy(Arc::clone(&service)));
    loop {
        // Without a free place, further connections wait in the kernel's queue.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = shutdown.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // The process is most likely out of file descriptors: a connection has to end first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
        connections.spawn(async move {
            connection(service, stream, peer.ip(), shutdown).await;
            drop(place);
        });
    }
    drop(listener);
    forgetting.abort();
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "stopping with requests under way");
    }
}

async fn tidy(service: Arc<Service>) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        service.tidy();
    }
}

async fn connection(service: Arc<Service>, stream: TcpStream, peer: IpAddr, shutdown: CancellationToken) {
    // Answers are written in one piece; waiting for more to send would only delay them.
    let _best_effort = stream.set_nodelay(true);
    let answering = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), answering)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
