//! What has no command of its own, and the clock.

use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use serde::Serialize;

use super::read;
use crate::failure::Failure;
use crate::operation::Operation;

#[derive(Args, Debug)]
pub struct Api {
    #[arg(value_enum, ignore_case = true)]
    method: Verb,
    /// Such as /purser/v1/products; /purser/v1 may be left out
    path: String,
    /// A JSON file as the body; - reads the standard input
    #[arg(long, value_name = "FILE")]
    body: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Api {
    pub fn operation(self) -> Result<Operation, Failure> {
        let is_plain = self.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !self.path.starts_with('/') || !is_plain {
            return Err(Failure::usage(
                "the path begins with / and is written as in an address, such as /products",
            ));
        }
        let path = match self.path.starts_with("/purser/v1/") {
            true => self.path,
            false => format!("/purser/v1{}", self.path),
        };
        let method = match self.method {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        let operation = Operation::new(method, path).text();
        match self.body {
            Some(file) => operation.json(read(&file)?),
            None => Ok(operation),
        }
    }
}

#[derive(Args, Debug)]
pub struct Clock {
    #[command(subcommand)]
    step: Option<Move>,
}

#[derive(Debug, Subcommand)]
enum Move {
    /// Let this much time pass
    Advance { seconds: u64 },
    /// Move to a moment, such as 2027-01-01T00:00:00Z
    To { time: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ClockMove<'a> {
    AdvanceSeconds(u64),
    To(&'a str),
}

impl Clock {
    pub fn operation(self) -> Result<Operation, Failure> {
        let post = Operation::post(["test", "clock"]);
        match self.step {
            None => Ok(Operation::get(["test", "clock"])),
            Some(Move::Advance { seconds }) => post.body(&ClockMove::AdvanceSeconds(seconds)),
            Some(Move::To { time }) => post.body(&ClockMove::To(&time)),
        }
    }
}
