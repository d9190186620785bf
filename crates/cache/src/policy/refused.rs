//! Why a response is not stored.

/// Why a response that may be put is not stored. Not an error: the put resolves, and the reason is
/// counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refused {
    /// `no-store` (RFC 9111, section 5.2.2.5).
    NoStore,
    /// `no-cache` without field names (section 5.2.2.4).
    NoCache,
    /// `private` without field names (section 5.2.2.7).
    Private,
    /// A `Set-Cookie` that no `private=Set-Cookie` takes out.
    SetCookie,
    /// A status that is no final, complete answer (1xx, 304), that is about one request alone (412,
    /// 416), or that is not understood where it must be.
    Status,
    /// `text/event-stream`: a body without an end.
    EventStream,
    /// Neither a freshness lifetime nor a stale window is left.
    Expired,
    /// A `Cache-Tag` that cannot be a tag.
    CacheTag,
    /// A `Vary` that cannot be honoured: something in it is no field name, as `*`, or it is longer
    /// than 4 KiB or has more than 128 names.
    Vary,
    /// Body, header fields, key and tags exceed the bound for one entry, or the entry exceeds the
    /// store's.
    TooLarge,
    /// Nobody says how long the response is fresh, and nothing allows to guess (RFC 9111, section
    /// 4.2.2).
    NoFreshness,
    /// The request has `Authorization` and the response does not allow to share what it answers
    /// (section 3.5).
    Authorization,
    /// The request says `no-store` (section 5.2.1.5).
    RequestNoStore,
    /// 206: part of a response is not a response.
    PartialContent,
    /// The caller's own predicate says so.
    ShouldStore,
    /// The bodies in flight take all the memory that they may.
    InFlight,
    /// A response that was made later is stored already.
    Superseded,
    /// The request has cookies, the lifetime is a configured one, and the response does not say
    /// that it may be shared.
    Cookie,
}

impl Refused {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::NoStore,
        Self::NoCache,
        Self::Private,
        Self::SetCookie,
        Self::Status,
        Self::EventStream,
        Self::Expired,
        Self::CacheTag,
        Self::Vary,
        Self::TooLarge,
        Self::NoFreshness,
        Self::Authorization,
        Self::RequestNoStore,
        Self::PartialContent,
        Self::ShouldStore,
        Self::InFlight,
        Self::Superseded,
        Self::Cookie,
    ];

    /// The reason's name in counts and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::NoCache => "no-cache",
            Self::Private => "private",
            Self::SetCookie => "set-cookie",
            Self::Status => "status",
            Self::EventStream => "event-stream",
            Self::Expired => "expired",
            Self::CacheTag => "cache-tag",
            Self::Vary => "vary",
            Self::TooLarge => "too-large",
            Self::NoFreshness => "no-freshness",
            Self::Authorization => "authorization",
            Self::RequestNoStore => "request-no-store",
            Self::PartialContent => "partial-content",
            Self::ShouldStore => "should-store",
            Self::InFlight => "in-flight",
            Self::Superseded => "superseded",
            Self::Cookie => "cookie",
        }
    }
}

/// Why a put is an error of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// 206: part of a response is not a response.
    PartialContent,
    /// `Vary: *`: no request could ever be answered with it (RFC 9111, section 4.1).
    VaryAny,
    /// A method other than GET and HEAD that no covering rule lists.
    Method,
}

impl Rejected {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::PartialContent, Self::VaryAny, Self::Method];

    /// The reason's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartialContent => "partial-content",
            Self::VaryAny => "vary-any",
            Self::Method => "method",
        }
    }
}
