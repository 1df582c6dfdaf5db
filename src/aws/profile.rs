//! The profile that the command line runs with, from the files of the AWS CLI (`~/.aws/config`, `~/.aws/credentials`).
//! Functions have none: their environment says all.

use aws_config::SdkConfig;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileRegionProvider, ProfileSet, load};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as Provided, SharedCredentialsProvider, future,
};

use crate::failures::causes;
use crate::image::message::shell_word;

/// The profile of AWS_PROFILE, or `default`.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Its Region; that of the profile whose credentials it uses, if it has none.
    pub region: Option<String>,
    /// Its endpoint for all services.
    pub endpoint_url: Option<String>,
    name: String,
    /// What to do if it gives no credentials; none if there is no such profile and nobody asked for one.
    advice: Option<String>,
    /// Whether its credentials are those of `aws login`.
    has_login: bool,
}

/// The SDK reads these with the feature `credentials-login` of aws-config, which brings a service, elliptic curves and other
/// features of what every client is built on (docs/decisions.md).
const LOGIN_NOT_READ: &str =
    "it signs in with `aws login`, which this program does not read itself";

impl Profile {
    /// Reads it. Files that cannot be read are none: what needs them says so.
    pub async fn read() -> Self {
        let region = ProfileFileRegionProvider::new().region().await;
        let files = Default::default();
        let profiles = load(&Default::default(), &Default::default(), &files, None).await;
        let Ok(profiles) = profiles else {
            return Self::default();
        };
        Self {
            region: region.map(|region| region.to_string()),
            endpoint_url: profiles.get("endpoint_url").map(str::to_owned),
            name: profiles.selected_profile().to_owned(),
            has_login: has_login(&profiles),
            advice: advice(&profiles),
        }
    }

    /// The same configuration; if its credentials cannot be had, the error says what to do about the profile.
    pub(super) fn advise(self, config: SdkConfig) -> SdkConfig {
        match (self.advice, config.credentials_provider()) {
            (Some(advice), Some(chain)) => config
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(Advised {
                    chain,
                    profile: self.name,
                    advice,
                    has_login: self.has_login,
                }))
                .build(),
            _ => config,
        }
    }
}

/// The SDK's chain of credential sources, with what to do if it finds none.
#[derive(Debug)]
struct Advised {
    chain: SharedCredentialsProvider,
    profile: String,
    advice: String,
    has_login: bool,
}

impl ProvideCredentials for Advised {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let provided: Provided = self.chain.provide_credentials().await;
            provided.map_err(|error| {
                // Before the last cause there are layers of the SDK that say "an error occurred".
                let why = match self.has_login {
                    true => Some(LOGIN_NOT_READ.to_owned()),
                    false => causes(&error).last().map(ToString::to_string),
                };
                CredentialsError::provider_error(NoCredentials {
                    profile: self.profile.clone(),
                    why: why.unwrap_or_else(|| error.to_string()),
                    advice: self.advice.clone(),
                })
            })
        })
    }
}

/// The profile gives no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile {profile} gives no credentials: {why}")]
pub(super) struct NoCredentials {
    profile: String,
    why: String,
    /// What to do about it.
    pub(super) advice: String,
}

/// The profiles whose credentials the selected one uses, beginning with itself: each may name another (`source_profile`).
/// The last is the first that does not, or a name that there is no profile of.
fn chain(profiles: &ProfileSet) -> Vec<&str> {
    let mut names = vec![profiles.selected_profile()];
    while let Some(source) = names
        .last()
        .and_then(|name| profiles.get_profile(name))
        .and_then(|profile| profile.get("source_profile"))
        .filter(|source| !names.contains(source))
    {
        names.push(source);
    }
    names
}

/// Whether the credentials are those of `aws login`.
fn has_login(profiles: &ProfileSet) -> bool {
    let mut chain = chain(profiles).into_iter();
    chain.any(|name| {
        let profile = profiles.get_profile(name);
        profile.is_some_and(|profile| profile.get("login_session").is_some())
    })
}

/// What to do if the selected profile gives no credentials.
fn advice(profiles: &ProfileSet) -> Option<String> {
    let mut before = None;
    for name in chain(profiles) {
        let Some(profile) = profiles.get_profile(name) else {
            return missing(name, before);
        };
        let has = |property| profile.get(property).is_some();
        if has("sso_session") || has("sso_start_url") {
            return Some(login("aws sso login", name, cfg!(feature = "credentials")));
        }
        if has("login_session") {
            return Some(login("aws login", name, false));
        }
        if has("credential_process") {
            return Some(match cfg!(feature = "credentials") {
                true => format!(
                    "check the command `credential_process` of the profile {name}: run by itself, it has to print credentials"
                ),
                false => export(name),
            });
        }
        before = Some(name);
    }
    before.map(|name| format!("check the profile {name} in ~/.aws/config"))
}

fn missing(name: &str, of: Option<&str>) -> Option<String> {
    match of {
        Some(of) => Some(format!(
            "the profile {of} names a source_profile {name} that does not exist"
        )),
        // Nobody asked for it.
        None if name == "default" => None,
        None => Some(format!(
            "there is no profile {name}: `aws configure list-profiles` lists those that there are"
        )),
    }
}

/// What logs in, and what hands the credentials over where they are not read from the profile itself.
fn login(command: &str, profile: &str, is_read: bool) -> String {
    let login = format!("log in: {command} --profile {}", shell_word(profile));
    match is_read {
        true => login,
        false => format!("{login}, then: {}", export(profile)),
    }
}

fn export(profile: &str) -> String {
    let profile = shell_word(profile);
    format!("eval \"$(aws configure export-credentials --profile {profile} --format env)\"")
}
