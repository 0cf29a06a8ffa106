//! Who calls. Every API accepts the same credentials; each words a missing or bad one in its own way.
//!
//! A login is remembered for up to half a minute under the hash of its credential. A revocation is announced to all
//! instances, which forget the login at once; expiry is checked at every use.

mod credential;
mod jwt;
mod key_set;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use identity::credentials::CredentialHash;
use identity::{Login, operations};
use kernel::clock::{Clock, Timestamp};
use kernel::config::Secret;
use kernel::ids::{UserId, WalletId};
use moka::future::Cache;
use sqlx::PgPool;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use warp::http::{HeaderMap, Method};

use crate::config::Config;
use crate::origins::Origins;
use crate::problem::{Problem, ProblemKind};
use credential::{Kind, Presented};
use jwt::{JwtError, Verifier};

const REMEMBERED: Duration = Duration::from_secs(30);
const CAPACITY: u64 = 100_000;

/// The text of the credential in a request, genuine or not.
pub(crate) fn credential_text(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credential::presented(headers).map(|presented| presented.text)
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user_id: UserId,
    /// The user's own wallet.
    pub wallet_id: WalletId,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// When the credential ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether credits may be spent with the credential.
    pub may_spend: bool,
    pub credential: CredentialHash,
    /// Whether the credential is one of the database, where it can be withdrawn; a token only expires.
    pub is_recorded: bool,
    pub via: Via,
}

impl Principal {
    /// The user, for the record and for keeping idempotency keys apart.
    pub(crate) fn actor(&self) -> String {
        format!("user:{}", self.user_id)
    }
}

/// How a credential came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A header, which only the caller's own program sets.
    Header,
    /// A cookie, which a browser sends along with requests of any page.
    Cookie,
}

/// Checks credentials. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    clock: Clock,
    pool: PgPool,
    admin: CredentialHash,
    tokens: Option<Arc<Verifier>>,
    remembered: Cache<CredentialHash, Arc<Login>>,
    revocations: Arc<AtomicU64>,
}

impl Authenticator {
    /// Keeps the published keys up to date until `shutdown`.
    pub fn new(config: &Config, pool: PgPool, shutdown: &CancellationToken) -> Self {
        Self {
            clock: config.clock.clone(),
            pool,
            admin: hash_of(&config.admin_api_key),
            tokens: config.jwt.as_ref().map(|jwt| Arc::new(Verifier::new(jwt, shutdown.clone()))),
            remembered: Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build(),
            revocations: Arc::default(),
        }
    }

    pub fn is_admin_key(&self, headers: &HeaderMap) -> bool {
        // Compares hashes in constant time, so that the time taken shows neither length nor content.
        credential::bearer(headers).is_some_and(|text| CredentialHash::of(text).0.ct_eq(&self.admin.0).into())
    }

    /// The user who calls. Requests that change something and are authenticated by a cookie must come from an allowed
    /// site.
    pub async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        origins: &Origins,
    ) -> Result<Principal, Problem> {
        let principal = self.authenticate(headers).await?;
        if principal.via == Via::Cookie && !method.is_safe() && !origins.allow(headers) {
            return Err(ProblemKind::OriginNotAllowed.into());
        }
        Ok(principal)
    }

    /// As [`Authenticator::caller`], for what a foreign page could misuse even by reading: WebSockets, which are not
    /// subject to the rules that keep pages from reading other sites' answers.
    pub async fn listener(&self, headers: &HeaderMap, origins: &Origins) -> Result<Principal, Problem> {
        self.caller(&Method::POST, headers, origins).await
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let Presented { text, via } = credential::presented(headers).ok_or(ProblemKind::CredentialMissing)?;
        let hash = CredentialHash::of(&text);
        let login = match self.remembered.get(&hash).await {
            Some(login) => login,
            None => self.look_up(&text, hash).await?,
        };
        if login.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(ProblemKind::CredentialExpired.into());
        }
        Ok(Principal {
            user_id: login.user_id.clone(),
            wallet_id: login.wallet_id,
            is_admin: login.is_admin,
            expires_at: login.expires_at,
            may_spend: login.may_spend,
            credential: hash,
            is_recorded: matches!(credential::kind(&text), Kind::ApiKey | Kind::Session),
            via,
        })
    }

    async fn look_up(&self, text: &str, hash: CredentialHash) -> Result<Arc<Login>, Problem> {
        let revocations = self.revocations.load(Ordering::Acquire);
        let login = match credential::kind(text) {
            Kind::ApiKey => unless_away(operations::login_by_api_key(&self.pool, hash).await)?,
            Kind::Session => unless_away(operations::login_by_session(&self.pool, hash).await)?,
            Kind::Jwt => self.login_by_token(text).await?,
            Kind::Unknown => None,
        };
        let login = Arc::new(login.ok_or(ProblemKind::CredentialInvalid)?);
        // A login that was read before a revocation must not be remembered after it.
        if self.revocations.load(Ordering::Acquire) == revocations {
            self.remembered.insert(hash, Arc::clone(&login)).await;
        }
        Ok(login)
    }

    async fn login_by_token(&self, text: &str) -> Result<Option<Login>, Problem> {
        let verifier = self.tokens.as_ref().ok_or(ProblemKind::CredentialInvalid)?;
        let token = verifier.verify(text, self.clock.now()).await.map_err(|error| match error {
            JwtError::Expired => ProblemKind::CredentialExpired.into(),
            JwtError::Invalid => ProblemKind::CredentialInvalid.into(),
            JwtError::Unavailable => {
                Problem::unavailable("the keys at JWT_JWKS_URL have not been fetched yet")
            }
        })?;
        let login = unless_away(operations::login_by_user(&self.pool, &token.user_id).await)?;
        let (expires_at, may_spend) = (Some(token.expires_at), token.may_spend);
        Ok(login.map(|login| Login { expires_at, may_spend, ..login }))
    }

    /// Those of some credentials that are still valid, and the wallets that users may see now. Logins of the other
    /// credentials are forgotten.
    pub async fn standing(
        &self,
        credentials: &HashSet<CredentialHash>,
        users: &HashSet<UserId>,
    ) -> Result<(HashSet<CredentialHash>, HashMap<UserId, HashSet<WalletId>>), sqlx::Error> {
        let asked: Vec<CredentialHash> = credentials.iter().copied().collect();
        let valid = operations::credentials_valid(&self.pool, self.clock.now(), &asked).await?;
        for withdrawn in credentials.difference(&valid) {
            self.forget(*withdrawn).await;
        }
        let users: Vec<&UserId> = users.iter().collect();
        let mut visible: HashMap<UserId, HashSet<WalletId>> = HashMap::new();
        for (user, wallet) in operations::wallets_visible_to(&self.pool, &users).await? {
            visible.entry(user).or_default().insert(wallet);
        }
        Ok((valid, visible))
    }

    /// Forgets the login of a withdrawn credential.
    pub async fn forget(&self, credential: CredentialHash) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.remembered.invalidate(&credential).await;
    }

    /// Forgets all logins, because the announcement of a revocation may have been missed.
    pub fn forget_all(&self) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.remembered.invalidate_all();
    }
}

/// Any error of the database means that the credential cannot be checked now.
fn unless_away(found: Result<Option<Login>, sqlx::Error>) -> Result<Option<Login>, Problem> {
    found.map_err(Problem::unavailable)
}

fn hash_of(secret: &Secret) -> CredentialHash {
    CredentialHash::of(secret.expose())
}
