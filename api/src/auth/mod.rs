//! Who calls. Every API accepts the same credentials; each words a missing or bad one in its own way.
//!
//! A login, unless an operator's, is remembered for up to half a minute under the hash of its credential. A
//! revocation is announced to all
//! instances, which forget the login at once; expiry is checked at every use.

mod caller;
mod credential;
mod jwt;
mod key_set;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use identity::credentials::CredentialHash;
use identity::rights::{OwnedWallet, Reach, Scope, WalletName};
use identity::{IdentityError, Login, NewUser, operations, operators, portal};
use kernel::clock::{Clock, Timestamp};
use kernel::config::Secret;
use kernel::deadline::within;
use kernel::ids::{ApiKeyId, UserId, WalletId};
use moka::future::Cache;
use sqlx::PgPool;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use warp::http::{HeaderMap, Method};

use crate::config::Config;
use crate::origins::Origins;
use crate::problem::{ErrorCode, Problem, ProblemKind};
pub use caller::Caller;
pub(crate) use caller::missing;
use credential::{Kind, Presented};
use jwt::{JwtError, Verifier};

const REMEMBERED: Duration = Duration::from_secs(30);
/// How long noting the use of a key may take.
const NOTE_LIMIT: Duration = Duration::from_secs(5);
const CAPACITY: u64 = 100_000;

/// The text of the credential in a request, genuine or not.
pub(crate) fn credential_text(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    credential::presented(headers).map(|presented| presented.text)
}

/// The user who makes a call, and the credential that the call presents: a session, an API key or a token.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user_id: UserId,
    /// The user's own wallet.
    pub wallet_id: WalletId,
    /// Whether the user may call the admin API.
    pub is_admin: bool,
    /// When the credential ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
    pub credential: CredentialHash,
    /// Whether the credential is one of the database, where it can be withdrawn; a token only expires.
    pub is_recorded: bool,
}

/// How a credential came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
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
    /// Whether a genuine token of an unknown user registers them.
    registers_users: bool,
    remembered: Cache<CredentialHash, Arc<Login>>,
    /// Owners never change; whether one is blocked, an announcement says.
    wallets: Cache<WalletName, OwnedWallet>,
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
            registers_users: config.jwt.as_ref().is_some_and(|jwt| jwt.registers_users),
            remembered: Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build(),
            wallets: Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build(),
            revocations: Arc::default(),
        }
    }

    pub fn is_admin_key(&self, headers: &HeaderMap) -> bool {
        // Compares hashes in constant time, so that the time taken shows neither length nor content.
        credential::bearer(headers).is_some_and(|text| CredentialHash::of(text).0.ct_eq(&self.admin.0).into())
    }

    /// Who calls this system's own API. Requests that change something and are authenticated by a cookie must come from
    /// an allowed site.
    pub async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        origins: &Origins,
    ) -> Result<Caller, Problem> {
        if self.is_admin_key(headers) {
            return Ok(Caller::admin(self.admin));
        }
        let found = self.authenticate(method, headers, origins).await?;
        Ok(Caller::of(&found.login, found.credential, found.is_recorded))
    }

    /// The user who calls, for APIs that know users only: to look takes the scope `read`, everything else `buy`.
    pub async fn user(
        &self,
        method: &Method,
        headers: &HeaderMap,
        origins: &Origins,
    ) -> Result<Principal, Problem> {
        let scope = if method.is_safe() { Scope::Read } else { Scope::Buy };
        let found = self.authenticate(method, headers, origins).await?;
        principal(found, scope)
    }

    /// As [`Authenticator::user`], for what a foreign page could misuse even by reading: WebSockets, which are not
    /// subject to the rules that keep pages from reading other sites' answers.
    pub async fn listener(&self, headers: &HeaderMap, origins: &Origins) -> Result<Principal, Problem> {
        principal(self.authenticate(&Method::POST, headers, origins).await?, Scope::Read)
    }

    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        origins: &Origins,
    ) -> Result<Authenticated, Problem> {
        let Presented { text, via } = credential::presented(headers).ok_or(ProblemKind::CredentialMissing)?;
        let credential = CredentialHash::of(&text);
        let login = match self.remembered.get(&credential).await {
            Some(login) => login,
            None => Box::pin(self.look_up(&text, credential)).await?,
        };
        if login.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(ProblemKind::CredentialExpired.into());
        }
        if via == Via::Cookie && !method.is_safe() && !origins.allow(headers) {
            return Err(ProblemKind::OriginNotAllowed.into());
        }
        let is_recorded = !matches!(credential::kind(&text), Kind::Jwt);
        Ok(Authenticated { login, credential, is_recorded })
    }

    async fn look_up(&self, text: &str, hash: CredentialHash) -> Result<Arc<Login>, Problem> {
        let revocations = self.revocations.load(Ordering::Acquire);
        let kind = credential::kind(text);
        let login = match kind {
            Kind::ApiKey => unless_away(operations::login_by_api_key(&self.pool, hash).await)?,
            Kind::Session => unless_away(operations::login_by_session(&self.pool, hash).await)?,
            Kind::OperatorSession => {
                unless_away(operators::sessions::login(&self.pool, self.clock.now(), hash).await)?
            }
            Kind::PortalSession => unless_away(portal::login(&self.pool, hash).await)?,
            Kind::Jwt => self.login_by_token(text).await?,
            Kind::Unknown => None,
        };
        let login = Arc::new(login.ok_or(ProblemKind::CredentialInvalid)?);
        if let Some(key) = login.api_key {
            self.note_use(key);
        }
        // A login that was read before a revocation must not be remembered after it. Operators are few: each of their
        // requests is looked up, so that a change of their rights takes effect at once, and that they are seen.
        if kind != Kind::OperatorSession && self.revocations.load(Ordering::Acquire) == revocations {
            self.remembered.insert(hash, Arc::clone(&login)).await;
        }
        Ok(login)
    }

    /// Remembers when a key was last used. A request does not wait for it.
    fn note_use(&self, key: ApiKeyId) {
        let (pool, now) = (self.pool.clone(), self.clock.now());
        tokio::spawn(async move {
            let noted = within(NOTE_LIMIT, operations::api_key_used(&pool, now, key)).await;
            if let Err(error) = noted.unwrap_or_else(|given_up| Err(given_up.into())) {
                tracing::debug!(%error, %key, "the use of a key was not recorded");
            }
        });
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
        let login = match unless_away(operations::login_by_user(&self.pool, &token.user_id).await)? {
            Some(login) => login,
            None => self.unknown_user(&token.user_id).await?,
        };
        let spend = token.may_spend.then_some(Scope::Spend);
        let scopes = [Scope::Read, Scope::Buy].into_iter().chain(spend).collect();
        Ok(Some(Login { expires_at: Some(token.expires_at), scopes, ..login }))
    }

    /// What becomes of a genuine token of a user who is not known: registers them where that is set, else says what to
    /// do.
    async fn unknown_user(&self, user: &UserId) -> Result<Login, Problem> {
        if unless_away(user_is_known(&self.pool, user).await)? {
            // Registered a moment ago, or kept out: who is kept out stays out.
            let login = unless_away(operations::login_by_user(&self.pool, user).await)?;
            return login.ok_or_else(|| ProblemKind::CredentialInvalid.into());
        }
        if !self.registers_users {
            let message = format!(
                "The token is genuine, but there is no user {user}: register them with \
                 PUT /purser/v1/users/{{userId}}, or set JWT_REGISTERS_USERS=true."
            );
            return Err(
                Problem::new(ProblemKind::CredentialInvalid, message).coded(ErrorCode::UserNotRegistered)
            );
        }
        let new = NewUser::new(user.clone());
        match operations::user_create(&self.pool, self.clock.now(), "token", new).await {
            Ok(_) | Err(IdentityError::UserExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let login = unless_away(operations::login_by_user(&self.pool, user).await)?;
        login.ok_or_else(|| ProblemKind::CredentialInvalid.into())
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

    /// The wallet of a name, with its owner.
    pub async fn wallet(&self, name: &WalletName) -> Result<Option<OwnedWallet>, sqlx::Error> {
        if let Some(known) = self.wallets.get(name).await {
            return Ok(Some(known));
        }
        // Seldom needed, and larger than all else that a request keeps.
        Ok(Box::pin(self.look_up_wallets(&[name.clone()].into())).await?.remove(name))
    }

    /// Remembers the wallets of these names, so that [`Self::wallet`] knows each of them.
    pub async fn remember_wallets(&self, names: impl Iterator<Item = WalletName>) -> Result<(), sqlx::Error> {
        let unknown: HashSet<WalletName> = names.filter(|name| !self.wallets.contains_key(name)).collect();
        if !unknown.is_empty() {
            Box::pin(self.look_up_wallets(&unknown)).await?;
        }
        Ok(())
    }

    async fn look_up_wallets(
        &self,
        names: &HashSet<WalletName>,
    ) -> Result<HashMap<WalletName, OwnedWallet>, sqlx::Error> {
        let revocations = self.revocations.load(Ordering::Acquire);
        let found = operations::wallets_named(&self.pool, names).await?;
        if self.revocations.load(Ordering::Acquire) == revocations {
            for (name, wallet) in &found {
                self.wallets.insert(name.clone(), wallet.clone()).await;
            }
        }
        Ok(found)
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
        self.wallets.invalidate_all();
    }
}

/// A credential that is genuine and has not expired.
struct Authenticated {
    login: Arc<Login>,
    credential: CredentialHash,
    is_recorded: bool,
}

fn principal(found: Authenticated, scope: Scope) -> Result<Principal, Problem> {
    let Authenticated { login, credential, is_recorded } = found;
    // A session of a wallet page is for that page.
    let (Reach::User { id, wallet_id }, None) = (&login.reach, login.only) else {
        let message = "This credential is no user's: use one that is bound to a user.";
        return Err(Problem::forbidden(message).coded(ErrorCode::NotAUser));
    };
    if !login.scopes.contains(scope) && !login.is_operator {
        return Err(missing(scope));
    }
    Ok(Principal {
        user_id: id.clone(),
        wallet_id: *wallet_id,
        is_admin: login.is_operator,
        expires_at: login.expires_at,
        credential,
        is_recorded,
    })
}

async fn user_is_known(pool: &PgPool, user: &UserId) -> Result<bool, sqlx::Error> {
    Ok(operations::user(&mut *pool.acquire().await?, user).await?.is_some())
}

/// Any error of the database means that the credential cannot be checked now.
fn unless_away<Found>(found: Result<Found, sqlx::Error>) -> Result<Found, Problem> {
    found.map_err(Problem::unavailable)
}

fn hash_of(secret: &Secret) -> CredentialHash {
    CredentialHash::of(secret.expose())
}
