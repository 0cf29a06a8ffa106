//! How operators get in: they accept an invitation, sign in, and change their passwords. Answers to these show or take
//! secrets, so no `Idempotency-Key` keeps them.

use identity::credentials::CredentialHash;
use identity::operators::sessions::{self, Opened, Place};
use identity::operators::{OperatorRole, operations};
use identity::rights::Scope;
use kernel::ids::OperatorSessionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;

use super::sessions::no_operator;
use super::{OperatorView, all_withdrawn};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::json::read_object;
use crate::http::values::Moment;
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let public = |summary: &str| Description::new(Access::Public, summary);
    vec![
        Endpoint::post(
            "/purser/v1/operator-sessions",
            sign_in,
            public("Sign in as an operator")
                .says(
                    "With an e-mail address and a password, or with a sign-in link's `link`. The token is the \
                     credential of the operator; it ends after twelve hours, or two hours after its last use. Attempts \
                     are bounded by account and by address.",
                )
                .takes::<SignInInput>()
                .answers::<SignedInView>(StatusCode::CREATED, "The session, with its token.")
                .refuses(&[StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/operator-invitations/look-up",
            look_up,
            public("See whose invitation it is")
                .says("It can still be accepted afterwards.")
                .takes::<InvitationInput>()
                .answers::<OperatorView>(StatusCode::OK, "Who is invited.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::post(
            "/purser/v1/operator-invitations/accept",
            accept,
            public("Accept an invitation")
                .says("Once: it sets the operator's password, and ends the sessions of before.")
                .takes::<AcceptInput>()
                .answers::<OperatorView>(StatusCode::OK, "The operator, who can sign in now.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
        Endpoint::put(
            "/purser/v1/operator-password",
            change_password,
            Description::new(Access::Operator(Scope::Read), "Change the password of who is signed in")
                .says("All other sessions of the operator end.")
                .role(OperatorRole::Viewer)
                .takes::<PasswordInput>()
                .answers_plainly(StatusCode::NO_CONTENT, "The password is changed.")
                .refuses(&[StatusCode::NOT_FOUND]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::OperatorSignIn, example = json!({"email": "ada@example.com",
    "password": "correct horse battery"}))]
struct SignInInput {
    #[schema(nullable = false)]
    email: Option<String>,
    #[schema(nullable = false)]
    password: Option<String>,
    /// Instead of them: the `link` of a sign-in link.
    #[schema(nullable = false)]
    link: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::OperatorInvitation, example = json!({"link": "pol_…"}))]
struct InvitationInput {
    /// The invitation's `link`.
    link: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = native::AcceptedInvitation, example = json!({"link": "pol_…", "password": "correct horse battery"}))]
struct AcceptInput {
    /// The invitation's `link`.
    link: String,
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = native::OperatorPassword,
         example = json!({"password": "correct horse battery", "newPassword": "staple battery horse"}))]
struct PasswordInput {
    /// The present one.
    password: String,
    #[schema(min_length = 12, max_length = 256)]
    new_password: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::OperatorSignedIn)]
struct SignedInView {
    #[schema(value_type = Uuid)]
    session_id: OperatorSessionId,
    /// The token itself.
    session_token: String,
    expires_at: Moment,
    operator: OperatorView,
}

async fn sign_in(api: SharedState, call: Call) -> Result<Response, Problem> {
    let input: SignInInput = read_object(&call)?;
    let place =
        Place { address: audit::origin::address(), user_agent: call.header("user-agent").map(str::to_owned) };
    let now = api.clock.now();
    let opened = match (input.email, input.password, input.link) {
        (Some(email), Some(password), None) => {
            sessions::sign_in(&api.pool, &api.passwords, now, &email, password, &place).await?
        }
        (None, None, Some(link)) => {
            sessions::sign_in_by_link(&api.pool, now, CredentialHash::of(&link), &place).await?
        }
        _ => return Err(Problem::invalid("Give email and password, or link.")),
    };
    let Opened { id, operator, token, expires_at } = opened;
    let view = SignedInView {
        session_id: id,
        session_token: token.text,
        expires_at: Moment(expires_at),
        operator: operator.into(),
    };
    Ok(answer(StatusCode::CREATED, &view))
}

async fn look_up(api: SharedState, call: Call) -> Result<Response, Problem> {
    let InvitationInput { link } = read_object(&call)?;
    let found = operations::invited(&api.pool, api.clock.now(), CredentialHash::of(&link)).await?;
    Ok(answer(StatusCode::OK, &OperatorView::from(found)))
}

async fn accept(api: SharedState, call: Call) -> Result<Response, Problem> {
    let AcceptInput { link, password } = read_object(&call)?;
    let (link, now) = (CredentialHash::of(&link), api.clock.now());
    let (operator, ended) = operations::accept(&api.pool, &api.passwords, now, link, password).await?;
    all_withdrawn(&api, ended).await;
    Ok(answer(StatusCode::OK, &OperatorView::from(operator)))
}

async fn change_password(api: SharedState, call: Call) -> Result<Response, Problem> {
    let caller = call.operator(&api, Scope::Read).await?;
    let PasswordInput { password, new_password } = read_object(&call)?;
    let who = caller.operator.ok_or_else(no_operator)?;
    let (pool, now) = (&api.pool, api.clock.now());
    let ended = sessions::change_password(pool, &api.passwords, now, who, password, new_password).await?;
    all_withdrawn(&api, ended).await;
    Ok(empty(StatusCode::NO_CONTENT))
}
