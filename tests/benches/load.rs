//! An HTTP/1.1 load generator: a fixed number of keep-alive connections on one thread, each sending its next request
//! when it has the answer to the one before, or, with a pace, when that request is due.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Makes the n-th request: appends it to the buffer, head and body.
pub type MakeRequest = Box<dyn FnMut(u64, &mut Vec<u8>) + Send>;

/// When to stop.
#[derive(Clone, Copy)]
pub enum Until {
    /// After this many requests.
    Count(u64),
    /// After this long, of which the first second does not count.
    Time(Duration),
}

/// What to send, and how.
pub struct Plan {
    /// Connections that send at the same time.
    pub connections: usize,
    pub until: Until,
    /// Requests a second that are due. What is sent late, because all connections wait, counts as having waited.
    /// Without it there are as many as get answered.
    pub pace: Option<f64>,
    pub make: MakeRequest,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Load {
    /// Answers that count, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// From the first that counts to the last.
    pub elapsed: Duration,
    /// When the first request was sent.
    pub first_sent: Instant,
    /// Sorted, in microseconds.
    pub latencies: Vec<u32>,
}

impl Load {
    pub fn succeeded(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, count)| count).sum()
    }

    pub fn rate(&self) -> f64 {
        self.succeeded() as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latencies, in milliseconds.
    pub fn quantile(&self, quantile: f64) -> f64 {
        quantile_of(&self.latencies, quantile)
    }
}

/// A quantile of sorted microseconds, in milliseconds.
pub fn quantile_of(sorted: &[u32], quantile: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * quantile) as usize).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

const WARM_UP: Duration = Duration::from_secs(1);

struct Shared {
    port: u16,
    until: Until,
    pace: Option<f64>,
    make: RefCell<MakeRequest>,
    next: Cell<u64>,
    stop: Cell<bool>,
    count_from: Instant,
    first_sent: Instant,
    last_counted: Cell<Instant>,
    statuses: RefCell<BTreeMap<u16, u64>>,
    latencies: RefCell<Vec<u32>>,
}

/// Runs the generator on a thread of its own.
pub async fn generate(port: u16, plan: Plan) -> Load {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let load = tokio::task::LocalSet::new().block_on(&runtime, drive(port, plan));
        let _gone = done.send(load);
    });
    result.await.unwrap()
}

async fn drive(port: u16, plan: Plan) -> Load {
    let Plan { connections, until, pace, make } = plan;
    let now = Instant::now();
    let shared = Rc::new(Shared {
        port,
        until,
        pace,
        make: RefCell::new(make),
        next: Cell::new(0),
        stop: Cell::new(false),
        count_from: if matches!(until, Until::Time(_)) { now + WARM_UP } else { now },
        first_sent: now,
        last_counted: Cell::new(now),
        statuses: RefCell::default(),
        latencies: RefCell::default(),
    });
    let clients: Vec<_> =
        (0..connections).map(|_| tokio::task::spawn_local(client(Rc::clone(&shared)))).collect();
    if let Until::Time(length) = until {
        tokio::time::sleep(length).await;
        shared.stop.set(true);
    }
    for client in clients {
        client.await.unwrap();
    }
    let mut latencies = shared.latencies.take();
    latencies.sort_unstable();
    Load {
        statuses: shared.statuses.take(),
        elapsed: shared.last_counted.get() - shared.count_from,
        first_sent: shared.first_sent,
        latencies,
    }
}

async fn client(shared: Rc<Shared>) {
    let (mut request, mut answer) = (Vec::with_capacity(8192), Vec::with_capacity(8192));
    let mut stream = TcpStream::connect(("127.0.0.1", shared.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    while !shared.stop.get() {
        let number = shared.next.get();
        if matches!(shared.until, Until::Count(count) if number >= count) {
            return;
        }
        shared.next.set(number + 1);
        let due = shared.pace.map(|pace| shared.first_sent + Duration::from_secs_f64(number as f64 / pace));
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        request.clear();
        (shared.make.borrow_mut())(number, &mut request);
        let sent = due.unwrap_or_else(Instant::now);
        stream.write_all(&request).await.unwrap();
        let status = read_answer(&mut stream, &mut answer).await;
        let now = Instant::now();
        if sent >= shared.count_from {
            *shared.statuses.borrow_mut().entry(status).or_default() += 1;
            shared.latencies.borrow_mut().push(u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX));
            shared.last_counted.set(now);
        }
    }
}

/// Reads one answer with a content length; returns its status.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the server closed the connection");
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).to_ascii_lowercase();
    let status = head[9..12].parse().unwrap();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    while buffer.len() < head_end + length {
        assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the server closed the connection");
    }
    status
}
