//! The clients, the shops of `examples/` and the documentation against a running system, as their readers run them.

use std::path::Path;
use std::process::Command;

use harness::world::World;
use servers::python;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
/// What the Python client needs.
const HTTPX: &str = "httpx==0.28.1";

/// A program that finds the system and may do everything there.
fn program(world: &World, path: &str) -> Command {
    let mut command = Command::new(Path::new(REPOSITORY).join(path));
    command
        .env("PURSER_URL", world.api().base())
        .env("PURSER_API_KEY", &world.settings().secrets.admin_api_key)
        .env("STRIPE_EMULATOR_URL", world.emulator().base())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs it to its end and shows what it printed.
async fn run(mut command: Command) {
    let done = tokio::task::spawn_blocking(move || python::run(&mut command)).await.unwrap();
    match done {
        Ok(printed) => eprintln!("{printed}"),
        Err(error) => panic!("{error:#}"),
    }
}

#[test]
fn what_follows_from_the_api_is_up_to_date() {
    for script in ["clients/generate.py", "docs/generate.py"] {
        let mut command = Command::new("python3");
        command.current_dir(REPOSITORY).args([script, "--check"]);
        if let Err(error) = python::run(&mut command) {
            panic!("{error:#}");
        }
    }
}

/// Both are built, packed and installed as a user would, and so are the shops.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_clients_and_the_shops_work() {
    let world = World::start().await;
    let mut check = program(&world, "clients/check");
    check.arg(Path::new(FOLDER).join("clients"));
    run(check).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_documentation_does_what_it_says() {
    let world = World::start().await;
    let programs = tokio::task::spawn_blocking(|| python::installed(&[HTTPX], Path::new(FOLDER)));
    let programs = programs.await.unwrap().unwrap();
    let mut pages = program(&world, "docs/run.py");
    pages
        .arg(Path::new(FOLDER).join("docs"))
        .env("PURSER", env!("CARGO_BIN_EXE_dev"))
        .env("PYTHON", programs.join("python"))
        .env("PYTHONPATH", Path::new(REPOSITORY).join("clients/python"));
    run(pages).await;
    world.finish().await;
}
