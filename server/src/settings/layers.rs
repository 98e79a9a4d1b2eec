//! Putting settings together layer by layer, remembering where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Shown;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `config/default.toml`.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// The command line.
    Argument,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Environment(name) => formatter.write_str(name),
            Self::Argument => formatter.write_str("command line"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("cannot read the settings in {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no TOML.
    #[error("{from}: {source}")]
    NotToml {
        /// The file.
        from: Source,
        /// Why, with the line.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A key or a section that there is not.
    #[error("{from}: {what}; `entrepot config` lists all settings")]
    Unknown {
        /// Who names it.
        from: Source,
        /// What it names.
        what: String,
    },
    /// A value that does not fit.
    #[error("{from}: {key} {wanted}")]
    Bad {
        /// Who gives it.
        from: Source,
        /// The setting.
        key: String,
        /// What is wrong.
        wanted: String,
    },
}

/// Settings in the making.
pub(super) struct Layers {
    table: Table,
    sources: BTreeMap<String, Source>,
}

impl Layers {
    pub(super) fn defaults(text: &str) -> Result<Self, SettingsError> {
        let table: Table = text
            .parse()
            .map_err(|source| SettingsError::NotToml { from: Source::Default, source: Box::new(source) })?;
        let mut sources = BTreeMap::new();
        for (section, keys) in &table {
            for key in keys.as_table().into_iter().flat_map(Table::keys) {
                sources.insert(format!("{section}.{key}"), Source::Default);
            }
        }
        Ok(Self { table, sources })
    }

    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let from = Source::File(path.to_owned());
        let table: Table =
            text.parse().map_err(|source| SettingsError::NotToml { from: from.clone(), source: Box::new(source) })?;
        for (section, keys) in table {
            let known = self.table.contains_key(&section);
            let Some(keys) = keys.as_table().filter(|_| known) else {
                return Err(SettingsError::Unknown { from, what: format!("{section} is no section") });
            };
            for (key, value) in keys {
                self.set(&format!("{section}.{key}"), value.clone(), from.clone())?;
            }
        }
        Ok(())
    }

    pub(super) fn add_environment(
        &mut self,
        environment: &[(String, String)],
        variables: &[(&str, &str)],
        not_settings: &[&str],
    ) -> Result<(), SettingsError> {
        for (name, text) in environment {
            let from = Source::Environment(name.clone());
            if let Some((_, key)) = variables.iter().find(|(variable, _)| variable == name) {
                self.set_text(key, text, from)?;
            } else if let Some(rest) = name.strip_prefix("ENTREPOT_") {
                if not_settings.contains(&name.as_str()) {
                    continue;
                }
                let rest = rest.to_lowercase();
                let key = self.sources.keys().find(|key| key.replace('.', "_") == rest).cloned();
                let key = key.ok_or_else(|| SettingsError::Unknown {
                    from: from.clone(),
                    what: format!("{name} names no setting"),
                })?;
                self.set_text(&key, text, from)?;
            }
        }
        Ok(())
    }

    /// Sets a value that is written as text, reading it as the type that its default has.
    pub(super) fn set_text(&mut self, key: &str, text: &str, from: Source) -> Result<(), SettingsError> {
        let bad = |wanted: &str| SettingsError::Bad {
            from: from.clone(),
            key: key.to_owned(),
            wanted: format!("must be {wanted}, not {text:?}"),
        };
        let value = match self.get(key) {
            Some(Value::Integer(_)) => Value::Integer(text.trim().parse().map_err(|_| bad("a whole number"))?),
            Some(Value::Boolean(_)) => Value::Boolean(text.trim().parse().map_err(|_| bad("true or false"))?),
            Some(Value::Array(_)) => {
                Value::Array(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
            }
            _ => Value::from(text),
        };
        self.set(key, value, from)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let (section, key) = key.split_once('.')?;
        self.table.get(section)?.get(key)
    }

    fn set(&mut self, key: &str, value: Value, from: Source) -> Result<(), SettingsError> {
        let Some(old) = key.split_once('.').and_then(|(section, key)| self.table.get_mut(section)?.get_mut(key)) else {
            return Err(SettingsError::Unknown { from, what: format!("{key} is no setting") });
        };
        if std::mem::discriminant(old) != std::mem::discriminant(&value) {
            let wanted = match old {
                Value::Integer(_) => "a whole number",
                Value::Boolean(_) => "true or false",
                Value::Array(_) => "a list",
                _ => "a text",
            };
            let wanted = format!("must be {wanted}, not {value}");
            return Err(SettingsError::Bad { from, key: key.to_owned(), wanted });
        }
        *old = value;
        self.sources.insert(key.to_owned(), from);
        Ok(())
    }

    pub(super) fn bad(&self, key: &str, wanted: &str) -> SettingsError {
        let from = self.sources.get(key).cloned().unwrap_or(Source::Default);
        SettingsError::Bad { from, key: key.to_owned(), wanted: wanted.to_owned() }
    }

    /// The settings as a type. What does not fit is found key by key, so that the error can name it.
    pub(super) fn typed<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        let error = match self.table.clone().try_into() {
            Ok(settings) => return Ok(settings),
            Err(error) => error,
        };
        // The library names the key in its message's last line, but not its section: find the key
        // whose default would make the whole fit.
        let defaults = super::DEFAULTS.parse::<Table>().unwrap_or_default();
        for (key, source) in self.sources.iter().filter(|(_, source)| **source != Source::Default) {
            let Some((section, name)) = key.split_once('.') else { continue };
            let mut table = self.table.clone();
            let default = defaults.get(section).and_then(|section| section.get(name)).cloned();
            if let (Some(Value::Table(section)), Some(default)) = (table.get_mut(section), default) {
                section.insert(name.to_owned(), default);
            }
            if table.try_into::<T>().is_ok() {
                let value = self.get(key).map(ToString::to_string).unwrap_or_default();
                return Err(SettingsError::Bad {
                    from: source.clone(),
                    key: key.clone(),
                    wanted: format!("cannot be {value}: {}", error.message()),
                });
            }
        }
        Err(SettingsError::NotToml { from: Source::Default, source: Box::new(error) })
    }

    /// Every setting with its value and source, secrets hidden.
    pub(super) fn shown(&self, secrets: &[&str]) -> Vec<Shown> {
        let shown = self.sources.iter().map(|(key, source)| {
            let value = match self.get(key) {
                Some(Value::String(text)) if secrets.contains(&key.as_str()) => Value::from(hide_password(text)),
                Some(value) => value.clone(),
                None => Value::from(""),
            };
            Shown { key: key.clone(), value: value.to_string(), source: source.clone() }
        });
        shown.collect()
    }
}

/// Replaces the password of an address by stars; a text in another form is hidden whole.
fn hide_password(address: &str) -> String {
    if address.is_empty() {
        return String::new();
    }
    let Some((scheme, rest)) = address.split_once("://") else { return "***".to_owned() };
    // An address may carry a password as a parameter too.
    let (rest, parameters) = rest.split_once('?').map_or((rest, ""), |(rest, parameters)| (rest, parameters));
    let shown = match rest.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
            None => format!("{scheme}://{credentials}@{host}"),
        },
        None => format!("{scheme}://{rest}"),
    };
    let parameters: Vec<&str> = parameters
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| if parameter.starts_with("password=") { "password=***" } else { parameter })
        .collect();
    if parameters.is_empty() { shown } else { format!("{shown}?{}", parameters.join("&")) }
}
