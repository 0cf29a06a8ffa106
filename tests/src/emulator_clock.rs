//! Moves the emulator's clock along with the system's test clock: after every process, so that what the providers then
//! sign and send is not from the future.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use kernel::clock::Clock;
use kernel::config::Connections;
use kernel::database;
use kernel::test_clock::{self, Order};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::Client;

/// How long a move waits for an emulator that is away.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(50);

/// Has `clock`, and the emulator if there is one, follow the test clock until the guard is dropped.
///
/// # Errors
/// When the database's address cannot be read.
pub async fn follow(connections: &Connections, clock: Clock, emulator: Option<Client>) -> Result<DropGuard> {
    let shutdown = CancellationToken::new();
    let moved = Arc::new(AtomicI64::new(0));
    let apply = move |offset| {
        let (clock, emulator, moved) = (clock.clone(), emulator.clone(), Arc::clone(&moved));
        async move {
            clock.set_offset(offset);
            let by = offset.saturating_sub(moved.load(Ordering::Relaxed));
            let Some(emulator) = emulator.filter(|_| by > 0) else { return };
            match put(&emulator, by).await {
                Ok(()) => moved.store(offset, Ordering::Relaxed),
                Err(error) => eprintln!("the emulator's clock is not moved: {error:#}"),
            }
        }
    };
    test_clock::follow(database::direct_primary(connections)?, Order::Last, apply, shutdown.clone()).await;
    Ok(shutdown.drop_guard())
}

/// By how much, not to when: a test may have set the providers' clock apart from everyone else's.
async fn put(emulator: &Client, seconds: i64) -> Result<()> {
    let began = Instant::now();
    loop {
        let body = json!({"advance_seconds": seconds, "signs": true});
        let answer = emulator.put("/_emulator/clock").json(body).require(200).await;
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
