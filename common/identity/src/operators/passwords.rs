//! Hashes passwords with argon2id, which costs memory and a core on purpose: away from the threads that answer
//! requests, and few at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use tokio::sync::Semaphore;

use super::OperatorError;

/// How many are hashed at the same time: 19 MiB and a core each.
const AT_ONCE: usize = 2;
/// How long a password waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    places: Arc<Semaphore>,
    /// Compared with where there is no account: it takes as long as a real one.
    nobodys: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// [`OperatorError::Busy`] where the machine has no random numbers.
    pub fn new() -> Result<Self, OperatorError> {
        Ok(Self { places: Arc::new(Semaphore::new(AT_ONCE)), nobodys: hashed("nobody has this one")?.into() })
    }

    /// # Errors
    /// [`OperatorError::Busy`].
    pub async fn hash(&self, password: String) -> Result<String, OperatorError> {
        self.work(move || hashed(&password)).await?
    }

    /// Whether it is the password of this hash. Without one it is not, after the same time.
    ///
    /// # Errors
    /// [`OperatorError::Busy`].
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, OperatorError> {
        let is_somebodys = hash.is_some();
        let hash = hash.map_or_else(|| Arc::clone(&self.nobodys), Arc::from);
        let fits = self.work(move || matches(&password, &hash)).await?;
        Ok(fits && is_somebodys)
    }

    async fn work<Found: Send + 'static>(
        &self,
        work: impl FnOnce() -> Found + Send + 'static,
    ) -> Result<Found, OperatorError> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| OperatorError::Busy)?.map_err(|_| OperatorError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let found = work();
            drop(place);
            found
        });
        done.await.map_err(|_| OperatorError::Busy)
    }
}

fn hashed(password: &str) -> Result<String, OperatorError> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_| OperatorError::Busy)?;
    Ok(hash.to_string())
}

fn matches(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".to_owned()).await.unwrap(), "salted");
        let check = async |text: &str, hash: Option<&String>| {
            passwords.verify(text.to_owned(), hash.cloned()).await.unwrap()
        };
        assert!(check("correct horse", Some(&hash)).await);
        assert!(!check("correct horsf", Some(&hash)).await);
        assert!(!check("nobody has this one", None).await, "who is nobody is never signed in");
    }
}
