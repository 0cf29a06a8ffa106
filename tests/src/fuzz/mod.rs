//! What is fuzzed: everything that reads what strangers send. The same checks serve `cargo fuzz`, which searches for
//! long (`tests/fuzz`), and a test, which tries the corpus and some thousand variants of it at every run.
//!
//! A check panics where a rule is broken, not only where the code under it panics.

mod events;
mod mutation;
mod requests;
mod signatures;
mod values;

use std::path::Path;

pub use mutation::Variants;
pub use requests::Requests;

/// What reads without a system around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Texts that are read as amounts.
    Amounts,
    CreemEvent,
    /// The headers that prove Creem's webhooks.
    CreemSignature,
    /// Addresses to which buyers want to return.
    ReturnUrls,
    RevenuecatEvent,
    /// The headers that prove RevenueCat's webhooks.
    RevenuecatProof,
    /// The headers that prove ours.
    StandardWebhooks,
    StripeEvent,
    /// The header that proves Stripe's webhooks.
    StripeSignature,
}

impl Entry {
    pub const ALL: [Self; 9] = [
        Self::Amounts,
        Self::CreemEvent,
        Self::CreemSignature,
        Self::ReturnUrls,
        Self::RevenuecatEvent,
        Self::RevenuecatProof,
        Self::StandardWebhooks,
        Self::StripeEvent,
        Self::StripeSignature,
    ];

    /// Of its fuzz target, and of the folder with its corpus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amounts => "amounts",
            Self::CreemEvent => "creem_event",
            Self::CreemSignature => "creem_signature",
            Self::ReturnUrls => "return_urls",
            Self::RevenuecatEvent => "revenuecat_event",
            Self::RevenuecatProof => "revenuecat_proof",
            Self::StandardWebhooks => "standard_webhooks",
            Self::StripeEvent => "stripe_event",
            Self::StripeSignature => "stripe_signature",
        }
    }

    /// Has these bytes read, and checks what must hold whatever they are.
    ///
    /// # Panics
    /// When it does not.
    pub fn run(self, bytes: &[u8]) {
        match self {
            Self::Amounts => values::amounts(bytes),
            Self::CreemEvent => events::creem(bytes),
            Self::CreemSignature => signatures::creem(bytes),
            Self::ReturnUrls => values::return_urls(bytes),
            Self::RevenuecatEvent => events::revenuecat(bytes),
            Self::RevenuecatProof => signatures::revenuecat(bytes),
            Self::StandardWebhooks => signatures::standard_webhooks(bytes),
            Self::StripeEvent => events::stripe(bytes),
            Self::StripeSignature => signatures::stripe(bytes),
        }
    }
}

/// The committed files of a target, in the order of their names.
///
/// # Errors
/// When its folder cannot be read.
pub fn corpus(target: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let found = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = found.collect::<std::io::Result<Vec<_>>>()?;
    // What `cargo fuzz` adds has no extension.
    paths.retain(|path| path.extension().is_some());
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// A number that these bytes always have, and that says nothing about them: where a check has to choose.
fn choice(bytes: &[u8]) -> usize {
    use sha2::Digest as _;
    let [a, b, ..]: [u8; 32] = sha2::Sha256::digest(bytes).into();
    usize::from(u16::from_le_bytes([a, b]))
}

/// What is said about an error is short, and has nothing of what must not be seen.
fn assert_discreet(error: &impl std::fmt::Display, unseen: &[&str]) {
    let text = error.to_string();
    assert!(text.len() <= 200, "an error of {} bytes", text.len());
    assert!(!unseen.iter().any(|unseen| text.contains(unseen)), "{text}");
}
