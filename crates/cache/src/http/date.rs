//! HTTP-date (RFC 9110, section 5.6.7).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::UnixMillis;

/// Seconds since 1970 of an HTTP-date in any of its three forms; `None` for other values and
/// earlier dates. Names of months and the time zone are case-insensitive (RFC 9111, section 4.2);
/// the day of the week is redundant and may be wrong.
pub fn seconds(value: &str) -> Option<i64> {
    let value = value.trim();
    let at = httpdate::parse_http_date(value).ok().or_else(|| leniently(value))?;
    Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs() as i64)
}

fn leniently(value: &str) -> Option<SystemTime> {
    const DAYS: [&str; 7] =
        ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let cased = in_proper_case(value);
    let (given, rest) = cased.split_at(cased.find([',', ' '])?);
    DAYS.iter().find(|day| day.starts_with(given))?;
    DAYS.iter().find_map(|day| {
        let day = day.get(..3).filter(|_| given.len() == 3).unwrap_or(day);
        httpdate::parse_http_date(&format!("{day}{rest}")).ok()
    })
}

fn in_proper_case(value: &str) -> String {
    let mut cased = value.to_ascii_lowercase().replace("gmt", "GMT");
    let mut word = false;
    for at in 0..cased.len() {
        let letter = cased.as_bytes()[at].is_ascii_alphabetic();
        if letter && !word {
            // An ASCII letter is one byte.
            cased[at..=at].make_ascii_uppercase();
        }
        word = letter;
    }
    cased
}

/// The HTTP-date of a time, limited to the years 1970 to 9999.
pub fn http_date(at: UnixMillis) -> String {
    const LAST_SECOND: u64 = 253_402_300_799;
    let seconds = u64::try_from(at.div_euclid(1000)).unwrap_or(0).min(LAST_SECOND);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_nothing_else_is_guessed() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "SUN, 06 nOV 1994 08:49:37 gmt",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "sun nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Monday, 06-Nov-94 08:49:37 GMT",
        ] {
            assert_eq!(seconds(date), Some(784_111_777), "{date}");
        }
        for date in [
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "06 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            ", 06 Nov 1994 08:49:37 GMT",
            "é, 06 Nov 1994 08:49:37 GMT",
            "",
        ] {
            assert_eq!(seconds(date), None, "{date}");
        }
    }

    #[test]
    fn a_time_has_the_date_of_its_second() {
        assert_eq!(http_date(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
