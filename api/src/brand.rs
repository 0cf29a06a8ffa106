//! How the pages for customers look and speak: as the host application does.

use kernel::config::Environment;

/// The colour of buttons and links unless another is set.
const ACCENT: &str = "#0b6b4f";

/// How the pages for customers present the host application.
#[derive(Clone, Debug)]
pub struct Brand {
    /// `PORTAL_NAME`: what the host application is called; `Purser` unless set.
    pub name: String,
    /// `PORTAL_LOGO_URL`: its logo, a picture at an https address; none unless set.
    pub logo: Option<String>,
    /// `PORTAL_ACCENT_COLOR`: the colour of buttons and links, `#rrggbb`; a green unless set.
    pub accent: String,
    /// `PORTAL_SUPPORT`: where customers get help, an e-mail address or an https address; none unless set.
    pub support: Option<Support>,
    /// `PORTAL_FRAME_ORIGINS`: sites that may show the wallet page in a frame; none unless set.
    pub frame_origins: Vec<String>,
}

/// Where customers get help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// As people read it.
    pub text: String,
    /// What a link to it leads to.
    pub address: String,
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            name: "Purser".to_owned(),
            logo: None,
            accent: ACCENT.to_owned(),
            support: None,
            frame_origins: Vec::new(),
        }
    }
}

impl Brand {
    /// Reads the variables named at the fields.
    pub fn read(environment: &mut Environment) -> Self {
        let logo =
            environment.safe_address("PORTAL_LOGO_URL", "give the https address of a picture, or unset it");
        let support = environment.optional("PORTAL_SUPPORT");
        let frame_origins = environment.origins("PORTAL_FRAME_ORIGINS");
        Self {
            name: environment.optional("PORTAL_NAME").unwrap_or_else(|| Self::default().name),
            logo: logo.map(|url| url.to_string()),
            accent: accent(environment),
            support: support.and_then(|text| checked_support(environment, text)),
            frame_origins,
        }
    }

    /// The site that the logo is on.
    pub fn logo_origin(&self) -> Option<String> {
        let url = url::Url::parse(self.logo.as_deref()?).ok()?;
        Some(url.origin().ascii_serialization())
    }
}

fn accent(environment: &mut Environment) -> String {
    let Some(text) = environment.optional("PORTAL_ACCENT_COLOR") else { return ACCENT.to_owned() };
    let digits = text.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return text.to_ascii_lowercase();
    }
    environment.problem(
        "PORTAL_ACCENT_COLOR",
        "is no colour",
        "give six hexadecimal digits behind a #: #0b6b4f",
    );
    ACCENT.to_owned()
}

fn checked_support(environment: &mut Environment, text: String) -> Option<Support> {
    if text.starts_with("https://") {
        let shown = text.trim_start_matches("https://").trim_end_matches('/').to_owned();
        return Some(Support { text: shown, address: text });
    }
    let is_mail = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if is_mail && !text.contains(char::is_whitespace) {
        return Some(Support { address: format!("mailto:{text}"), text });
    }
    let remedy = "give an e-mail address or an address that starts with https://";
    environment.problem("PORTAL_SUPPORT", "is no address", remedy);
    None
}
