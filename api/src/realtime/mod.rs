//! Brings live messages to the connections that may see them. Each connection has a bounded buffer; a connection that
//! does not keep up is ended and asked to connect again, so that it does not hold others up.

mod message;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use identity::credentials::CredentialHash;
use kernel::clock::{Clock, Deadline};
use kernel::deadline::within;
use kernel::ids::{UserId, WalletId};
use kernel::metrics::{NONE, catalogue};
use notices::{Live, Notice};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::Authenticator;
use message::Message;
pub(crate) use message::Style;
use message::Told;

/// Messages that wait for a slow client before it is dropped.
const BUFFER: usize = 64;
/// The same for streams that are told of every movement: a group of debits of one wallet comes at once.
const BUFFER_OF_ALL: usize = 1_024;
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
    /// Whose connection it is; none of a server that watches an organization.
    pub(crate) user: Option<UserId>,
    pub(crate) wallets: Vec<WalletId>,
    /// Whether these are all the wallets that the user may see.
    pub(crate) is_all: bool,
    pub(crate) style: Style,
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
    user: Option<UserId>,
    wallets: Vec<WalletId>,
    is_all: bool,
    style: Style,
    credential: CredentialHash,
    is_recorded: bool,
    messages: mpsc::Sender<Arc<Message>>,
    end: watch::Sender<Option<End>>,
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
    messages: mpsc::Receiver<Arc<Message>>,
    style: Style,
    /// The last number of each wallet that the client knows already.
    known: HashMap<WalletId, i64>,
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

    /// Watches wallets until the credential expires.
    ///
    /// # Errors
    /// When there are too many connections.
    pub(crate) fn subscribe(&self, audience: Audience) -> Result<Subscription, Full> {
        let Audience { user, wallets, is_all, style, credential, is_recorded, left } = audience;
        let (messages, receiver) = mpsc::channel(match style {
            Style::Own => BUFFER_OF_ALL,
            Style::Former => BUFFER,
        });
        let mut watchers = self.lock();
        if watchers.all.len() >= self.limits.in_all {
            return Err(Full::Process);
        }
        let own = watchers.all.values().filter(|watcher| user.is_some() && watcher.user == user);
        if own.count() >= self.limits.per_user {
            return Err(Full::User);
        }
        let (end, ended) = watch::channel(watchers.stopped.then_some(End::Stopping));
        let id = watchers.next;
        watchers.next = id.wrapping_add(1);
        for wallet in &wallets {
            watchers.by_wallet.entry(*wallet).or_default().push(id);
        }
        watchers
            .all
            .insert(id, Watcher { user, wallets, is_all, style, credential, is_recorded, messages, end });
        catalogue::LIVE_CONNECTIONS.set(NONE, metric(watchers.all.len()));
        let expires = left.map(|left| self.clock.deadline(left));
        let (hub, known) = (self.clone(), HashMap::new());
        Ok(Subscription { id, hub, messages: receiver, style, known, end: ended, expires })
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
            catalogue::LIVE_CONNECTIONS.set(NONE, metric(self.lock().all.len()));
            if let Err(error) = self.end_withdrawn(&auth).await {
                tracing::debug!(%error, "live connections are not checked now; the database is away");
            }
        }
    }

    /// Ends connections whose credential is withdrawn, or whose user may see other wallets than before.
    async fn end_withdrawn(&self, auth: &Authenticator) -> Result<(), sqlx::Error> {
        let (credentials, users) = self.audience();
        if users.is_empty() && credentials.is_empty() {
            return Ok(());
        }
        let (valid, visible) = within(RECHECK, auth.standing(&credentials, &users)).await??;
        self.end(End::Revoked, |watcher| {
            credentials.contains(&watcher.credential) && !valid.contains(&watcher.credential)
        });
        self.end(End::WalletsChanged, |watcher| {
            // Who connected after the question is looked at the next time.
            let Some(user) = watcher.user.as_ref().filter(|user| users.contains(user)) else { return false };
            let known: HashSet<WalletId> = watcher.wallets.iter().copied().collect();
            let visible = visible.get(user);
            visible.is_none_or(
                |visible| if watcher.is_all { *visible != known } else { !known.is_subset(visible) },
            )
        });
        Ok(())
    }

    fn audience(&self) -> (HashSet<CredentialHash>, HashSet<UserId>) {
        let watchers = self.lock();
        let recorded = watchers.all.values().filter(|watcher| watcher.is_recorded);
        let credentials = recorded.map(|watcher| watcher.credential).collect();
        (credentials, watchers.all.values().filter_map(|watcher| watcher.user.clone()).collect())
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
                        self.notify(notice);
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
                    self.end(End::Revoked, |watcher| watcher.user.as_ref() == Some(user_id));
                }
                Ok(Live::MembershipChanged { user_id }) => {
                    self.end(End::WalletsChanged, |watcher| watcher.user.as_ref() == Some(user_id));
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

    fn notify(&self, notice: &Notice) {
        let watchers = self.lock();
        let Some(ids) = watchers.by_wallet.get(&notice.wallet_id) else { return };
        let message = Arc::new(Message::new(notice));
        let watching = ids.iter().filter_map(|id| watchers.all.get(id));
        for watcher in watching.filter(|watcher| message.text(watcher.style).is_some()) {
            if watcher.messages.try_send(Arc::clone(&message)).is_err() {
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
    /// Leaves out what the client knows already: up to these numbers.
    pub(crate) fn begin_after(&mut self, known: HashMap<WalletId, i64>) {
        self.known = known;
    }

    /// The next message.
    ///
    /// # Errors
    /// The reason why there are no more.
    pub(crate) async fn next(&mut self) -> Result<Told, End> {
        loop {
            let message = self.next_of_all().await?;
            let known = self.known.get(&message.wallet);
            if message.sequence.zip(known).is_none_or(|(sequence, known)| sequence > *known) {
                return Ok(Told { message, style: self.style });
            }
        }
    }

    async fn next_of_all(&mut self) -> Result<Arc<Message>, End> {
        let Self { messages, end, expires, .. } = self;
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
            message = messages.recv() => message.ok_or(End::Stopping),
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
        catalogue::LIVE_CONNECTIONS.set(NONE, metric(watchers.all.len()));
        // There is one waiter at the most; `notify_one` also reaches it just before it waits.
        self.hub.left.notify_one();
    }
}

fn metric(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kernel::money::Credits;
    use notices::{Amount, Event, Reason};

    fn hub() -> Hub {
        let limits = Limits { per_user: 2, in_all: 3 };
        Hub { clock: Clock::system(), limits, watchers: Arc::default(), left: Arc::default() }
    }

    fn watch(hub: &Hub, name: &str, wallet: WalletId, left: Option<Duration>) -> Result<Subscription, Full> {
        hub.subscribe(audience(name, wallet, Style::Former, left))
    }

    fn audience(name: &str, wallet: WalletId, style: Style, left: Option<Duration>) -> Audience {
        let (user, credential, wallets) = (Some(user(name)), credential(name), vec![wallet]);
        Audience { user, wallets, is_all: true, style, credential, is_recorded: true, left }
    }

    fn tell(hub: &Hub, wallet: WalletId, sequence: i64, event: &Event) {
        hub.notify(&Notice::new(Clock::system().now(), wallet, Some(sequence), event));
    }

    fn low() -> Event {
        Event::BalanceLow { balance: Amount(Credits::ZERO), level: Amount(Credits::ZERO) }
    }

    fn paused() -> Event {
        Event::RechargePaused { reason: "declined" }
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
        tell(&hub, mine, 1, &paused());
        tell(&hub, theirs, 1, &low());
        assert_eq!(me.next().await.unwrap().kind(), "auto_recharge.paused");
        assert_eq!(they.next().await.unwrap().kind(), "balance.low");
    }

    #[tokio::test]
    async fn own_streams_are_told_all_that_they_do_not_know_and_others_what_they_ever_were() {
        let (hub, wallet, none) = (hub(), WalletId::new(), Amount(Credits::ZERO));
        let mut own = hub.subscribe(audience("a", wallet, Style::Own, None)).unwrap();
        let mut former = watch(&hub, "a", wallet, None).unwrap();
        own.begin_after(HashMap::from([(wallet, 2)]));
        let changed = Event::WalletChanged {
            reason: Reason::Debit,
            credits: none,
            balance: none,
            available: none,
            held: none,
            debt: none,
            entry_id: None,
        };
        for sequence in 2..=3 {
            tell(&hub, wallet, sequence, &changed);
        }
        tell(&hub, wallet, 4, &paused());
        let (first, second) = (own.next().await.unwrap(), own.next().await.unwrap());
        assert!(first.text().contains(r#""sequence":3"#) && second.text().contains(r#""sequence":4"#));
        let told = former.next().await.unwrap();
        assert_eq!(told.text(), r#"{"reason":"declined","type":"auto_recharge.paused"}"#);
    }

    #[tokio::test]
    async fn a_slow_client_is_ended_and_others_are_not() {
        let (hub, wallet) = (hub(), WalletId::new());
        let mut slow = watch(&hub, "a", wallet, None).unwrap();
        for _ in 0..=BUFFER {
            tell(&hub, wallet, 1, &low());
        }
        let mut quick = watch(&hub, "a", wallet, None).unwrap();
        assert_eq!(slow.next().await.err(), Some(End::TooSlow));
        drop(slow);
        tell(&hub, wallet, 1, &low());
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
        tell(&hub, wallet, 1, &low());
        assert_eq!(revoked.next().await.err(), Some(End::Revoked));
        assert!(kept.next().await.is_ok());
    }
}
