//! Who may see the pages: whoever has the address that was printed.

use crate::cli::error::Error;
use crate::manifest::sha256_hex;

/// Bytes of a token: as many as nobody guesses.
const TOKEN_BYTES: usize = 32;

/// A console's secret, and the names by which it may be called.
#[derive(Debug)]
pub(super) struct Session {
    token: String,
    port: u16,
}

impl Session {
    /// One with a new token, on this port.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn new(port: u16) -> Result<Self, Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::new(format!("cannot make a token: {error}")))?;
        let token = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { token, port })
    }

    /// The address that lets its reader in.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// Whether this is how a browser on this machine calls it. A page of another name that was made to lead to this machine
    /// (DNS rebinding) is called by its own.
    pub(super) fn is_host(&self, host: &str) -> bool {
        let port = self.port;
        ["127.0.0.1", "localhost"]
            .iter()
            .any(|name| host == format!("{name}:{port}"))
    }

    /// Whether pages of this origin are its own.
    pub(super) fn is_origin(&self, origin: &str, host: &str) -> bool {
        origin.strip_prefix("http://") == Some(host) && self.is_host(host)
    }

    /// Whether this is the token. Digests are compared: how long that takes tells nothing of the token.
    pub(super) fn is_token(&self, given: &str) -> bool {
        sha256_hex(given.as_bytes()) == sha256_hex(self.token.as_bytes())
    }

    /// Name of the cookie: cookies do not know ports, and another console on this machine has its own.
    fn cookie_name(&self) -> String {
        format!("amiwright-{}", self.port)
    }

    /// The cookie that stands for the token.
    pub(super) fn cookie(&self) -> String {
        let (name, token) = (self.cookie_name(), &self.token);
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict")
    }

    /// Whether a request with these cookies comes from who has the token.
    pub(super) fn is_in(&self, cookies: &str) -> bool {
        let name = self.cookie_name();
        let values = cookies
            .split(';')
            .filter_map(|it| it.trim().split_once('='));
        let mut tokens = values.filter(|(known, _)| *known == name);
        tokens.any(|(_, token)| self.is_token(token))
    }

    /// What forms send, so that a page which cannot read ours cannot post to it.
    pub(super) fn csrf(&self) -> String {
        sha256_hex(format!("form {}", self.token).as_bytes())
    }

    /// Whether this is what our forms send.
    pub(super) fn is_csrf(&self, given: &str) -> bool {
        sha256_hex(given.as_bytes()) == sha256_hex(self.csrf().as_bytes())
    }
}
