//! The key: `<url>#<namespace>;<METHOD>[;<header>=<value>…]`, and its SHA-256.
//!
//! A request's own fragment is dropped, so everything behind `#` is written here alone; every part
//! there is percent-encoded, so no value can imitate a separator. No request can spell another's
//! key. Credentials and cookies are in a key by their SHA-256 alone.

use std::borrow::Cow;
use std::cell::OnceCell;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::http::lines::{Fields, Told, Untold};
use crate::http::{FieldIndex, Names, normal};

/// What `encodeURIComponent` leaves as it is, so that keys read the same on both sides.
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

/// A SHA-256, by which a key is known beyond the store and a variant in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// How many bytes it has.
    pub(crate) const BYTES: usize = 32;

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The digest of these bytes, if they are one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<[u8; Digest::BYTES]> for Digest {
    fn from(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// The request fields that select a response, which its own `Vary` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selecting {
    /// Their names.
    pub names: Names,
    /// Whether values that mean the same select the same (RFC 9111, section 4.1), or only the same
    /// to the letter.
    pub loosely: bool,
}

impl Selecting {
    /// The fields `names` of a response's `Vary`, without those that the key of the request with
    /// `fields` has already. A field of the key that the request lacks has no part in its text, so
    /// it has to be told apart here.
    pub fn beside(in_key: &Names, fields: Fields<'_>, names: &Names, loosely: bool) -> Self {
        let fields = FieldIndex::new(fields);
        Self {
            names: names.without(&in_key.those(|name| fields.told(name).value().is_some())),
            loosely,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A cache key.
#[derive(Clone, Debug)]
pub struct Key {
    text: String,
    /// Reckoned when somebody asks for it: most lookups go by the text.
    digest: OnceCell<Digest>,
}

impl Key {
    /// The key of a request for the canonical `url`, under the selecting header fields `vary`.
    /// An absent field has no part in it; an empty one has an empty value.
    ///
    /// # Errors
    /// [`Untold`] where `fields` does not speak of a field in `vary`.
    pub fn new(
        url: &str,
        namespace: &str,
        method: &str,
        vary: &Names,
        fields: Fields<'_>,
    ) -> Result<Self, Untold> {
        let mut text = String::with_capacity(url.len() + namespace.len() + method.len() + 64);
        text.extend([url, "#", namespace, ";"]);
        text.extend(utf8_percent_encode(&upper_case(method), ENCODED));
        if !vary.is_empty() {
            write_selecting(vary, fields, &mut text)?;
        }
        Ok(Self { text, digest: OnceCell::new() })
    }

    /// The key that has this text.
    pub(crate) fn known(text: String) -> Self {
        Self { text, digest: OnceCell::new() }
    }

    /// The key as `key()` returns it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key, for keeping.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Its SHA-256.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(&self.text))
    }

    /// The digest of one variant of this key: of the response that is selected by `vary` (RFC 9111,
    /// section 4.1). Without names it is the key's own.
    ///
    /// # Errors
    /// [`Untold`] where `fields` does not speak of a field in `vary`.
    pub fn variant(&self, vary: &Selecting, fields: Fields<'_>) -> Result<Digest, Untold> {
        self.variant_in(vary, &FieldIndex::new(fields))
    }

    /// The same for a request whose fields are looked up for several variants.
    ///
    /// # Errors
    /// As for [`variant`](Self::variant).
    pub fn variant_in(&self, vary: &Selecting, fields: &FieldIndex<'_>) -> Result<Digest, Untold> {
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

/// Writes the part of a key that the selecting fields make.
fn write_selecting(vary: &Names, fields: Fields<'_>, text: &mut String) -> Result<(), Untold> {
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

/// The values of the selecting fields. Where one is missing, all of `vary` is asked for at once.
fn selecting<'a, 'n>(
    vary: &'n Names,
    fields: &FieldIndex<'a>,
) -> impl Iterator<Item = (&'n str, Result<Option<&'a str>, Untold>)> {
    fields.each(vary).map(|(name, told)| {
        let value = if told == Told::Untold { Err(Untold(vary.clone())) } else { Ok(told.value()) };
        (name, value)
    })
}

/// The value of a request field as keys and explanations show it: that of a field with a secret is
/// replaced by `~` and the base64url of its SHA-256. Such a field never shows its own value, so no
/// value can be taken for the hash of another one.
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
        assert_eq!(asked.unwrap_err(), Untold(vary));
    }

    #[test]
    fn a_field_that_nobody_looked_for_is_asked_back() {
        let vary = Names::new(["a", "b"]);
        let asked = Key::new("https://x.y/", "ns", "GET", &vary, Fields::new("a:1\n"));
        assert_eq!(asked.unwrap_err(), Untold(vary));
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
