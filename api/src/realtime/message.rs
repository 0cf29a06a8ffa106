//! A notice as live streams tell it, in each style.

use std::sync::Arc;

use kernel::ids::WalletId;
use notices::{Notice, former, own};

/// What a stream tells, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As this system's own API does: everything, with its number.
    Own,
    /// As the clients of dialects know it.
    Former,
}

/// A message about a wallet: its type, and its JSON in each style that tells it.
#[derive(Debug)]
pub(super) struct Message {
    kind: String,
    pub(super) wallet: WalletId,
    pub(super) sequence: Option<i64>,
    own: Option<String>,
    former: Option<String>,
}

impl Message {
    pub(super) fn new(notice: &Notice) -> Self {
        Self {
            kind: notice.event_type(),
            wallet: notice.wallet_id,
            sequence: notice.sequence,
            own: own(notice),
            former: former(notice),
        }
    }

    pub(super) fn text(&self, style: Style) -> Option<&str> {
        match style {
            Style::Own => self.own.as_deref(),
            Style::Former => self.former.as_deref(),
        }
    }
}

/// A message as one stream tells it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(super) message: Arc<Message>,
    pub(super) style: Style,
}

impl Told {
    pub(crate) fn kind(&self) -> &str {
        &self.message.kind
    }

    pub(crate) fn text(&self) -> &str {
        self.message.text(self.style).unwrap_or_default()
    }
}
