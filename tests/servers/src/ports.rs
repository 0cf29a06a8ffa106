//! Free TCP ports on loopback. They are taken below the range that the kernel hands to outgoing connections:
//! a client that keeps trying a stopped server's port could otherwise be given that very port, and connect to
//! itself.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use rand::RngExt;

const RANGE: std::ops::Range<u16> = 15_000..32_000;
const ATTEMPTS: u32 = 500;

/// As many different free ports as asked for. They are not reserved: a start that finds one taken tries
/// again.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(COUNT);
    for _ in 0..ATTEMPTS {
        if held.len() == COUNT {
            break;
        }
        let port = rand::rng().random_range(RANGE);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    match ports.try_into() {
        Ok(ports) => Ok(ports),
        Err(_) => bail!("no free port between {} and {} on 127.0.0.1", RANGE.start, RANGE.end),
    }
}

/// Whether somebody listens on this port already.
pub fn is_busy(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}
