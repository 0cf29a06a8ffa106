//! Lines that say what is being done, each with the time since the start, so that nobody waits before a
//! silent screen.

use std::io::Write;
use std::time::{Duration, Instant};

/// Where the lines go.
#[derive(Clone, Copy, Debug)]
pub enum Sink {
    /// The standard output: the lines are the program's result.
    Output,
    /// The standard error, past the capture of the test runner.
    Error,
}

/// Prints lines with the elapsed time.
#[derive(Clone, Debug)]
pub struct Progress {
    started: Instant,
    sink: Sink,
}

impl Progress {
    /// Counts from now.
    pub fn new(sink: Sink) -> Self {
        Self { started: Instant::now(), sink }
    }

    /// Prints one line.
    pub fn say(&self, text: impl AsRef<str>) {
        let elapsed = self.elapsed();
        let line = format!("[{:>5.1} s] {}", elapsed.as_secs_f64(), text.as_ref());
        self.print(&line);
    }

    /// Prints one line without the time.
    pub fn print(&self, line: &str) {
        // A closed output must not end the program before it has stopped what it started.
        let _output_is_closed = match self.sink {
            Sink::Output => writeln!(std::io::stdout(), "{line}"),
            Sink::Error => writeln!(std::io::stderr(), "{line}"),
        };
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
