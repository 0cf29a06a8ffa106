//! What handlers share.

use std::sync::Arc;

use identity::operators::passwords::Passwords;
use kernel::clock::Clock;
use kernel::database::Reads;
use messaging::Publisher;
use messaging::inbox::Inbox;
use messaging::queues::QueueWatch;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::confirmations::Confirmations;
use crate::descriptions::Descriptions;
use crate::intake::Intake;
use crate::origins::Origins;
use crate::readiness::Readiness;
use crate::realtime::Hub;
use crate::return_urls::ReturnOrigins;
use crate::spending::Spending;

pub struct AppState {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// Where browsers reach this API, without a slash at its end.
    pub(crate) own_origin: String,
    pub(crate) pool: PgPool,
    /// For what may be some seconds old.
    pub(crate) reads: Reads,
    pub(crate) publisher: Publisher,
    pub(crate) inbox: Inbox,
    /// For those who watch the machinery: connects when somebody looks.
    pub(crate) queues: Mutex<QueueWatch>,
    pub(crate) auth: Authenticator,
    pub(crate) origins: Origins,
    pub(crate) return_origins: ReturnOrigins,
    pub(crate) hub: Hub,
    pub(crate) spending: Spending,
    pub(crate) readiness: Readiness,
    pub(crate) passwords: Passwords,
    pub(crate) confirmations: Confirmations,
    pub(crate) intake: Intake,
    /// The descriptions of what is served, as `/openapi.json` answers them.
    pub(crate) openapi: Descriptions,
}

pub type SharedState = Arc<AppState>;
