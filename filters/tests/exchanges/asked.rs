//! What a provider of each shape finds in a request.

use ovth_filters::Shape;
use serde_json::Value;

use super::{list, text};

/// All that a request says, in words that no shape has for its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) system: String,
    /// Whether the model says it, and what.
    pub(crate) said: Vec<(bool, String)>,
    /// Name, what it does, what it takes.
    pub(crate) tools: Vec<(String, String, Value)>,
    /// Id, name, arguments.
    pub(crate) calls: Vec<(Option<String>, String, Value)>,
    /// Id and text, in order.
    pub(crate) results: Vec<(Option<String>, String)>,
    /// As addresses, those of data too.
    pub(crate) images: Vec<String>,
    pub(crate) effort: String,
    /// Whether thoughts are to be shown.
    pub(crate) shows_thoughts: bool,
    pub(crate) schema: Option<Value>,
    pub(crate) bound: Option<u64>,
    pub(crate) thoughts: String,
    /// Opaque state: the number of the call that it stands on, if it stands on one, and the state.
    pub(crate) states: Vec<(Option<usize>, String)>,
    /// What only shapes say that have it in the body.
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
}

impl Asked {
    /// Reads a request of that shape.
    pub(crate) fn of(shape: Shape, body: &Value) -> Asked {
        let mut asked = Asked {
            model: body["model"].as_str().map(str::to_owned),
            stream: body["stream"] == true,
            ..Asked::default()
        };
        match shape {
            Shape::Chat => asked.chat(body),
            Shape::Responses => asked.responses(body),
            Shape::Messages => asked.messages(body),
            Shape::GenerateContent => asked.contents(body),
        }
        asked
    }

    /// What the user says.
    pub(crate) fn question(&self) -> String {
        self.said.iter().filter(|(is_model, _)| !is_model).map(|(_, text)| text.as_str()).collect()
    }

    /// What the model said.
    pub(crate) fn answered(&self) -> String {
        self.said.iter().filter(|(is_model, _)| *is_model).map(|(_, text)| text.as_str()).collect()
    }

    fn say(&mut self, is_model: bool, words: &str) {
        if !words.is_empty() {
            self.said.push((is_model, words.to_owned()));
        }
    }

    fn call(&mut self, id: &Value, name: &Value, arguments: Value) {
        assert!(arguments.is_object(), "arguments are an object: {arguments}");
        self.calls.push((id.as_str().map(str::to_owned), text(name).to_owned(), arguments));
    }

    fn chat(&mut self, body: &Value) {
        for message in list(&body["messages"]) {
            match text(&message["role"]) {
                "system" | "developer" => self.system.push_str(&words(&message["content"])),
                "tool" => {
                    self.results
                        .push((message["tool_call_id"].as_str().map(str::to_owned), words(&message["content"])));
                }
                role => {
                    self.say(role == "assistant", &words(&message["content"]));
                    self.images.extend(
                        list(&message["content"])
                            .iter()
                            .filter_map(|part| part["image_url"]["url"].as_str())
                            .map(str::to_owned),
                    );
                    let thoughts = message["reasoning"].as_str().or(message["reasoning_content"].as_str());
                    let details = list(&message["reasoning_details"]);
                    let detailed: String = details
                        .iter()
                        .map(|detail| text(&detail["text"]).to_owned() + text(&detail["summary"]))
                        .collect();
                    self.thoughts.push_str(if detailed.is_empty() { thoughts.unwrap_or_default() } else { &detailed });
                    for state in details.iter().flat_map(|detail| [&detail["signature"], &detail["data"]]) {
                        self.states.extend(state.as_str().map(|state| (None, state.to_owned())));
                    }
                    for call in list(&message["tool_calls"]) {
                        let state = call["extra_content"]["google"]["thought_signature"].as_str();
                        self.states.extend(state.map(|state| (Some(self.calls.len()), state.to_owned())));
                        let arguments = serde_json::from_str(text(&call["function"]["arguments"])).unwrap();
                        self.call(&call["id"], &call["function"]["name"], arguments);
                    }
                }
            }
        }
        for tool in list(&body["tools"]) {
            self.tool(&tool["function"], "parameters");
        }
        text(&body["reasoning_effort"]).clone_into(&mut self.effort);
        if self.effort.is_empty() {
            text(&body["reasoning"]["effort"]).clone_into(&mut self.effort);
        }
        // Hosts show them unless they are told not to.
        self.shows_thoughts = body["reasoning"]["exclude"] != true && !self.effort.is_empty();
        let format = &body["response_format"];
        if format["type"] == "json_schema" {
            assert!(!text(&format["json_schema"]["name"]).is_empty(), "a schema has a name: {format}");
            self.schema = Some(format["json_schema"]["schema"].clone());
        }
        self.bound = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
    }

    fn responses(&mut self, body: &Value) {
        text(&body["instructions"]).clone_into(&mut self.system);
        for item in list(&body["input"]) {
            match text(&item["type"]) {
                "message" | "" => match text(&item["role"]) {
                    "system" | "developer" => self.system.push_str(&words(&item["content"])),
                    role => {
                        self.say(role == "assistant", &words(&item["content"]));
                        self.images.extend(
                            list(&item["content"])
                                .iter()
                                .filter_map(|part| part["image_url"].as_str())
                                .map(str::to_owned),
                        );
                    }
                },
                "function_call" => {
                    let arguments = serde_json::from_str(text(&item["arguments"])).unwrap();
                    self.call(&item["call_id"], &item["name"], arguments);
                }
                "function_call_output" => {
                    self.results.push((item["call_id"].as_str().map(str::to_owned), words(&item["output"])));
                }
                "reasoning" => {
                    for part in list(&item["summary"]).iter().chain(list(&item["content"])) {
                        self.thoughts.push_str(text(&part["text"]));
                    }
                    self.states.extend(item["encrypted_content"].as_str().map(|state| (None, state.to_owned())));
                }
                kind => panic!("no such item: {kind}"),
            }
        }
        for tool in list(&body["tools"]) {
            assert!(tool["strict"].is_boolean(), "whether a tool is strict is said: {tool}");
            self.tool(tool, "parameters");
        }
        text(&body["reasoning"]["effort"]).clone_into(&mut self.effort);
        self.shows_thoughts = body["reasoning"]["summary"].is_string();
        let format = &body["text"]["format"];
        if format["type"] == "json_schema" {
            assert!(!text(&format["name"]).is_empty(), "a schema has a name: {format}");
            self.schema = Some(format["schema"].clone());
        }
        self.bound = body["max_output_tokens"].as_u64();
    }

    fn messages(&mut self, body: &Value) {
        self.system = words(&body["system"]);
        for turn in list(&body["messages"]) {
            let is_model = turn["role"] == "assistant";
            self.say(is_model, &words(&turn["content"]));
            for block in list(&turn["content"]) {
                match text(&block["type"]) {
                    "text" => {}
                    "image" => {
                        let source = &block["source"];
                        let data = || format!("data:{};base64,{}", text(&source["media_type"]), text(&source["data"]));
                        self.images.push(source["url"].as_str().map_or_else(data, str::to_owned));
                    }
                    "tool_use" => self.call(&block["id"], &block["name"], block["input"].clone()),
                    "tool_result" => {
                        self.results.push((block["tool_use_id"].as_str().map(str::to_owned), words(&block["content"])));
                    }
                    "thinking" => {
                        self.thoughts.push_str(text(&block["thinking"]));
                        self.states.push((None, text(&block["signature"]).to_owned()));
                    }
                    "redacted_thinking" => self.states.push((None, text(&block["data"]).to_owned())),
                    kind => panic!("no such block: {kind}"),
                }
            }
        }
        for tool in list(&body["tools"]) {
            self.tool(tool, "input_schema");
        }
        text(&body["output_config"]["effort"]).clone_into(&mut self.effort);
        self.shows_thoughts = body["thinking"]["type"] == "adaptive" && body["thinking"]["display"] == "summarized";
        let format = &body["output_config"]["format"];
        if format["type"] == "json_schema" {
            self.schema = Some(format["schema"].clone());
        }
        self.bound = body["max_tokens"].as_u64();
    }

    fn contents(&mut self, body: &Value) {
        self.system = list(&body["systemInstruction"]["parts"]).iter().map(|part| text(&part["text"])).collect();
        for content in list(&body["contents"]) {
            let is_model = content["role"] == "model";
            for part in list(&content["parts"]) {
                let state = part["thoughtSignature"].as_str().map(str::to_owned);
                if part["thought"] == true {
                    self.thoughts.push_str(text(&part["text"]));
                    self.states.extend(state.map(|state| (None, state)));
                } else if let Some(call) = part.get("functionCall") {
                    self.states.extend(state.map(|state| (Some(self.calls.len()), state)));
                    self.call(&call["id"], &call["name"], call["args"].clone());
                } else if let Some(result) = part.get("functionResponse") {
                    assert!(!text(&result["name"]).is_empty(), "a result has a name");
                    self.results.push((
                        result["id"].as_str().map(str::to_owned),
                        text(&result["response"]["output"]).to_owned(),
                    ));
                } else if let Some(data) = part.get("inlineData") {
                    self.images.push(format!("data:{};base64,{}", text(&data["mimeType"]), text(&data["data"])));
                } else if let Some(file) = part.get("fileData") {
                    self.images.push(text(&file["fileUri"]).to_owned());
                } else {
                    self.say(is_model, text(&part["text"]));
                    self.states.extend(state.map(|state| (None, state)));
                }
            }
        }
        for tool in list(&body["tools"]).iter().flat_map(|tool| list(&tool["functionDeclarations"])) {
            self.tool(tool, if tool.get("parameters").is_some() { "parameters" } else { "parametersJsonSchema" });
        }
        let config = &body["generationConfig"];
        self.effort = text(&config["thinkingConfig"]["thinkingLevel"]).to_lowercase();
        self.shows_thoughts = config["thinkingConfig"]["includeThoughts"] == true;
        if config["responseMimeType"] == "application/json" {
            self.schema = config.get("responseJsonSchema").cloned();
        }
        self.bound = config["maxOutputTokens"].as_u64();
    }

    fn tool(&mut self, tool: &Value, schema: &str) {
        let tool = (text(&tool["name"]).to_owned(), text(&tool["description"]).to_owned(), tool[schema].clone());
        self.tools.push(tool);
    }
}

/// A text, or the texts of parts.
fn words(content: &Value) -> String {
    match content.as_str() {
        Some(words) => words.to_owned(),
        None => list(content).iter().map(|part| text(&part["text"])).collect(),
    }
}
