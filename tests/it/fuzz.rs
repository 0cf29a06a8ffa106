//! What `cargo fuzz` searches for hours, tried for seconds: the corpus, and the same variants of it at every run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use harness::fuzz::{Entry, Requests, Variants, corpus};

const SEED: u64 = 20_261_125;
/// Of each corpus.
const VARIANTS: usize = 4_000;
/// Each is a request to a whole system.
const REQUESTS: usize = 1_500;

#[test]
fn untrusted_input_is_parsed_correctly_or_rejected() {
    let mut failures = Vec::new();
    for entry in Entry::ALL {
        let inputs = corpus(entry.name()).unwrap();
        assert!(inputs.len() > 5, "{}: a poor corpus", entry.name());
        let mut all = inputs.iter().cloned().chain(Variants::new(inputs.clone(), SEED).take(VARIANTS));
        let failing = all.find(|input| catch_unwind(AssertUnwindSafe(|| entry.run(input))).is_err());
        failures
            .extend(failing.map(|input| format!("{}: {:?}", entry.name(), String::from_utf8_lossy(&input))));
    }
    assert!(failures.is_empty(), "what each says is above:\n{}", failures.join("\n"));
}

/// Of every operation that takes a body there is one in the corpus.
#[tokio::test(flavor = "multi_thread")]
async fn no_body_and_no_credential_causes_a_server_error() {
    let requests = Requests::start().await;
    let inputs = corpus("requests").unwrap();
    let tried: BTreeSet<String> = inputs.iter().filter_map(|input| requests.operation(input)).collect();
    let missing: Vec<(&str, String)> =
        requests.operations().filter(|(_, operation)| !tried.contains(operation)).collect();
    assert!(missing.is_empty(), "operations without an input in the corpus: {missing:#?}");
    for input in inputs.iter().cloned().chain(Variants::new(inputs.clone(), SEED).take(REQUESTS)) {
        requests.run(&input).await;
    }
    requests.finish().await;
}

/// Neither can be added without the other, nor without a corpus.
#[test]
fn every_fuzz_entry_has_a_target_and_a_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> BTreeSet<String> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let mut expected: BTreeSet<String> = Entry::ALL.iter().map(|entry| entry.name().to_owned()).collect();
    expected.insert("requests".to_owned());
    for place in ["fuzz_targets", "corpus"] {
        assert_eq!(names(folder.join(place).to_str().unwrap()), expected, "tests/fuzz/{place}");
    }
}
