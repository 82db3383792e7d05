//! HTTP statuses as a closed set of labels: a provider's refusal may reach the client with any number it likes.

/// The statuses that the gateway gives or that providers are known to give.
const KNOWN: [(u16, &str); 31] = [
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (400, "400"),
    (401, "401"),
    (402, "402"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (411, "411"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (417, "417"),
    (422, "422"),
    (424, "424"),
    (425, "425"),
    (428, "428"),
    (429, "429"),
    (431, "431"),
    (451, "451"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (529, "529"),
];

/// The label of a status: itself where it is known, else its class. A request that ended before any status was written has `0`, which keeps
/// the usual labels numbers.
pub(super) fn label(status: Option<u16>) -> &'static str {
    let Some(status) = status else { return "0" };
    match KNOWN.iter().find(|(known, _)| *known == status) {
        Some((_, label)) => label,
        None => match status / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
    }
}
