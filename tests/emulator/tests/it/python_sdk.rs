//! The official Python SDK against the emulator; it is installed here, once, below the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::Emulator;

/// The newest release; its parser and error classes are somebody else's check on the emulator.
const SDK: &str = "stripe==16.1.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_sdk_is_content() {
    let python = tokio::task::spawn_blocking(install).await.expect("the installation ends");
    let emulator = Emulator::start(None).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/stripe_python.py");
    let url = emulator.url.clone();
    let run = move || Command::new(python).arg(script).arg(url).output().expect("python starts");
    let output = tokio::task::spawn_blocking(run).await.expect("the script ends");
    assert!(output.status.success(), "{}", all_output(&output));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("checks with stripe 16.") && printed.contains("passed"), "{printed}");
}

/// Returns the Python of a virtual environment that has the SDK.
fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SDK.replace("==", "-"));
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    if complete.exists() {
        return python;
    }
    eprintln!("installing {SDK} from PyPI into {}", folder.display());
    let venv = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output();
    let advice = "this test needs Python 3 with venv and pip: on Debian, apt-get install python3-venv";
    match venv {
        Err(error) => panic!("python3 does not start ({error}); {advice}"),
        Ok(output) => assert!(output.status.success(), "{advice}\n{}", all_output(&output)),
    }
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK])
        .output()
        .expect("the new environment's python starts");
    assert!(pip.status.success(), "pip cannot install {SDK}:\n{}", all_output(&pip));
    std::fs::write(&complete, SDK).expect("the target folder is writable");
    python
}

fn all_output(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
