//! The catalogue with what the operator knows besides, or better.

use std::sync::Arc;

use super::params::{Params, Reasoning};
use super::{Capabilities, Catalog, CatalogError, Date, Kind, Model, Status};
use crate::config::{ModelFacts, ModelStatus};

impl Catalog {
    /// The same catalogue with these facts: a model that it has takes them over, one that it lacks is added.
    ///
    /// # Errors
    /// When a name would stand for two models of one provider, or a date is none.
    pub fn with(&self, facts: &[ModelFacts]) -> Result<Catalog, CatalogError> {
        let mut models = self.models().to_vec();
        for own in facts {
            let at = models.iter().position(|model| *model.provider == *own.provider && *model.id == *own.model);
            let base = match at.and_then(|at| models.get(at)) {
                Some(model) => Model::clone(model),
                None => unknown(own),
            };
            let changed = Arc::new(changed(base, own)?);
            match at.and_then(|at| models.get_mut(at)) {
                Some(model) => *model = changed,
                None => models.push(changed),
            }
        }
        Catalog::of(self.version(), models)
    }
}

/// A model of which nothing is known: it holds conversations, and that is all.
fn unknown(own: &ModelFacts) -> Model {
    let reasoning = Reasoning::default();
    let params = Params::default();
    Model {
        id: (*own.model).into(),
        provider: (*own.provider).into(),
        name: None,
        kind: Kind::Chat,
        status: Status::Current,
        aliases: Vec::new(),
        api_aliases: Vec::new(),
        never_existed: Vec::new(),
        successor: None,
        context_window: None,
        max_input_tokens: None,
        max_output_tokens: None,
        price: None,
        capabilities: Capabilities::default(),
        shapes: Vec::new(),
        released: None,
        shutdown_date: None,
        takes_max_completion_tokens: false,
        takes_one_of_temperature_and_top_p: false,
        refused: params.refused(&reasoning),
        reasons: params.reasons(&reasoning),
        good_enough: false,
    }
}

fn changed(mut model: Model, own: &ModelFacts) -> Result<Model, CatalogError> {
    for alias in &own.aliases {
        if !model.names().any(|name| **name == **alias) {
            model.aliases.push(alias.as_str().into());
        }
    }
    model.context_window = own.context_window.or(model.context_window);
    model.max_input_tokens = own.max_input_tokens.or(model.max_input_tokens);
    model.max_output_tokens = own.max_output_tokens.or(model.max_output_tokens);
    for (name, can) in &own.capabilities {
        if let Some(ability) = ability(&mut model.capabilities, name) {
            *ability = Some(*can);
        }
    }
    if let Some(shapes) = &own.shapes {
        model.shapes.clone_from(shapes);
    }
    if let Some(status) = own.status {
        model.status = match status {
            ModelStatus::Current => Status::Current,
            ModelStatus::Preview => Status::Preview,
            ModelStatus::Deprecated => Status::Deprecated,
            ModelStatus::Retired => Status::Retired,
        };
    }
    if let Some(date) = &own.shutdown_date {
        model.shutdown_date = Some(date.parse::<Date>().map_err(|source| CatalogError::Date {
            provider: Arc::clone(&model.provider),
            id: Arc::clone(&model.id),
            field: "shutdown_date",
            source,
        })?);
    }
    model.good_enough = own.good_enough.unwrap_or(model.good_enough);
    Ok(model)
}

fn ability<'a>(can: &'a mut Capabilities, name: &str) -> Option<&'a mut Option<bool>> {
    Some(match name {
        "tools" => &mut can.tools,
        "tool_choice" => &mut can.tool_choice,
        "parallel_tools" => &mut can.parallel_tools,
        "chat_tools_while_reasoning" => &mut can.chat_tools_while_reasoning,
        "vision" => &mut can.vision,
        "pdf" => &mut can.pdf,
        "audio_input" => &mut can.audio_input,
        "structured_outputs" => &mut can.structured_outputs,
        "reasoning" => &mut can.reasoning,
        "prompt_caching" => &mut can.prompt_caching,
        "streaming" => &mut can.streaming,
        "system_messages" => &mut can.system_messages,
        "assistant_prefill" => &mut can.assistant_prefill,
        "system_between_turns" => &mut can.system_between_turns,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::ABILITIES;

    fn facts(model: &str) -> ModelFacts {
        ModelFacts {
            provider: "openai".into(),
            model: model.into(),
            aliases: Vec::new(),
            context_window: None,
            max_input_tokens: None,
            max_output_tokens: None,
            capabilities: Vec::new(),
            shapes: None,
            status: None,
            shutdown_date: None,
            good_enough: None,
        }
    }

    #[test]
    fn a_known_model_takes_facts_over_and_an_unknown_one_is_added() {
        let catalogue = Catalog::embedded().unwrap();
        let own = [
            ModelFacts { context_window: Some(9), capabilities: vec![("vision", false)], ..facts("gpt-5") },
            ModelFacts { aliases: vec!["seven".to_owned()], good_enough: Some(true), ..facts("gpt-7") },
        ];
        let with = catalogue.with(&own).unwrap();
        let five = with.lookup("openai", "gpt-5").unwrap();
        let before = catalogue.lookup("openai", "gpt-5").unwrap();
        assert_eq!((five.context_window, five.capabilities.vision), (Some(9), Some(false)));
        assert_eq!((five.max_output_tokens, &five.price), (before.max_output_tokens, &before.price));
        let seven = with.lookup("openai", "seven").unwrap();
        assert!(&*seven.id == "gpt-7" && seven.good_enough() && seven.capabilities == Capabilities::default());
        assert_eq!(with.models().len(), catalogue.models().len() + 1);
    }

    #[test]
    fn a_name_that_another_model_has_is_refused() {
        let own = [ModelFacts { aliases: vec!["gpt-5.2".to_owned()], ..facts("gpt-7") }];
        let error = Catalog::embedded().unwrap().with(&own).unwrap_err();
        assert!(error.to_string().contains("gpt-5.2"), "{error}");
    }

    #[test]
    fn every_capability_of_the_configuration_is_one_of_the_catalogue() {
        let mut can = Capabilities::default();
        assert!(ABILITIES.into_iter().all(|name| ability(&mut can, name).is_some()));
    }
}
