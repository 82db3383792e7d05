//! Lets a request in: whose limits it has to keep, which of its targets its key may use, and what is set aside for it.

use std::time::SystemTime;

use ovth_filters::Operation;
use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::{ApiError, ErrorClass, Usage};
use ovth_filters::shapes::Peek;

use crate::config::{Cap, Config, Overshoot, Quota};
use crate::keys::Key;
use crate::ledger::{Amount, Demand, Facts, Ledger, Payer, Refusal, Reservation};
use crate::routing::{Plan, Target};

/// The output of a model whose bound nobody knows.
const UNKNOWN_OUTPUT: u64 = 4096;

/// Whether what cannot be done just as it was asked for is refused.
pub(super) fn is_strict(key: &Key, quota: &Quota) -> bool {
    key.settings.strict.unwrap_or(quota.strict)
}

/// Takes those targets out of the plan that the key may not use.
///
/// # Errors
/// None is left, or the key may not use the route.
pub(super) fn keep_allowed(plan: &mut Plan, key: &Key, quota: &Quota) -> Result<(), ApiError> {
    let models = key.settings.models.as_ref().or(quota.models.as_ref());
    if let Some(routes) = key.settings.routes.as_ref().or(quota.routes.as_ref()) {
        match &plan.route {
            Some(route) if routes.fit(route) => {}
            // A key that is told its models too may ask for those by name.
            None if models.is_some() => {}
            Some(route) => {
                let message = format!("This key may not use the route `{route}`. It may use: {}.", list(routes));
                return Err(forbidden(&message));
            }
            None => {
                let message = format!("This key may use routes only, not models by their names: {}.", list(routes));
                return Err(forbidden(&message));
            }
        }
    }
    if let Some(models) = models {
        let fits = |target: &Target| {
            let id = target.entry.as_ref().map_or(&target.model, |entry| &entry.id);
            let full = format!("{}/{id}", target.upstream.id());
            models.fit(id) || models.fit(&full) || models.fit(&target.model)
        };
        plan.targets.retain(|target| fits(target));
        if plan.targets.is_empty() {
            return Err(forbidden(&format!("This key may not use this model. It may use: {}.", list(models))));
        }
    }
    Ok(())
}

fn list(globs: &crate::config::Globs) -> String {
    const SHOWN: usize = 20;
    let mut patterns: Vec<String> = globs.patterns().take(SHOWN + 1).map(|pattern| format!("`{pattern}`")).collect();
    if patterns.len() > SHOWN {
        patterns.truncate(SHOWN);
        patterns.push("and more".to_owned());
    }
    patterns.join(", ")
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(ErrorClass::Permission, message).with_param("model").with_code("model_not_allowed")
}

/// A request that was let in.
pub(super) struct Admitted {
    /// What was set aside.
    pub(super) reservation: Reservation,
    /// The bound that each answer is to be given, where that is lower than what the client asked for.
    pub(super) output_bound: Option<u64>,
}

/// What a request is let in with.
pub(super) struct Request<'a> {
    pub(super) operation: Operation,
    pub(super) peek: &'a Peek,
    /// About how many tokens the prompt has, with what of it the provider keeps.
    pub(super) prompt: u64,
    pub(super) plan: &'a Plan,
    pub(super) payer: &'a Payer,
    pub(super) strict: bool,
    pub(super) facts: Facts,
}

/// Why a request was not let in.
pub(super) enum Denied {
    /// The ledger does not let it in.
    Refusal(Refusal),
    /// It asks for something that its key may not have.
    Error(ApiError),
}

/// Sets aside what a request may spend.
///
/// # Errors
/// A limit does not allow it, or the ledger cannot take it.
pub(super) fn reserve(ledger: &Ledger, config: &Config, request: Request<'_>) -> Result<Admitted, Denied> {
    let Request { operation, peek, prompt, plan, payer, strict, facts } = request;
    let quota = &config.quota;
    let (input_cost, output_price) = dearest(plan, prompt);
    let input_tokens = quota.weights.count(&Usage { input: prompt, ..Usage::default() });
    let input = Amount { tokens: input_tokens, cost: input_cost };
    if operation != Operation::Generate {
        let demand = Demand {
            payer,
            // What is not billed costs nothing, but counts as a request.
            input: if operation.is_billed() { input } else { Amount::default() },
            output_tokens: 0,
            output_weight: 0,
            output_price: PicoDollars::ZERO,
            can_cap: false,
            facts,
        };
        let reservation = ledger.reserve(demand, SystemTime::now()).map_err(Denied::Refusal)?;
        return Ok(Admitted { reservation, output_bound: None });
    }
    let ceiling = ceiling(payer);
    fits_ceiling(peek, ceiling, strict).map_err(Denied::Error)?;
    let each = expected_output(ledger, quota, least(peek.max_output, ceiling), (payer, plan));
    let demand = Demand {
        payer,
        input,
        output_tokens: each.saturating_mul(peek.choices),
        output_weight: quota.weights.output,
        output_price,
        // A bound holds for each answer: several cannot share what is left to the token.
        can_cap: !strict && peek.thinking_budget.is_none() && peek.choices == 1,
        facts,
    };
    let reservation = ledger.reserve(demand, SystemTime::now()).map_err(Denied::Refusal)?;
    // What is set aside to the last token has to hold.
    let known = (quota.overshoot == Overshoot::None).then_some(each);
    let wanted = least(least(reservation.output_cap(), ceiling), known);
    let output_bound = wanted.filter(|wanted| peek.max_output.is_none_or(|asked| *wanted < asked));
    Ok(Admitted { reservation, output_bound })
}

/// Whether what the request asks for can be had under the bound of an answer.
fn fits_ceiling(peek: &Peek, ceiling: Option<u64>, strict: bool) -> Result<(), ApiError> {
    let Some(ceiling) = ceiling else { return Ok(()) };
    let told = |message: String, param: &str| Err(ApiError::new(ErrorClass::BadRequest, message).with_param(param));
    match (peek.max_output, peek.thinking_budget) {
        (_, Some(budget)) if budget >= ceiling => told(
            format!(
                "`thinking.budget_tokens` is {budget}, and must be less than the {ceiling} output tokens that this key may have in an \
                 answer (max_output_tokens)."
            ),
            "thinking.budget_tokens",
        ),
        (Some(asked), _) if strict && asked > ceiling => told(
            format!(
                "`max_tokens` is {asked}, and this key may have {ceiling} output tokens in an answer (max_output_tokens)."
            ),
            "max_tokens",
        ),
        _ => Ok(()),
    }
}

/// Output tokens to set aside for one answer.
fn expected_output(ledger: &Ledger, quota: &Quota, bound: Option<u64>, (payer, plan): (&Payer, &Plan)) -> u64 {
    let most = match quota.overshoot {
        Overshoot::None => bound.or_else(|| known_output(plan)).unwrap_or(UNKNOWN_OUTPUT),
        Overshoot::Expected => {
            let model = plan.targets.first().map_or("", |target| &target.model);
            let expected = ledger.expected_output(&payer.key, model);
            bound.map_or(expected, |bound| bound.min(expected))
        }
    };
    most.max(1)
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// The lowest bound of an answer that holds for the payer.
fn ceiling(payer: &Payer) -> Option<u64> {
    let of_user = payer.end_user.as_ref().and_then(|user| user.limits.max_output_tokens);
    [payer.key_limits.max_output_tokens, payer.gateway_limits.max_output_tokens, of_user]
        .into_iter()
        .flatten()
        .filter_map(Cap::limit)
        .min()
}

/// The largest answer that any of the targets can give.
fn known_output(plan: &Plan) -> Option<u64> {
    plan.targets.iter().filter_map(|target| target.entry.as_ref()?.max_output_tokens).max()
}

/// What the prompt and one token of output cost at the target where they cost most: any of them may have to serve.
fn dearest(plan: &Plan, prompt_tokens: u64) -> (PicoDollars, PicoDollars) {
    let prices = plan.targets.iter().filter_map(|target| target.price());
    prices.fold((PicoDollars::ZERO, PicoDollars::ZERO), |(input, output), price| {
        let (own_input, own_output) = (price.input(prompt_tokens), price.output_token(prompt_tokens));
        (input.max(own_input.unwrap_or_default()), output.max(own_output.unwrap_or_default()))
    })
}
