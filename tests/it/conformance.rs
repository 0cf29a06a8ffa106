//! The API against its description, by an independent tool: Schemathesis makes requests of every kind that the
//! description allows, and of many that it does not, and reads every answer by it. The books must balance after all
//! of that.

use std::path::Path;
use std::process::Command;

use harness::world::World;
use servers::python;

const PROGRAM: &str = "schemathesis==4.32.5";
/// The same requests at every run.
const SEED: &str = "1";
/// Of the random ones, for each operation; those for the limits of each value come on top.
const EXAMPLES: &str = "10";

/// Who may administrate is a user as well: one credential opens every operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_matches_the_description() {
    let world = World::start().await;
    let admin = world.create_admin("root").await;
    let address = format!("{}/openapi.json", world.api().base());
    let credential = format!("Authorization: Bearer {}", admin.api_key);
    let run = move || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut schemathesis = Command::new(python::installed(&[PROGRAM], folder)?.join("schemathesis"));
        schemathesis
            .current_dir(folder)
            .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/it/schemathesis.toml")])
            .args(["run", &address, "--header", &credential, "--seed", SEED, "--max-examples", EXAMPLES]);
        python::run(&mut schemathesis)
    };
    let printed = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    eprintln!("{printed}");
    world.finish().await;
}
