//! A script, checked before anybody walks by it.

use super::{
    capture::Capture,
    expect::{Expect, JsonExpect, Wanted},
    platforms,
    template::{Shape, Template, is_name},
    written,
};
use http::{HeaderName, Method};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Of a file.
const LONGEST_BYTES: usize = 256 << 10;
const MOST_STEPS: usize = 64;
/// Of a compiled pattern.
const PATTERN_BYTES: usize = 1 << 20;
/// What every walk knows without being told: its moment, unix milliseconds, so that names differ from walk to walk.
pub(super) const AT_MS: &str = "at_ms";
/// Under which the order's code is captured.
pub(super) const ORDER: &str = "order";

/// Why a text is no script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("read journey script")]
    Unreadable(#[from] toml::de::Error),
    #[error("read journey script of {bytes} bytes: {LONGEST_BYTES} are the most")]
    TooLong { bytes: usize },
    #[error("read journey script of format {format}: 1 is known")]
    OtherFormat { format: u32 },
    #[error("read journey script: it has {steps} steps, 1 to {MOST_STEPS} may be")]
    StepCount { steps: usize },
    #[error("step `{step}`: another one has the same name, or it has none")]
    StepName { step: String },
    #[error("step `{step}`: `{what}` is no {kind}")]
    Invalid { step: String, kind: &'static str, what: String },
    #[error("step `{step}`: a request has one body, of `form`, `json` or `graphql`")]
    SeveralBodies { step: String },
    #[error("step `{step}`: at `{pointer}`, either `equals` or `exists` is expected")]
    JsonExpectation { step: String, pointer: String },
    #[error("step `{step}`: `{variable}` is neither among the variables nor captured before")]
    UnknownVariable { step: String, variable: String },
    #[error("step `{step}`: no step that cancels follows")]
    PlacesForGood { step: String },
    #[error("step `{step}`: no step that places captures `{ORDER}`")]
    OrderUnnamed { step: String },
    #[error("step `{step}`: what cancels comes last, after what places, and does not place")]
    CancelsTooEarly { step: String },
}

/// What a journey has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    /// For people.
    pub about: String,
    /// `None`: it has to be told.
    pub default: Option<String>,
    /// Whether only what places and cancels needs it.
    pub is_for_placing: bool,
}

/// The steps of a journey, checked: every variable is known where it is used, and whatever is placed can be cancelled.
#[derive(Clone)]
pub struct Script {
    name: String,
    title: String,
    inputs: Vec<Input>,
    pub(super) steps: Vec<Step>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({}, {} steps)", self.name, self.steps.len())
    }
}

#[derive(Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) path: Template,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) body: Body,
    pub(super) places: bool,
    pub(super) cancels: bool,
    pub(super) expect: Expect,
    pub(super) captures: Vec<(String, Capture)>,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Form(Vec<(Template, Template)>),
    Json(Shape),
    GraphQl { query: String, variables: Shape },
}

impl Script {
    /// Reads a script as docs/checks.md describes it.
    ///
    /// # Errors
    /// When it is none, or tells of steps that could never be taken, or that would place what nothing cancels.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        if text.len() > LONGEST_BYTES {
            return Err(ScriptError::TooLong { bytes: text.len() });
        }
        let written: written::Script = toml::from_str(text)?;
        if written.format != 1 {
            return Err(ScriptError::OtherFormat { format: written.format });
        }
        if !(1..=MOST_STEPS).contains(&written.step.len()) {
            return Err(ScriptError::StepCount { steps: written.step.len() });
        }
        let steps = written.step.into_iter().map(|step| step_of(step, &written.headers));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        check_names(&steps)?;
        check_variables(&steps, &written.variables)?;
        check_placing(&steps)?;
        let inputs = inputs(&steps, written.variables);
        Ok(Self { name: written.name, title: written.title, inputs, steps })
    }

    /// The script that comes along for a platform; `None`: there is none.
    #[must_use]
    pub fn of_platform(name: &str) -> Option<Self> {
        let (_, text) = platforms::ALL.iter().find(|(platform, _)| *platform == name)?;
        Some(
            Self::parse(text)
                .expect("invariant: the scripts that come along are checked by a test"),
        )
    }

    /// For which platforms scripts come along.
    pub fn platforms() -> impl Iterator<Item = &'static str> {
        platforms::ALL.iter().map(|(name, _)| *name)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it has to be told, by name.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Whether it knows how to place an order, and to cancel it.
    #[must_use]
    pub fn can_place(&self) -> bool {
        self.steps.iter().any(|step| step.places)
    }

    /// Up to the first step that places, that one not.
    pub(super) fn before_placing(&self) -> &[Step] {
        let end = self.steps.iter().position(|step| step.places || step.cancels);
        &self.steps[..end.unwrap_or(self.steps.len())]
    }

    /// What leads to an order and follows it, and what cancels it.
    pub(super) fn with_placing(&self) -> (&[Step], &[Step]) {
        let end = self.steps.iter().position(|step| step.cancels);
        self.steps.split_at(end.unwrap_or(self.steps.len()))
    }
}

impl Step {
    pub(super) fn variables(&self) -> Vec<&str> {
        let mut variables: Vec<&str> = self.path.variables().collect();
        variables.extend(self.headers.iter().flat_map(|(_, value)| value.variables()));
        match &self.body {
            Body::None => {}
            Body::Form(fields) => {
                let texts = fields.iter().flat_map(|(key, value)| [key, value]);
                variables.extend(texts.flat_map(Template::variables));
            }
            Body::Json(shape) | Body::GraphQl { variables: shape, .. } => {
                variables.extend(shape.variables());
            }
        }
        variables.extend(self.expect.variables());
        variables
    }
}

fn inputs(steps: &[Step], declared: BTreeMap<String, written::Variable>) -> Vec<Input> {
    let end = steps.iter().position(|step| step.places).unwrap_or(steps.len());
    let early: BTreeSet<&str> = steps[..end].iter().flat_map(Step::variables).collect();
    let inputs = declared.into_iter().map(|(name, variable)| {
        let is_for_placing = !early.contains(name.as_str());
        Input { name, about: variable.about, default: variable.default, is_for_placing }
    });
    inputs.collect()
}

fn step_of(step: written::Step, common: &BTreeMap<String, String>) -> Result<Step, ScriptError> {
    let name = step.name;
    let invalid = |kind: &'static str, what: &str| ScriptError::Invalid {
        step: name.clone(),
        kind,
        what: what.to_owned(),
    };
    let template =
        |text: &str| Template::parse(text).ok_or_else(|| invalid("text with {variables}", text));
    let mut headers = Vec::new();
    for (key, value) in common.iter().chain(&step.headers) {
        let key = HeaderName::try_from(key).map_err(|_| invalid("name of a header", key))?;
        headers.retain(|(known, _)| *known != key);
        headers.push((key, template(value)?));
    }
    let shape = |value: &serde_json::Value| {
        Shape::parse(value).map_err(|text| invalid("text with {variables}", &text))
    };
    let body = match (&step.form, &step.json, &step.graphql) {
        (None, None, None) => Body::None,
        (Some(form), None, None) => {
            let fields = form.iter().map(|(key, value)| Ok((template(key)?, template(value)?)));
            Body::Form(fields.collect::<Result<_, ScriptError>>()?)
        }
        (None, Some(json), None) => Body::Json(shape(json)?),
        (None, None, Some(graphql)) => {
            let variables = graphql.variables.clone().into_iter().collect();
            Body::GraphQl {
                query: graphql.query.clone(),
                variables: shape(&serde_json::Value::Object(variables))?,
            }
        }
        _ => return Err(ScriptError::SeveralBodies { step: name }),
    };
    let method = match (&step.method, &body) {
        (Some(method), _) => {
            Method::from_bytes(method.as_bytes()).map_err(|_| invalid("method", method))?
        }
        (None, Body::None) => Method::GET,
        (None, _) => Method::POST,
    };
    let path = template(&step.path)?;
    if !(step.path.starts_with('/') || step.path.starts_with('{')) {
        return Err(invalid("path", &step.path));
    }
    let expect = expect_of(&name, step.expect, &template, &shape)?;
    let mut captures = Vec::new();
    for (variable, capture) in step.capture {
        if !is_name(&variable) || variable == AT_MS {
            return Err(invalid("name of a variable", &variable));
        }
        captures.push((variable, capture_of(capture, &invalid)?));
    }
    let (places, cancels) = (step.places, step.cancels);
    Ok(Step { name, method, path, headers, body, places, cancels, expect, captures })
}

fn expect_of(
    step: &str,
    written: written::Expect,
    template: &impl Fn(&str) -> Result<Template, ScriptError>,
    shape: &impl Fn(&serde_json::Value) -> Result<Shape, ScriptError>,
) -> Result<Expect, ScriptError> {
    let all = |texts: &[String]| texts.iter().map(|text| template(text)).collect::<Result<_, _>>();
    let json = written.json.into_iter().map(|json| {
        let wanted = match (&json.equals, json.exists) {
            (Some(value), None) => Wanted::Equals(shape(value)?),
            (None, Some(exists)) => Wanted::Exists(exists),
            _ => {
                let pointer = json.pointer;
                return Err(ScriptError::JsonExpectation { step: step.to_owned(), pointer });
            }
        };
        Ok(JsonExpect { pointer: json.pointer, wanted })
    });
    Ok(Expect {
        json: json.collect::<Result<_, _>>()?,
        status: written.status,
        path: written.path.as_deref().map(template).transpose()?,
        contains: all(&written.contains)?,
        lacks: all(&written.lacks)?,
    })
}

fn capture_of(
    written: written::Capture,
    invalid: &impl Fn(&'static str, &str) -> ScriptError,
) -> Result<Capture, ScriptError> {
    Ok(match written {
        written::Capture::Json(pointer) => Capture::Json(pointer),
        written::Capture::Regex(pattern) => {
            let bad = || invalid("pattern with one group", &pattern);
            let builder =
                regex::bytes::RegexBuilder::new(&pattern).size_limit(PATTERN_BYTES).build();
            let regex = builder.ok().filter(|regex| regex.captures_len() == 2);
            Capture::Regex(regex.ok_or_else(bad)?)
        }
        written::Capture::Field(name) => Capture::Field(name),
        written::Capture::Header(name) => {
            let header = HeaderName::try_from(&name);
            Capture::Header(header.map_err(|_| invalid("name of a header", &name))?)
        }
        written::Capture::Cookie(name) => Capture::Cookie(name),
    })
}

fn check_names(steps: &[Step]) -> Result<(), ScriptError> {
    let mut names = BTreeSet::new();
    for step in steps {
        if step.name.is_empty() || !names.insert(&step.name) {
            return Err(ScriptError::StepName { step: step.name.clone() });
        }
    }
    Ok(())
}

fn check_variables(
    steps: &[Step],
    declared: &BTreeMap<String, written::Variable>,
) -> Result<(), ScriptError> {
    let mut known: BTreeSet<&str> = declared.keys().map(String::as_str).chain([AT_MS]).collect();
    for step in steps {
        if let Some(variable) = step.variables().into_iter().find(|name| !known.contains(name)) {
            let (step, variable) = (step.name.clone(), variable.to_owned());
            return Err(ScriptError::UnknownVariable { step, variable });
        }
        known.extend(step.captures.iter().map(|(name, _)| name.as_str()));
    }
    Ok(())
}

fn check_placing(steps: &[Step]) -> Result<(), ScriptError> {
    let places = steps.iter().position(|step| step.places);
    let cancels = steps.iter().position(|step| step.cancels);
    if let Some(cancels) = cancels {
        let is_late = places.is_some_and(|places| places < cancels);
        let other = steps[cancels..].iter().find(|step| !step.cancels || step.places);
        let bad = if is_late { other } else { Some(&steps[cancels]) };
        if let Some(step) = bad {
            return Err(ScriptError::CancelsTooEarly { step: step.name.clone() });
        }
    }
    let Some(places) = places else { return Ok(()) };
    let step = steps[places].name.clone();
    let Some(cancels) = cancels else { return Err(ScriptError::PlacesForGood { step }) };
    let mut captured = steps[places..cancels].iter().flat_map(|step| &step.captures);
    if captured.any(|(name, _)| name == ORDER) {
        return Ok(());
    }
    Err(ScriptError::OrderUnnamed { step })
}

#[cfg(test)]
mod tests;
