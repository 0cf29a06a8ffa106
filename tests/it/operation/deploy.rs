//! The Helm chart and the systemd units, without a cluster and without a running systemd: Helm's own library lints and
//! renders the chart, each object is held to its schema, and systemd's own program reads the units.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::tool;
use servers::python::{installed, run};

use super::files;

const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
const HELM: &[&str] = &["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0"];
const KEDA: &[&str] = &["@kubernetes-models/keda@2.0.0", "typescript@5.9.3"];
/// Of 10; below it systemd calls a unit well protected.
const EXPOSURE: &str = "--threshold=15";

#[test]
fn the_chart_renders_objects_that_fit_their_schemas() {
    let programs = installed(HELM, Path::new(FOLDER)).unwrap();
    let check = servers::checkout().join("deploy/helm/check.py");
    let keda_objects = run(Command::new(programs.join("python")).arg(check)).unwrap();
    assert!(keda_objects.contains("ScaledObject"), "{keda_objects}");

    let folder = Path::new(FOLDER).join("keda");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
    fs::write(folder.join("objects.jsonl"), &keda_objects).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund"]).args(KEDA).current_dir(&folder);
    run(&mut npm).unwrap();
    let mut node = Command::new("node");
    node.arg(servers::checkout().join("deploy/helm/check_keda.mjs")).arg(&folder);
    node.stdin(Stdio::from(fs::File::open(folder.join("objects.jsonl")).unwrap()));
    let checked = run(&mut node).unwrap();
    assert_eq!(checked.lines().count(), keda_objects.lines().count(), "{checked}");
}

#[test]
fn systemd_reads_the_units_and_finds_them_well_protected() {
    let program = tool("systemd-analyze", "systemd");
    let folder = Path::new(FOLDER).join("systemd");
    fs::create_dir_all(&folder).unwrap();
    let mut units = Vec::new();
    for unit in files("deploy/systemd") {
        // The programs need not be installed here.
        let text =
            fs::read_to_string(&unit).unwrap().replace("ExecStart=/usr/local/bin/", "ExecStart=/bin/true ");
        // A unit that is made from a template.
        let name = unit.file_name().unwrap().to_str().unwrap().replace("@.", "@1.");
        let copy = folder.join(name);
        fs::write(&copy, text).unwrap();
        units.push(copy);
    }
    assert!(units.len() >= 4, "{units:?}");
    run(Command::new(&program).args(["verify", "--man=no"]).args(&units)).unwrap();
    for unit in &units {
        run(Command::new(&program).args(["security", "--offline=true", EXPOSURE]).arg(unit)).unwrap();
    }
}
