//! When each step of the demonstration happened.

use std::time::{Duration, Instant};

use servers::progress::Progress;

/// Prints each step with the time since the first and the time since the one before.
pub struct Timeline {
    started: Instant,
    last: Instant,
    progress: Progress,
}

impl Timeline {
    pub fn start(title: &str, progress: &Progress) -> Self {
        let now = Instant::now();
        progress.print("");
        progress.print(title);
        progress.print(&format!("{:>11}  {:>11}", "since start", "this step"));
        Self { started: now, last: now, progress: progress.clone() }
    }

    /// A step is done.
    pub fn step(&mut self, text: &str) {
        let now = Instant::now();
        let (total, step) = (now - self.started, now - self.last);
        self.last = now;
        self.progress.print(&format!("{} ms  {} ms  {text}", milliseconds(total), milliseconds(step)));
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:>8.1}", duration.as_secs_f64() * 1_000.0)
}
