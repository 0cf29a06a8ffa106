//! `Requests` of `tests/src/fuzz`: one system, to which every input is a request.
#![no_main]

use std::sync::LazyLock;

use harness::fuzz::Requests;
use libfuzzer_sys::{Corpus, fuzz_target};
use tokio::runtime::Runtime;

static SYSTEM: LazyLock<(Runtime, Requests)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("no runtime");
    let requests = runtime.block_on(Requests::start());
    (runtime, requests)
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let (runtime, requests) = &*SYSTEM;
    if runtime.block_on(requests.run(bytes)) { Corpus::Keep } else { Corpus::Reject }
});
