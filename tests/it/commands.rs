//! The worker's commands, given as an operator would give them.

use std::os::unix::process::CommandExt;

use harness::system::Service;
use harness::world::World;

const DEV: &str = env!("CARGO_BIN_EXE_dev");

/// What a command led to.
#[derive(Debug)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub text: String,
    /// What it said besides.
    pub aside: String,
}

/// Gives a command and waits for its end.
pub async fn worker(world: &World, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(DEV);
    command.arg0(Service::Worker.name()).args(arguments).env_clear();
    command.envs(world.settings().variables(Service::Worker));
    let output = tokio::process::Command::from(command).output().await.unwrap();
    Output {
        code: output.status.code().unwrap(),
        text: String::from_utf8(output.stdout).unwrap(),
        aside: String::from_utf8(output.stderr).unwrap(),
    }
}
