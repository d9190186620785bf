//! Cache keys: `<url>#<namespace>;<METHOD>[;<header>=<value>…]`, and their SHA-256.
//!
//! A request's own fragment is dropped, so only this module writes what follows `#`; each part
//! there is percent-encoded, so that no value contains a separator. No request can forge the key of
//! another. Credentials and cookies are in a key as their SHA-256.

use std::borrow::Cow;
use std::cell::OnceCell;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::http::lines::{FieldState, Fields, MissingFields};
use crate::http::{FieldIndex, Names, normal};

/// Characters that `encodeURIComponent` keeps, so that keys are the same on both sides.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// A SHA-256 of a key or of one of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Number of bytes.
    pub(crate) const BYTES: usize = 32;

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// A digest from its bytes, if there are as many.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<[u8; Digest::BYTES]> for Digest {
    fn from(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// Request fields that select a response, by its own `Vary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selecting {
    /// Names of the fields.
    pub names: Names,
    /// Whether values with the same meaning select the same response (RFC 9111, section 4.1), or
    /// only equal values.
    pub loosely: bool,
}

impl Selecting {
    /// The fields `names` of a response's `Vary`, without those that are in the key of the request
    /// with `fields`. A field of the key that the request lacks is not in the text of the key, so
    /// it has to be compared here.
    pub fn beside(in_key: &Names, fields: Fields<'_>, names: &Names, loosely: bool) -> Self {
        let fields = FieldIndex::new(fields);
        Self {
            names: names.without(&in_key.those(|name| fields.state(name).value().is_some())),
            loosely,
        }
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A cache key.
#[derive(Clone, Debug)]
pub struct Key {
    text: String,
    /// Computed on first use: most lookups use the text.
    digest: OnceCell<Digest>,
}

impl Key {
    /// The key of a request for the canonical `url`, with the selecting header fields `vary`. An
    /// absent field is not in the key; an empty one has an empty value.
    ///
    /// # Errors
    /// [`MissingFields`] if `fields` lacks a field of `vary`.
    pub fn new(
        url: &str,
        namespace: &str,
        method: &str,
        vary: &Names,
        fields: Fields<'_>,
    ) -> Result<Self, MissingFields> {
        let mut text = String::with_capacity(url.len() + namespace.len() + method.len() + 64);
        text.extend([url, "#", namespace, ";"]);
        text.extend(utf8_percent_encode(&upper_case(method), ENCODED));
        if !vary.is_empty() {
            write_selecting(vary, fields, &mut text)?;
        }
        Ok(Self { text, digest: OnceCell::new() })
    }

    /// The key with this text.
    pub(crate) fn known(text: String) -> Self {
        Self { text, digest: OnceCell::new() }
    }

    /// The key as `key()` returns it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of the key.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The SHA-256 of the key.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(&self.text))
    }

    /// The digest of the variant that `vary` and `fields` select (RFC 9111, section 4.1). Without
    /// selecting fields it is the digest of the key.
    ///
    /// # Errors
    /// [`MissingFields`] if `fields` lacks a field of `vary`.
    pub fn variant(&self, vary: &Selecting, fields: Fields<'_>) -> Result<Digest, MissingFields> {
        self.variant_in(vary, &FieldIndex::new(fields))
    }

    /// [`variant`](Self::variant) for a request whose fields are read for several variants.
    ///
    /// # Errors
    /// As for [`variant`](Self::variant).
    pub fn variant_in(
        &self,
        vary: &Selecting,
        fields: &FieldIndex<'_>,
    ) -> Result<Digest, MissingFields> {
        if vary.is_empty() {
            return Ok(self.digest());
        }
        let mut hash = Sha256::new_with_prefix(self.digest().0);
        for (name, value) in selecting(&vary.names, fields) {
            hash.update(name);
            if let Some(value) = value? {
                let value = if vary.loosely { normal(name, value) } else { value.into() };
                hash.update("=");
                utf8_percent_encode(&value, ENCODED).for_each(|piece| hash.update(piece));
            }
            hash.update(";");
        }
        Ok(Digest(hash.finalize().into()))
    }
}

fn upper_case(method: &str) -> Cow<'_, str> {
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        method.to_ascii_uppercase().into()
    } else {
        method.into()
    }
}

/// Writes the selecting fields into a key.
fn write_selecting(
    vary: &Names,
    fields: Fields<'_>,
    text: &mut String,
) -> Result<(), MissingFields> {
    for (name, value) in selecting(vary, &FieldIndex::new(fields)) {
        if let Some(value) = value? {
            text.push(';');
            text.extend(utf8_percent_encode(name, ENCODED));
            text.push('=');
            text.extend(utf8_percent_encode(&shown(name, value), ENCODED));
        }
    }
    Ok(())
}

/// Values of the selecting fields. If one is missing, asks for all of `vary` at once.
fn selecting<'a, 'n>(
    vary: &'n Names,
    fields: &FieldIndex<'a>,
) -> impl Iterator<Item = (&'n str, Result<Option<&'a str>, MissingFields>)> {
    fields.each(vary).map(|(name, state)| {
        let value = if state == FieldState::NotSent {
            Err(MissingFields(vary.clone()))
        } else {
            Ok(state.value())
        };
        (name, value)
    })
}

/// The value of a request field as it appears in keys and explanations: a secret is replaced by `~`
/// and the base64url of its SHA-256. No value can imitate the hash of another, because such a field
/// never shows its own value.
pub(crate) fn shown<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if !matches!(name, "authorization" | "cookie" | "proxy-authorization") {
        return value.into();
    }
    let mut hidden = String::from("~");
    BASE64_URL_SAFE_NO_PAD.encode_string(Sha256::digest(value), &mut hidden);
    hidden.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str, vary: &[&str], fields: &str) -> String {
        Key::new(url, "ns", "get", &Names::new(vary.iter().copied()), Fields::new(fields))
            .unwrap()
            .into_text()
    }

    #[test]
    fn a_key_names_url_namespace_method_and_selecting_fields_in_order() {
        let fields = "accept-language:en-US,en;q=0.9\naccept:a b\n";
        assert_eq!(
            key("https://x.y/?a=1", &["Accept-Language", "accept"], fields),
            "https://x.y/?a=1#ns;GET;accept=a%20b;accept-language=en-US%2Cen%3Bq%3D0.9"
        );
    }

    #[test]
    fn an_absent_and_an_empty_field_give_different_keys() {
        assert_eq!(key("https://x.y/", &["a"], "a\n"), "https://x.y/#ns;GET");
        assert_eq!(key("https://x.y/", &["a"], "a:\n"), "https://x.y/#ns;GET;a=");
    }

    #[test]
    fn secrets_are_in_keys_by_their_hash_alone() {
        const HASH: &str = "~ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        let key = |vary: &str, fields: &str| key("https://x.y/", &[vary], fields);
        for name in ["Authorization", "Cookie", "Proxy-Authorization"] {
            let lower = name.to_ascii_lowercase();
            assert_eq!(
                key(name, &format!("{lower}: abc \n")),
                format!("https://x.y/#ns;GET;{lower}={HASH}")
            );
            assert_ne!(
                key(name, &format!("{lower}:{HASH}\n")),
                key(name, &format!("{lower}:abc\n"))
            );
            assert_eq!(key(name, &format!("{lower}\n")), "https://x.y/#ns;GET");
            assert_ne!(key(name, &format!("{lower}:\n")), "https://x.y/#ns;GET");
        }
        assert_eq!(key("x-a", &format!("x-a:{HASH}\n")), format!("https://x.y/#ns;GET;x-a={HASH}"));
    }

    #[test]
    fn many_selecting_fields_give_the_key_that_each_of_them_alone_adds_to() {
        let names: Vec<String> = (10..40).map(|number| format!("x-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let lines = names.iter().rev().flat_map(|name| [name, ":", name, "\n"]).collect::<String>();
        let parts = names.iter().flat_map(|name| [";", name, "=", name]).collect::<String>();
        assert_eq!(key("https://x.y/", &names, &lines), format!("https://x.y/#ns;GET{parts}"));
        let vary = Names::new(names.iter().copied());
        let asked = Key::new("https://x.y/", "ns", "GET", &vary, Fields::new("x-10:1\n"));
        assert_eq!(asked.unwrap_err(), MissingFields(vary));
    }

    #[test]
    fn a_field_that_was_not_sent_is_asked_for() {
        let vary = Names::new(["a", "b"]);
        let asked = Key::new("https://x.y/", "ns", "GET", &vary, Fields::new("a:1\n"));
        assert_eq!(asked.unwrap_err(), MissingFields(vary));
    }

    #[test]
    fn variants_differ_by_value_absence_and_name() {
        let key =
            Key::new("https://x.y/", "ns", "GET", &Names::default(), Fields::new("")).unwrap();
        let variant = |names: &[&str], fields: &str| {
            let names = Names::new(names.iter().copied());
            key.variant(&Selecting { names, loosely: false }, Fields::new(fields)).unwrap()
        };
        let digests = [
            key.digest(),
            variant(&["a"], "a\n"),
            variant(&["a"], "a:\n"),
            variant(&["a"], "a:1\n"),
            variant(&["b"], "b:1\n"),
            variant(&["a", "b"], "a:1;b=2\nb\n"),
            variant(&["a", "b"], "a:1\nb:2\n"),
        ];
        let loose = |fields: &str| {
            let vary = Selecting { names: Names::new(["accept"]), loosely: true };
            key.variant(&vary, Fields::new(fields)).unwrap()
        };
        assert_eq!(loose("accept:a, b\n"), loose("accept:a ,b\n"));
        assert_ne!(variant(&["accept"], "accept:a, b\n"), variant(&["accept"], "accept:a ,b\n"));
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
