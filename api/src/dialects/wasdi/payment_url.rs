//! The address at which a package is paid: the Payment Link of its type, or else a page that is opened for it. A
//! repeated request gets the same page while it can be paid on, and then the next.

use billing::catalog::Pack;
use billing::catalog::operations::packs_by_id;
use billing::packages::operations::is_package;
use billing::payments::ordering::reopen;
use billing::payments::store::{items, payment_by_id};
use billing::payments::{Item, Payment};
use jobs::outbox;
use kernel::ids::PaymentId;
use sqlx::PgConnection;
use warp::http::{HeaderValue, StatusCode, header};

use super::both;
use super::packages::{BAD_TYPE, is_sold};
use super::types::Message;
use crate::checkout::{self, Ordered};
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::{Response, answer, empty};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let description = Description::new(Access::User, "Where to pay for a package")
        .says(
            "Where the page is not open in time, asking again in a moment answers it; with `Prefer: respond-async` \
             that is always so, and is said with 202.",
        )
        .required_query::<String>("creditPackageId", "The package.")
        .header::<String>("Prefer", "`respond-async` asks not to wait for the page.")
        .answers::<Message>(StatusCode::OK, "The message is the address of the payment page.")
        .answers_plainly(StatusCode::ACCEPTED, "The page will be open soon.")
        .refuses(&[StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN]);
    let path = both!("/credits/stripe/paymentUrl");
    path.map(|path| Endpoint::get(path, payment_url, description.clone())).into()
}

async fn payment_url(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let id = call.parameter("creditPackageId").map(str::trim).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Problem::invalid("Invalid credits package."))?;
    let unknown = || Problem::invalid("The credit package cannot be found.");
    let id: PaymentId = id.parse().map_err(|_| unknown())?;
    let mut connection = api.pool.acquire().await?;
    let payment = payment_by_id(&mut connection, id).await?.ok_or_else(unknown)?;
    if payment.user_id != principal.user_id {
        let message = "The user cannot access the credits package info.";
        return Err(Problem::forbidden(message));
    }
    if payment.state.is_paid() {
        return Err(Problem::invalid("The credit package has been paid already."));
    }
    let pack = pack(&mut connection, &payment).await?;
    let (item, pack) = pack.ok_or_else(|| Problem::invalid(BAD_TYPE))?;
    drop(connection);
    if let Some(link) = link(&payment, &item, &pack) {
        return Ok(answer(StatusCode::OK, &Message::new(link)));
    }
    page(&api, &call, id).await
}

/// The line and the pack of a package, if the payment is one and its pack is still sold.
async fn pack(connection: &mut PgConnection, payment: &Payment) -> Result<Option<(Item, Pack)>, sqlx::Error> {
    if !is_package(connection, payment.id).await? {
        return Ok(None);
    }
    let Some(item) = items(connection, payment.id).await?.into_iter().next() else { return Ok(None) };
    let Some(id) = item.pack_id.clone() else { return Ok(None) };
    let pack = packs_by_id(connection, &[id]).await?.into_iter().find(is_sold);
    Ok(pack.map(|pack| (item, pack)))
}

/// The Payment Link of the pack, with the package as its reference. None if the pack has no link, or if its price is no
/// longer that of the order: money that does not match its order is not credited.
fn link(payment: &Payment, item: &Item, pack: &Pack) -> Option<String> {
    let link = pack.stripe_payment_link.as_deref()?;
    let is_same_sale = pack.price == payment.amount && pack.credits == item.credits;
    is_same_sale.then(|| with_reference(link, payment.id))
}

fn with_reference(link: &str, id: PaymentId) -> String {
    let (address, fragment) = link.split_once('#').map_or((link, ""), |(address, rest)| (address, rest));
    let joint = if address.contains('?') { '&' } else { '?' };
    let hash = if fragment.is_empty() { "" } else { "#" };
    format!("{address}{joint}client_reference_id={id}{hash}{fragment}")
}

/// The page that is open for a package, or the next one.
async fn page(api: &SharedState, call: &Call, id: PaymentId) -> Result<Response, Problem> {
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let payment = reopen(&mut transaction, now, id).await?;
    let payment = payment.ok_or_else(|| Problem::internal("a package is gone"))?;
    let outbox_id = match &payment.provider_session {
        Some(_) => None,
        None => Some(outbox::insert(&mut transaction, now, &checkout::job(&payment)).await?),
    };
    transaction.commit().await?;
    match checkout::open(api, call, payment, outbox_id).await? {
        Ordered::Open(payment) => opened(&payment),
        Ordered::Accepted { preferred: true, .. } => Ok(accepted(call, id)),
        Ordered::Accepted { preferred: false, .. } => {
            Err(Problem::unavailable("the payment page is not open yet"))
        }
        Ordered::Refused { status, message } => Err(checkout::refused(status, message)),
    }
}

fn opened(payment: &Payment) -> Result<Response, Problem> {
    if payment.progress.session_status.as_deref() == Some("complete") {
        return Err(Problem::invalid("The payment of the credit package is under way."));
    }
    match &payment.checkout_url {
        Some(url) => Ok(answer(StatusCode::OK, &Message::new(url))),
        None => Err(Problem::internal("an open page has no address")),
    }
}

/// The answer while the page is not open yet.
fn accepted(call: &Call, id: PaymentId) -> Response {
    let mut response = empty(StatusCode::ACCEPTED);
    let headers = response.headers_mut();
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    let again = format!("{}?creditPackageId={id}", call.path.as_str());
    if let Ok(location) = HeaderValue::from_str(&again) {
        headers.insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_reference_joins_what_the_link_has() {
        let id: PaymentId = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
        let reference = format!("client_reference_id={id}");
        for (link, joined) in [
            ("https://buy.example/l", format!("https://buy.example/l?{reference}")),
            ("https://buy.example/l?locale=it", format!("https://buy.example/l?locale=it&{reference}")),
            ("https://buy.example/l#top", format!("https://buy.example/l?{reference}#top")),
        ] {
            assert_eq!(with_reference(link, id), joined);
        }
    }
}
