//! Who calls. Every API accepts the same credentials; each words a missing or bad one in its own way.
//!
//! What a credential proves is remembered for up to half a minute under its hash. A revocation is announced to
//! all instances and forgotten at once; whether it has expired is checked at every use.

mod credential;
mod jwt;
mod key_set;

use std::borrow::Cow;
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
use crate::http::cors::Origins;
use credential::{Kind, Presented};
use jwt::{JwtError, Verifier};

/// How long a login is remembered.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Logins remembered at once.
const CAPACITY: u64 = 100_000;

/// The text of the credential that a request carries, genuine or not.
pub(crate) fn credential_text(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credential::presented(headers).map(|presented| presented.text)
}

/// A caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The user's own wallet.
    pub wallet_id: WalletId,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// When the credential ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether credits may be spent with the credential.
    pub may_spend: bool,
    /// The credential's hash.
    pub credential: CredentialHash,
    /// How the credential came.
    pub via: Via,
}

/// How a credential came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// In a header that only the caller's own program sets.
    Header,
    /// In a cookie, which browsers send along whoever asks them to.
    Cookie,
}

/// Why the caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no credential.
    #[error("a credential is missing")]
    Missing,
    /// The credential is unknown, withdrawn or not genuine.
    #[error("the credential is not valid")]
    Invalid,
    /// The credential was valid once.
    #[error("the credential has expired")]
    Expired,
    /// A cookie came from a page of a site that may not call.
    #[error("the origin is not allowed")]
    ForeignOrigin,
    /// It cannot be checked now.
    #[error("the credential cannot be checked now")]
    Unavailable(#[from] Uncheckable),
}

/// Why a credential cannot be checked now.
#[derive(Debug, thiserror::Error)]
pub enum Uncheckable {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The keys of tokens are not there yet.
    #[error("the keys at JWT_JWKS_URL have not been fetched yet")]
    NoKeys,
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
    /// An authenticator with the configured secrets and keys; the latter are kept up to date until `shutdown`.
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

    /// Whether the request carries the configured admin key.
    pub fn is_admin_key(&self, headers: &HeaderMap) -> bool {
        // Hashes are compared, in constant time, so that neither length nor content shows in how long it takes.
        credential::bearer(headers).is_some_and(|text| CredentialHash::of(text).0.ct_eq(&self.admin.0).into())
    }

    /// Who calls. Requests that change something and are authenticated by a cookie must come from an allowed site.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        origins: &Origins,
    ) -> Result<Principal, AuthError> {
        let principal = self.whoever_calls(headers).await?;
        if principal.via == Via::Cookie && !method.is_safe() && !origins.allow(headers) {
            return Err(AuthError::ForeignOrigin);
        }
        Ok(principal)
    }

    /// As [`Authenticator::caller`], for what a foreign page could misuse even by reading: WebSockets, which are not
    /// subject to the rules that keep pages from reading other sites' answers.
    ///
    /// # Errors
    /// [`AuthError`].
    pub async fn listener(&self, headers: &HeaderMap, origins: &Origins) -> Result<Principal, AuthError> {
        self.caller(&Method::POST, headers, origins).await
    }

    async fn whoever_calls(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        let Presented { text, via } = credential::presented(headers).ok_or(AuthError::Missing)?;
        let hash = CredentialHash::of(&text);
        let login = match self.remembered.get(&hash).await {
            Some(login) => login,
            None => self.look_up(&text, hash).await?,
        };
        if login.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(AuthError::Expired);
        }
        Ok(Principal {
            user_id: login.user_id.clone(),
            wallet_id: login.wallet_id,
            is_admin: login.is_admin,
            expires_at: login.expires_at,
            may_spend: login.may_spend,
            credential: hash,
            via,
        })
    }

    async fn look_up(&self, text: &str, hash: CredentialHash) -> Result<Arc<Login>, AuthError> {
        let revocations = self.revocations.load(Ordering::Acquire);
        let login = match credential::kind(text) {
            Kind::ApiKey => operations::login_by_api_key(&self.pool, hash).await,
            Kind::Session => operations::login_by_session(&self.pool, hash).await,
            Kind::Jwt => self.login_by_token(text).await?,
            Kind::Unknown => Ok(None),
        };
        let login = Arc::new(login.map_err(Uncheckable::Database)?.ok_or(AuthError::Invalid)?);
        // What was read before a revocation must not be remembered after it.
        if self.revocations.load(Ordering::Acquire) == revocations {
            self.remembered.insert(hash, Arc::clone(&login)).await;
        }
        Ok(login)
    }

    async fn login_by_token(&self, text: &str) -> Result<Result<Option<Login>, sqlx::Error>, AuthError> {
        let verifier = self.tokens.as_ref().ok_or(AuthError::Invalid)?;
        let token = verifier.verify(text, self.clock.now()).await.map_err(|error| match error {
            JwtError::Expired => AuthError::Expired,
            JwtError::Invalid => AuthError::Invalid,
            JwtError::Unavailable => Uncheckable::NoKeys.into(),
        })?;
        let login = operations::login_by_user(&self.pool, &token.user_id).await;
        let (expires_at, may_spend) = (Some(token.expires_at), token.may_spend);
        Ok(login.map(|login| login.map(|login| Login { expires_at, may_spend, ..login })))
    }

    /// Forgets a credential that was withdrawn.
    pub async fn forget(&self, credential: CredentialHash) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.remembered.invalidate(&credential).await;
    }

    /// Forgets all, because a withdrawal may have been missed.
    pub fn forget_all(&self) {
        self.revocations.fetch_add(1, Ordering::AcqRel);
        self.remembered.invalidate_all();
    }
}

fn hash_of(secret: &Secret) -> CredentialHash {
    CredentialHash::of(secret.expose())
}
