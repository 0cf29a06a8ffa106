//! The command lines of the processes, given as an operator would give them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use harness::system::Service;
use harness::world::World;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// The processes that ship.
const SHIPPED: [Service; 3] = [Service::Api, Service::Worker, Service::Scheduler];

/// What a command led to.
#[derive(Debug)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command of the worker and waits for its end.
pub async fn worker(world: &World, arguments: &[&str]) -> Output {
    let variables = world.settings().variables(Service::Worker);
    let command =
        command(Service::Worker, arguments, variables.iter().map(|(name, value)| (*name, &**value)));
    tokio::process::Command::from(command).output().await.unwrap().into()
}

/// Runs a process that ends by itself, with these variables and no others.
pub fn run<'a>(
    service: Service,
    arguments: &[&str],
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Output {
    command(service, arguments, variables).output().unwrap().into()
}

fn command<'a>(
    service: Service,
    arguments: &[&str],
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Command {
    let mut command = Command::new(DEV);
    command.arg0(service.name()).args(arguments).env_clear().envs(variables);
    command
}

#[test]
fn help_and_version_answer_without_settings() {
    for service in SHIPPED {
        let help = run(service, &["--help"], []);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{help:?}");
        for part in [&format!("Usage: {}", service.name()), "--migrate-only", "--version", ".env.example"] {
            assert!(help.stdout.contains(part), "{part}: {help:?}");
        }
        let version = run(service, &["--version"], []);
        let expected = format!("{} {}\n", service.name(), env!("CARGO_PKG_VERSION"));
        assert_eq!((version.code, version.stdout), (0, expected));
    }
}

#[test]
fn an_argument_that_is_not_known_starts_nothing() {
    for service in SHIPPED {
        let misspelled = run(service, &["--migrate-onyl"], []);
        assert_eq!((misspelled.code, misspelled.stdout.as_str()), (2, ""), "{misspelled:?}");
        assert!(misspelled.stderr.contains("'--migrate-only'"), "no suggestion: {misspelled:?}");
        assert_eq!(run(service, &["start"], []).code, 2);
    }
    // Arguments that a command would not heed.
    let both = run(Service::Worker, &["--roles", "apply", "dead-letters", "list"], []);
    assert_eq!(both.code, 2, "{both:?}");
}

#[tokio::test]
async fn every_process_migrates_and_exits() {
    let world = World::start().await;
    for service in SHIPPED {
        let variables = world.settings().variables(service);
        let connections = variables.iter().map(|(name, value)| (*name, &**value));
        let needed = connections.filter(|(name, _)| ["DATABASE_URL", "AMQP_URL"].contains(name));
        let output = run(service, &["--migrate-only"], needed);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.stderr.contains("the schema is up to date"), "{output:?}");
        assert!(!output.stderr.contains("starts"), "{output:?}");
        // Its standard error is a pipe here.
        assert!(!output.stderr.contains('\u{1b}'), "colours in a log that no person reads: {output:?}");
    }
}
