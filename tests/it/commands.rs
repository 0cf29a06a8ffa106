//! The worker's commands, given as an operator would give them.

use harness::system::Service;
use harness::world::World;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// How a command ended.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the worker to its end.
pub async fn worker(world: &World, arguments: &[&str]) -> Output {
    let variables = world.settings().variables(Service::Worker);
    let variables = variables.iter().map(|(key, value)| (*key, value.as_str()));
    let mut command = Service::Worker.command(DEV.as_ref(), variables);
    command.args(arguments);
    let output = tokio::process::Command::from(command).output().await.unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
