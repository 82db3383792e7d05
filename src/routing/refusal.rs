//! Why nothing can be tried for a model or a route, and what a client can do instead.

use ovth_filters::neutral::{ApiError, ErrorClass};
use ovth_filters::{Operation, Shape};

use super::offer::{Offer, Wanted};

/// Places that a message names.
const SHOWN: usize = 3;

/// Where clients of a shape are served.
const fn endpoint(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat => "POST /v1/chat/completions",
        Shape::Responses => "POST /v1/responses",
        Shape::Messages => "POST /anthropic/v1/messages",
        Shape::GenerateContent => "POST /gemini/v1beta/models/MODEL:generateContent",
    }
}

/// The answer when `what` (a model or a route in backticks) has no target for what is asked in the client's shape, and `near`
/// the sentence about names like it, or nothing.
pub(super) fn unfit(what: &str, offers: &[Offer], wanted: &Wanted, near: &str) -> ApiError {
    let shape = wanted.shape;
    let message = match wanted.operation {
        Operation::Embed => no_embedding(what, offers, shape, near),
        _ => embedding_only(offers).unwrap_or_else(|| {
            format!("{what} cannot be used in the {shape} shape: {}.{near} {}", standing(offers), cure(offers))
        }),
    };
    ApiError::new(ErrorClass::BadRequest, message).with_param("model")
}

fn no_embedding(what: &str, offers: &[Offer], shape: Shape, near: &str) -> String {
    const LIST: &str = "GET /v1/models lists the models";
    if !offers.iter().any(Offer::may_embed) {
        return format!("{what} answers conversations and embeds no text. Choose an embedding model; {LIST}.");
    }
    let standing = standing(offers);
    format!("{what} cannot embed text in the {shape} shape: {standing}.{near} Choose an embedding model; {LIST}.")
}

/// The answer when a model that is known, or that some provider would be asked for, is not in the list of models.
pub(super) fn unlisted(what: &str, offers: &[Offer], near: &str) -> ApiError {
    let message = embedding_only(offers).unwrap_or_else(|| {
        format!("{what} is not in the list of models: {}.{near} GET /v1/models lists all names.", standing(offers))
    });
    ApiError::new(ErrorClass::UnknownModel, message).with_param("model")
}

fn embedding_only(offers: &[Offer]) -> Option<String> {
    let first = offers.first().filter(|_| offers.iter().all(Offer::is_embedding))?;
    let model = &first.model;
    Some(format!(
        "`{model}` is an embedding model: it answers no conversation. Choose a chat model; GET /v1/models lists them. Texts \
         are embedded by POST /v1/embeddings."
    ))
}

/// Who serves it and in which shapes; of those that are gone only when there are no others.
fn standing(offers: &[Offer]) -> String {
    let is_all_gone = offers.iter().all(|offer| offer.is_gone);
    let told: Vec<&Offer> = offers.iter().filter(|offer| is_all_gone || !offer.is_gone).collect();
    let more = if told.len() > SHOWN { ", and others" } else { "" };
    let list = |place: fn(&Offer) -> String| {
        let places: Vec<String> = told.iter().take(SHOWN).map(|offer| place(offer)).collect();
        places.join(", ")
    };
    if told.iter().all(|offer| offer.entry.is_none()) {
        let places = list(|offer| format!("{} ({})", offer.upstream.id(), shapes(offer)));
        return format!("it is not in the catalogue; {places}{more} would be asked for it");
    }
    let places = list(|offer| format!("{} at {} ({})", offer.model, offer.upstream.id(), shapes(offer)));
    let successor = told.iter().find_map(|offer| offer.entry.as_ref()?.successor.as_ref());
    let retired = match successor {
        Some(successor) if is_all_gone => format!("; it is retired; use `{successor}`"),
        None if is_all_gone => "; it is retired".to_owned(),
        _ => String::new(),
    };
    format!("it is served by {places}{more}{retired}")
}

fn shapes(offer: &Offer) -> String {
    let shapes: Vec<&str> = offer.shapes().map(Shape::as_str).collect();
    if shapes.is_empty() { "no shape of this gateway".to_owned() } else { shapes.join(", ") }
}

fn cure(offers: &[Offer]) -> String {
    let mut paths: Vec<&str> = offers.iter().flat_map(Offer::shapes).map(endpoint).collect();
    paths.sort_unstable();
    paths.dedup();
    if paths.is_empty() {
        "Choose another model.".to_owned()
    } else {
        format!("Send the request to {} in that shape, or choose another model.", paths.join(" or "))
    }
}
