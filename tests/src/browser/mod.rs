//! Pages in a real Chromium, as people use them: by mouse and keyboard, on a phone and on a desk, by day and by night.
//! One browser serves a run of tests; each test has a context of its own in it. A page that is finished must have
//! reported no error, and must have asked nobody but its own site.

mod devtools;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run;

pub use page::Page;

/// The accessibility checker that pages are tried with.
const AXE: &str = "axe-core@4.14.1";

/// On what a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub is_dark: bool,
}

impl Screen {
    pub const PHONE: Self = Self { width: 360, height: 740, is_dark: false };
    pub const DESK: Self = Self { width: 1440, height: 900, is_dark: false };
    /// Both sizes, by day and by night.
    pub const ALL: [Self; 4] = [Self::PHONE, Self::PHONE.dark(), Self::DESK, Self::DESK.dark()];

    #[must_use]
    pub const fn dark(self) -> Self {
        Self { is_dark: true, ..self }
    }

    /// For the names of screenshots.
    pub fn name(self) -> String {
        format!("{}-{}", self.width, if self.is_dark { "dark" } else { "light" })
    }
}

/// The most that a page may weigh, with all that it loads, in bytes.
const WEIGHT_MAX: u64 = 150_000;

/// What a page takes that the browser has nothing of.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// With all that it loads, as it comes over the network.
    pub bytes: u64,
    /// When the page itself was there.
    pub answered_ms: u64,
    /// When something of it was seen.
    pub shown_ms: u64,
}

/// Where screenshots go.
pub fn screenshots() -> PathBuf {
    servers::target_directory().join("screenshots")
}

/// The text of the accessibility checker.
async fn axe() -> Result<String> {
    let folder = servers::target_directory().join("tools");
    let installed = tokio::task::spawn_blocking(move || servers::node::installed(AXE, &folder)).await;
    let packages = installed.context("installing panicked")??;
    read(&packages.join("axe-core/axe.min.js"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The DevTools of the browser of this run.
async fn address() -> Result<&'static str> {
    tokio::task::spawn_blocking(run::chromium).await.context("no browser for the tests of pages")
}
