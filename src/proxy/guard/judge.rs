//! Whether a request is served at all, by where it came in, how large its head is, and how many its client has under way.

use ovth_filters::neutral::{ApiError, ErrorClass};
use pingora::http::RequestHeader;

use super::super::endpoints::{Endpoint, Found};
use super::connection::{Listener, Visit};
use super::refusal::{Unfit, reserved, too_many_requests, unfit};
use crate::config::Clients;

/// Judges a request: `Ok` what it asks for, which is nothing where its listener does not serve it.
///
/// # Errors
/// It is not to be served.
pub(in crate::proxy) fn judge(
    visit: &mut Visit,
    head: &RequestHeader,
    found: Found,
    clients: &Clients,
) -> Result<Found, Box<Unfit>> {
    if let Some(unfit) = unfit(head, clients) {
        return Err(Box::new(unfit));
    }
    let is_open = matches!(found, Found::Endpoint(Endpoint::Health | Endpoint::Ready));
    let is_admin = matches!(found, Found::Endpoint(Endpoint::Admin | Endpoint::Keys(_)));
    if visit.connection().is_reserved() && !is_open && !is_admin {
        visit.reserve_refused();
        return Err(Box::new(reserved()));
    }
    match visit.connection().listener() {
        Listener::Admin if !is_admin && !is_open => {
            let message =
                "Only the admin API is served on this address (admin.listen); clients connect to the other one.";
            Err(Box::new(Unfit::new(ApiError::new(ErrorClass::NotFound, message))))
        }
        Listener::Public if is_admin => Ok(Found::Nothing),
        // Probes must not fail because of others, and the admin API has bounds of its own.
        _ if is_open || is_admin => Ok(found),
        _ => match visit.enter(clients) {
            Ok(()) => Ok(found),
            Err(_) => Err(Box::new(Unfit::new(too_many_requests(clients)))),
        },
    }
}
