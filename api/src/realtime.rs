//! Brings live messages to the connections that may see them. Each connection has a bounded buffer; a connection that
//! does not keep up is ended and asked to connect again, so that it does not hold others up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use identity::credentials::CredentialHash;
use kernel::clock::{Clock, Deadline};
use kernel::ids::{UserId, WalletId};
use notices::Live;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;

/// Messages that wait for a slow client before it is dropped.
const BUFFER: usize = 64;
/// How often the database is asked whether connections may stay open: their credential may be withdrawn, and their
/// wallets may change, while the broker cannot say so.
const RECHECK: Duration = Duration::from_secs(10);

/// Knows all subscriptions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hub {
    clock: Clock,
    limits: Limits,
    watchers: Arc<Mutex<Watchers>>,
    left: Arc<Notify>,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) per_user: usize,
    pub(crate) in_all: usize,
}

/// Why there cannot be another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The user has as many as one may have.
    User,
    /// The process has as many as it takes.
    Process,
}

/// Who watches, and what.
pub(crate) struct Audience {
    pub(crate) user: UserId,
    pub(crate) wallets: Vec<WalletId>,
    pub(crate) credential: CredentialHash,
    /// Whether the credential is in the database.
    pub(crate) is_recorded: bool,
    /// Until the credential expires.
    pub(crate) left: Option<Duration>,
}

#[derive(Default)]
struct Watchers {
    next: u64,
    all: HashMap<u64, Watcher>,
    by_wallet: HashMap<WalletId, Vec<u64>>,
    stopped: bool,
}

struct Watcher {
    user: UserId,
    wallets: Vec<WalletId>,
    credential: CredentialHash,
    is_recorded: bool,
    notices: mpsc::Sender<Arc<Notice>>,
    end: watch::Sender<Option<End>>,
}

/// A message about a wallet: its type, and its JSON.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) kind: String,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Expired,
    Revoked,
    /// The user may see other wallets than when the connection was opened.
    WalletsChanged,
    TooSlow,
    Stopping,
}

impl End {
    /// A word for the client.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "credential_expired",
            Self::Revoked => "credential_revoked",
            Self::WalletsChanged => "wallets_changed_reconnect",
            Self::TooSlow => "too_slow_reconnect",
            Self::Stopping => "stopping_reconnect",
        }
    }

    /// The word in an object, as events are.
    pub(crate) fn as_json(self) -> String {
        serde_json::json!({ "type": "stream.closed", "reason": self.as_str() }).to_string()
    }
}

/// Receives the messages for a connection. Dropping it ends the subscription.
pub(crate) struct Subscription {
    id: u64,
    hub: Hub,
    notices: mpsc::Receiver<Arc<Notice>>,
    end: watch::Receiver<Option<End>>,
    expires: Option<Deadline>,
}

impl Hub {
    /// Starts forwarding; at `stop` all subscriptions end.
    pub(crate) fn start(
        clock: Clock,
        live: broadcast::Receiver<Arc<Live>>,
        auth: Authenticator,
        limits: Limits,
        stop: CancellationToken,
    ) -> Self {
        let hub = Self { clock, limits, watchers: Arc::default(), left: Arc::default() };
        tokio::spawn(hub.clone().recheck(auth.clone(), stop.clone()));
        tokio::spawn(hub.clone().forward(live, auth, stop));
        hub
    }

    /// Watches a user's wallets until the credential expires.
    ///
    /// # Errors
    /// When there are too many connections.
    pub(crate) fn subscribe(&self, audience: Audience) -> Result<Subscription, Full> {
        let Audience { user, wallets, credential, is_recorded, left } = audience;
        let (notices, receiver) = mpsc::channel(BUFFER);
        let mut watchers = self.lock();
        if watchers.all.len() >= self.limits.in_all {
            return Err(Full::Process);
        }
        if watchers.all.values().filter(|watcher| watcher.user == user).count() >= self.limits.per_user {
            return Err(Full::User);
        }
        let (end, ended) = watch::channel(watchers.stopped.then_some(End::Stopping));
        let id = watchers.next;
        watchers.next = id.wrapping_add(1);
        for wallet in &wallets {
            watchers.by_wallet.entry(*wallet).or_default().push(id);
        }
        watchers.all.insert(id, Watcher { user, wallets, credential, is_recorded, notices, end });
        metrics::gauge!("purser_live_connections").set(metric(watchers.all.len()));
        let expires = left.map(|left| self.clock.deadline(left));
        Ok(Subscription { id, hub: self.clone(), notices: receiver, end: ended, expires })
    }

    /// Waits until every connection has ended, but no longer than `patience`.
    pub(crate) async fn drained(&self, patience: Duration) {
        let all_left = async {
            loop {
                let left = self.left.notified();
                if self.lock().all.is_empty() {
                    return;
                }
                left.await;
            }
        };
        let _in_time = tokio::time::timeout(patience, all_left).await;
    }

    async fn recheck(self, auth: Authenticator, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(RECHECK) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.end_withdrawn(&auth).await {
                tracing::debug!(%error, "live connections are not checked now; the database is away");
            }
        }
    }

    /// Ends connections whose credential is withdrawn, or whose user may see other wallets than before.
    async fn end_withdrawn(&self, auth: &Authenticator) -> Result<(), sqlx::Error> {
        let (credentials, users) = self.audience();
        if users.is_empty() {
            return Ok(());
        }
        let (valid, visible) = auth.standing(&credentials, &users).await?;
        self.end(End::Revoked, |watcher| {
            credentials.contains(&watcher.credential) && !valid.contains(&watcher.credential)
        });
        self.end(End::WalletsChanged, |watcher| {
            let known: HashSet<WalletId> = watcher.wallets.iter().copied().collect();
            // Who connected after the question is looked at the next time.
            users.contains(&watcher.user) && visible.get(&watcher.user) != Some(&known)
        });
        Ok(())
    }

    fn audience(&self) -> (HashSet<CredentialHash>, HashSet<UserId>) {
        let watchers = self.lock();
        let recorded = watchers.all.values().filter(|watcher| watcher.is_recorded);
        let credentials = recorded.map(|watcher| watcher.credential).collect();
        (credentials, watchers.all.values().map(|watcher| watcher.user.clone()).collect())
    }

    async fn forward(
        self,
        mut live: broadcast::Receiver<Arc<Live>>,
        auth: Authenticator,
        stop: CancellationToken,
    ) {
        loop {
            let message = tokio::select! {
                message = live.recv() => message,
                () = stop.cancelled() => Err(RecvError::Closed),
            };
            match message.as_deref() {
                Ok(Live::Notices { notices }) => {
                    for notice in notices {
                        self.notify(notice.wallet_id, &notice.body);
                    }
                }
                Ok(Live::CredentialRevoked { key_hash }) => {
                    if let Some(credential) = CredentialHash::from_hex(key_hash) {
                        auth.forget(credential).await;
                        self.end(End::Revoked, |watcher| watcher.credential == credential);
                    }
                }
                Ok(Live::LoginsChanged { user_id }) => {
                    auth.forget_all();
                    self.end(End::Revoked, |watcher| watcher.user == *user_id);
                }
                Ok(Live::MembershipChanged { user_id }) => {
                    self.end(End::WalletsChanged, |watcher| watcher.user == *user_id);
                }
                // A revocation or notices may be among the missed messages: every connection starts anew.
                Err(RecvError::Lagged(_)) => {
                    auth.forget_all();
                    self.end(End::TooSlow, |_| true);
                }
                Err(RecvError::Closed) => {
                    self.lock().stopped = true;
                    self.end(End::Stopping, |_| true);
                    return;
                }
            }
        }
    }

    fn notify(&self, wallet: WalletId, body: &serde_json::Value) {
        let watchers = self.lock();
        let Some(ids) = watchers.by_wallet.get(&wallet) else { return };
        let kind = body.get("type").and_then(serde_json::Value::as_str).unwrap_or("message");
        let notice = Arc::new(Notice { kind: kind.to_owned(), text: body.to_string() });
        for watcher in ids.iter().filter_map(|id| watchers.all.get(id)) {
            if watcher.notices.try_send(Arc::clone(&notice)).is_err() {
                watcher.end.send_replace(Some(End::TooSlow));
            }
        }
    }

    fn end(&self, why: End, of: impl Fn(&Watcher) -> bool) {
        for watcher in self.lock().all.values().filter(|watcher| of(watcher)) {
            watcher.end.send_replace(Some(why));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The next notice.
    ///
    /// # Errors
    /// The reason why there are no more.
    pub(crate) async fn next(&mut self) -> Result<Arc<Notice>, End> {
        let Self { notices, end, expires, .. } = self;
        let expiry = async {
            match expires {
                Some(deadline) => deadline.passed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = end.wait_for(Option::is_some) => {
                Err(ended.ok().and_then(|end| *end).unwrap_or(End::Stopping))
            }
            () = expiry => Err(End::Expired),
            notice = notices.recv() => notice.ok_or(End::Stopping),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watchers = self.hub.lock();
        let Some(watcher) = watchers.all.remove(&self.id) else { return };
        for wallet in watcher.wallets {
            if let Some(ids) = watchers.by_wallet.get_mut(&wallet) {
                ids.retain(|id| *id != self.id);
                if ids.is_empty() {
                    watchers.by_wallet.remove(&wallet);
                }
            }
        }
        metrics::gauge!("purser_live_connections").set(metric(watchers.all.len()));
        // There is one waiter at the most; `notify_one` also reaches it just before it waits.
        self.hub.left.notify_one();
    }
}

fn metric(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn hub() -> Hub {
        let limits = Limits { per_user: 2, in_all: 3 };
        Hub { clock: Clock::system(), limits, watchers: Arc::default(), left: Arc::default() }
    }

    fn watch(hub: &Hub, name: &str, wallet: WalletId, left: Option<Duration>) -> Result<Subscription, Full> {
        let (user, credential) = (user(name), credential(name));
        hub.subscribe(Audience { user, wallets: vec![wallet], credential, is_recorded: true, left })
    }

    #[tokio::test]
    async fn one_user_has_so_many_connections_and_all_together_so_many() {
        let (hub, wallet) = (hub(), WalletId::new());
        let watch = |name: &str| watch(&hub, name, wallet, None);
        let (first, _second) = (watch("a").unwrap(), watch("a").unwrap());
        assert_eq!(watch("a").err(), Some(Full::User));
        let _other = watch("b").unwrap();
        assert_eq!(watch("c").err(), Some(Full::Process));
        drop(first);
        assert!(watch("a").is_ok(), "a connection that has ended leaves its place");
    }

    fn credential(text: &str) -> CredentialHash {
        CredentialHash::of(text)
    }

    fn user(name: &str) -> UserId {
        UserId::try_from(name.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn only_those_who_may_see_a_wallet_are_told() {
        let (hub, mine, theirs) = (hub(), WalletId::new(), WalletId::new());
        let mut me = watch(&hub, "a", mine, None).unwrap();
        let mut they = watch(&hub, "b", theirs, None).unwrap();
        hub.notify(mine, &json!({ "type": "credits.added", "credits": 5 }));
        hub.notify(theirs, &json!({ "type": "balance.low" }));
        assert_eq!(me.next().await.ok().map(|notice| notice.kind.clone()).as_deref(), Some("credits.added"));
        assert_eq!(they.next().await.ok().map(|notice| notice.kind.clone()).as_deref(), Some("balance.low"));
    }

    #[tokio::test]
    async fn a_slow_client_is_ended_and_others_are_not() {
        let (hub, wallet) = (hub(), WalletId::new());
        let mut slow = watch(&hub, "a", wallet, None).unwrap();
        for _ in 0..=BUFFER {
            hub.notify(wallet, &json!({ "type": "credits.added" }));
        }
        let mut quick = watch(&hub, "a", wallet, None).unwrap();
        assert_eq!(slow.next().await.err(), Some(End::TooSlow));
        drop(slow);
        hub.notify(wallet, &json!({ "type": "credits.added" }));
        assert!(quick.next().await.is_ok());
        drop(quick);
        assert!(hub.lock().all.is_empty() && hub.lock().by_wallet.is_empty());
    }

    #[tokio::test]
    async fn a_subscription_ends_with_its_credential() {
        let (hub, wallet) = (hub(), WalletId::new());
        let mut short = watch(&hub, "a", wallet, Some(Duration::ZERO)).unwrap();
        assert_eq!(short.next().await.err(), Some(End::Expired));
        let mut revoked = watch(&hub, "a", wallet, None).unwrap();
        let mut kept = watch(&hub, "b", wallet, None).unwrap();
        hub.end(End::Revoked, |watcher| watcher.credential == credential("a"));
        hub.notify(wallet, &json!({ "type": "credits.added" }));
        assert_eq!(revoked.next().await.err(), Some(End::Revoked));
        assert!(kept.next().await.is_ok());
    }
}
