//! The official Python SDK against the emulator; it is installed here, once, below the target folder.

use std::path::Path;
use std::process::Command;

use servers::python;

use crate::harness::Emulator;

/// The newest release; its parser and error classes are somebody else's check on the emulator.
const SDK: &str = "stripe==16.1.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_sdk_is_content() {
    let emulator = Emulator::start(None).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/stripe_python.py");
    let url = emulator.url.clone();
    let run = move || {
        let programs = python::installed(&[SDK], Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        python::run(Command::new(programs.join("python")).arg(script).arg(url))
    };
    let printed = tokio::task::spawn_blocking(run).await.expect("the script ends").expect("it is content");
    assert!(printed.contains("checks with stripe 16.") && printed.contains("passed"), "{printed}");
}
