//! Intended differences to `http-cache-semantics` 3, each with its reason.

use super::Aspect::{self, Age, Reuse, Stored, TimeToLive, Validators};
use super::exchange::{Directive, Exchange, Message};
use super::{NOW, Ours};
use crate::http::{date_seconds, normal};
use crate::policy;

pub struct Difference {
    pub section: &'static str,
    /// Here, and there.
    pub what: &'static str,
    /// On what the two may differ.
    pub aspects: &'static [Aspect],
    pub applies: fn(&Exchange, &Ours) -> bool,
}

const FRESHNESS: &[Aspect] = &[Stored, TimeToLive, Reuse];
const TIMES: &[Aspect] = &[Stored, TimeToLive, Age, Reuse];

/// Statuses that are stored by the oracle. RFC 7234 requires a status to be understood, RFC 9111
/// only for 206 and 304.
const KNOWN_THERE: [u16; 14] =
    [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501];

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        section: "9111 3",
        what: "any final status is stored where the response says how long; there, of a list",
        aspects: &[Stored],
        applies: |exchange, _| !KNOWN_THERE.contains(&exchange.status),
    },
    Difference {
        section: "9111 5.2.2.3",
        what: "must-understand counts before no-store; there it is not known",
        aspects: &[Stored],
        applies: |Exchange { response, .. }, _| {
            response.says("must-understand") && response.says("no-store")
        },
    },
    Difference {
        section: "9111 5.2.2.7",
        what: "private with field names leaves these out; there it is private",
        aspects: &[Stored],
        applies: |Exchange { response, .. }, _| response.says_some("private"),
    },
    Difference {
        section: "9111 5.2.2.4",
        what: "no-cache with field names leaves these out; there it is no-cache",
        aspects: &[TimeToLive, Reuse, Validators],
        applies: |Exchange { response, .. }, _| response.says_some("no-cache"),
    },
    Difference {
        section: "9213 2.2",
        what: "CDN-Cache-Control counts before Cache-Control and Expires; there it is not known",
        aspects: FRESHNESS,
        applies: |Exchange { response, .. }, _| {
            response
                .other("cdn-cache-control")
                .is_some_and(|value| ["max-age=20", "no-store", "none"].contains(&value))
        },
    },
    Difference {
        section: "9111 7.3 (ours)",
        what: "what sets a cookie is not shared; there it is, with public or immutable",
        aspects: &[Stored],
        applies: |Exchange { response, .. }, _| response.other("set-cookie").is_some(),
    },
    Difference {
        section: "9111 3.3 (ours)",
        what: "a stream of events is not stored; there it is, like any other",
        aspects: &[Stored],
        applies: |Exchange { response, .. }, _| {
            response.other("content-type") == Some("text/event-stream")
        },
    },
    Difference {
        section: "9111 5.2",
        what: "directives have no case; there they are known in lower case alone",
        aspects: &[Stored, TimeToLive, Reuse, Validators],
        applies: |exchange, _| {
            let upper = |directive: &Directive| {
                directive.name.contains(|letter: char| letter.is_ascii_uppercase())
            };
            messages(exchange).iter().any(|message| message.directives().iter().any(upper))
        },
    },
    Difference {
        section: "9110 5.6.4",
        what: "a comma in a quoted string separates nothing; there it does",
        aspects: FRESHNESS,
        applies: |exchange, _| {
            let quoted = |directive: &Directive| {
                directive.argument.as_deref().is_some_and(|text| text.contains(','))
            };
            messages(exchange).iter().any(|message| message.directives().iter().any(quoted))
        },
    },
    Difference {
        section: "9111 4.2.1",
        what: "of a repeated directive the first counts; there with must-revalidate beside it",
        aspects: &[Stored, Reuse],
        applies: |Exchange { response, .. }, _| repeats(response),
    },
    Difference {
        section: "9111 4.2.1",
        what: "a lifetime without an argument is 0; there it is passed over",
        aspects: FRESHNESS,
        applies: |Exchange { response, .. }, _| {
            response.says_all("max-age") || response.says_all("s-maxage")
        },
    },
    Difference {
        section: "9111 1.2.2",
        what: "seconds are digits; there behind a plus, or one quote, as well",
        aspects: FRESHNESS,
        applies: |Exchange { response, .. }, _| {
            has_argument(response, |text| text == "+60" || text == "\"60")
        },
    },
    Difference {
        section: "9111 1.2.2",
        what: "more seconds than 2^31 - 1 are as many; there they are more, or none",
        aspects: &[TimeToLive, Reuse],
        applies: |Exchange { response, .. }, _| {
            let too_many = |directive: &Directive| {
                directive.seconds().is_some_and(|many| many > i32::MAX as u128)
            };
            response.directives().iter().any(too_many)
        },
    },
    Difference {
        section: "9111 5.2.2.8",
        what: "proxy-revalidate forbids to serve stale; there it makes stale",
        aspects: &[TimeToLive, Reuse],
        applies: |Exchange { response, .. }, _| response.says("proxy-revalidate"),
    },
    Difference {
        section: "9111 4.2.3",
        what: "the time since Date, and that of the exchange, count; there only Age does",
        aspects: TIMES,
        applies: |Exchange { response, delay, .. }, _| {
            let age = response.other("age").and_then(|age| age.parse().ok()).unwrap_or(0).max(0);
            let date = response.other("date").and_then(date_seconds);
            *delay > 0 || date.is_some_and(|date| NOW / 1000 - date > age)
        },
    },
    Difference {
        section: "9111 5.1",
        what: "of several ages the first counts, and a plus makes none; there it is the reverse",
        aspects: TIMES,
        applies: |Exchange { response, .. }, _| {
            response.other("age").is_some_and(|age| ["5, 9", "+5", "99999999999"].contains(&age))
        },
    },
    Difference {
        section: "9110 5.6.7",
        what: "a date has three forms, and its zone is GMT; there it has that of e-mail",
        aspects: FRESHNESS,
        applies: |Exchange { response, .. }, _| {
            let odd = |name| {
                response
                    .other(name)
                    .is_some_and(|date| date.contains(':') && !date.ends_with(" GMT"))
            };
            ["date", "expires", "last-modified"].into_iter().any(odd)
        },
    },
    Difference {
        section: "9111 4.2.2 (ours)",
        what: "freshness is guessed as a day at most; there as any time",
        aspects: &[TimeToLive, Reuse],
        applies: |_, ours| {
            ours.decision.as_ref().is_ok_and(|known| known.times.lifetime == 86_400_000)
        },
    },
    Difference {
        section: "8246 2",
        what: "immutable says nothing on how long; there it means a day",
        aspects: FRESHNESS,
        applies: |Exchange { response, .. }, _| {
            response.says("immutable") && !response.says("max-age") && !response.says("s-maxage")
        },
    },
    Difference {
        section: "9111 5.4",
        what: "Pragma means nothing in a response; there it is no-cache by itself",
        aspects: &[TimeToLive, Reuse],
        applies: |Exchange { response, .. }, _| {
            response.other("pragma") == Some("no-cache") && response.cache_control.is_none()
        },
    },
    Difference {
        section: "9111 5.4",
        what: "Pragma does not count beside Cache-Control, nor in part; there it does",
        aspects: &[Reuse],
        applies: |Exchange { later, .. }, _| {
            let pragma = later.other("pragma");
            pragma == Some("x-no-cache")
                || pragma == Some("no-cache") && later.cache_control.is_some()
        },
    },
    Difference {
        section: "9111 5.2.1.1 (ours)",
        what: "max-age=0 wants a new response; there one of this moment will do",
        aspects: &[Reuse],
        applies: |Exchange { later, .. }, ours| {
            let asked =
                later.directive("max-age").is_some_and(|directive| directive.seconds() == Some(0));
            asked && ours.decision.as_ref().is_ok_and(|known| known.times.age(NOW) == 0)
        },
    },
    Difference {
        section: "9111 4.2.1 (ours)",
        what: "seconds of a request that are none are 0; there they are passed over",
        aspects: &[Reuse],
        applies: |Exchange { later, .. }, _| {
            later.directives().iter().any(|directive| {
                let any = directive.is("max-stale") && directive.argument.is_none();
                let seconds = directive.seconds().is_some_and(|many| many <= i32::MAX as u128);
                directive.takes_seconds() && !seconds && !any
            })
        },
    },
    Difference {
        section: "9111 5.2.1.2",
        what: "max-stale takes what is stale for exactly so long; there it has to be less",
        aspects: &[Reuse],
        applies: |Exchange { later, after, .. }, ours| {
            let staleness = ours.decision.as_ref().ok().map(|known| {
                let times = known.times;
                (times.age(NOW + after * 1000) - times.lifetime) / 1000
            });
            let asked = later.directive("max-stale").and_then(Directive::seconds);
            asked.is_some() && asked == staleness.and_then(|seconds| u128::try_from(seconds).ok())
        },
    },
    Difference {
        section: "9111 4.2.4",
        what: "s-maxage and no-cache forbid to serve stale; there max-stale has it served",
        aspects: &[Reuse],
        applies: |Exchange { response, later, .. }, _| {
            later.says("max-stale") && (response.says("s-maxage") || response.says("no-cache"))
        },
    },
    Difference {
        section: "9111 5.2.1.3",
        what: "what is stale is not fresh for 0 seconds either; there max-stale makes it so",
        aspects: &[Reuse],
        applies: |Exchange { later, .. }, _| later.says("max-stale") && later.says("min-fresh"),
    },
    Difference {
        section: "5861 3",
        what: "stale-while-revalidate has it served; there it is not known",
        aspects: &[Reuse],
        applies: |_, ours| ours.reuse == Some(policy::Reuse::ServeAndRefresh),
    },
    Difference {
        section: "9111 4.1",
        what: "values that mean the same select the same; there only the same to the letter",
        aspects: &[Reuse],
        applies: |Exchange { request, later, .. }, _| {
            let languages = |message: &Message| {
                let value = message.other("accept-language").map(ToOwned::to_owned);
                (value.as_deref().map(|value| normal("accept-language", value).into_owned()), value)
            };
            let ((first, exactly), (second, as_exactly)) = (languages(request), languages(later));
            first == second && exactly != as_exactly
        },
    },
];

fn messages(exchange: &Exchange) -> [&Message; 3] {
    [&exchange.request, &exchange.response, &exchange.later]
}

fn has_argument(message: &Message, holds: impl Fn(&str) -> bool) -> bool {
    message.directives().iter().any(|directive| directive.argument.as_deref().is_some_and(&holds))
}

/// Whether it has a directive twice, with other arguments or with quotes, which there are compared
/// with what was in others.
fn repeats(message: &Message) -> bool {
    let directives = message.directives();
    directives.iter().enumerate().any(|(at, directive)| {
        directives[at + 1..].iter().any(|other| {
            let quoted = other.argument.as_deref().is_some_and(|argument| argument.contains('"'));
            other.is(&directive.name) && (quoted || other.argument != directive.argument)
        })
    })
}
