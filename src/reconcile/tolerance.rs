//! How far two figures may be apart and still agree.

use std::fmt;
use std::str::FromStr;

/// Digits after the point of a percentage that are told apart.
const DIGITS: usize = 4;

/// A whole, in the unit of [`Tolerance`].
const WHOLE: u128 = 100 * 10_u128.pow(DIGITS as u32);

/// A share of the larger figure, in millionths. Written as a percentage: `0.5%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance(u64);

impl Tolerance {
    /// Whether the two are no further apart than that.
    #[must_use]
    pub fn covers(self, one: u64, other: u64) -> bool {
        u128::from(one.abs_diff(other)) * WHOLE <= u128::from(one.max(other)) * u128::from(self.0)
    }
}

/// Why a text is no tolerance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a percentage from 0 to 100 with up to {DIGITS} digits after the point, such as `0.5%`")]
pub struct ToleranceError;

impl FromStr for Tolerance {
    type Err = ToleranceError;

    fn from_str(text: &str) -> Result<Tolerance, ToleranceError> {
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
            return Err(ToleranceError);
        }
        let millionths: u64 = format!("{whole}{fraction:0<DIGITS$}").parse().map_err(|_| ToleranceError)?;
        if u128::from(millionths) > WHOLE { Err(ToleranceError) } else { Ok(Tolerance(millionths)) }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(DIGITS as u32);
        let (whole, fraction) = (self.0 / scale, self.0 % scale);
        let fraction = format!("{fraction:0DIGITS$}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            digits => write!(f, "{whole}.{digits}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_and_written() {
        for (text, shown) in
            [("0.5%", "0.5%"), ("0", "0%"), ("1", "1%"), ("2.50 %", "2.5%"), ("100%", "100%"), ("0.0001%", "0.0001%")]
        {
            assert_eq!(text.parse::<Tolerance>().map(|read| read.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["", "%", "-1", "100.1", ".5", "5.", "0.00001", "1e2", "half", "99999999999999999999"] {
            assert_eq!(text.parse::<Tolerance>(), Err(ToleranceError), "{text}");
        }
    }

    #[test]
    fn a_share_of_the_larger_figure_is_tolerated() {
        let half = "0.5%".parse().unwrap_or_default();
        let covers = |one, other| Tolerance::covers(half, one, other) && Tolerance::covers(half, other, one);
        assert!(covers(1000, 995));
        assert!(!covers(1000, 994));
        assert!(covers(0, 0));
        assert!(!covers(0, 1));
        assert!(covers(u64::MAX, u64::MAX - 1));
        let exact = Tolerance::default();
        assert!(exact.covers(7, 7) && !exact.covers(u64::MAX, u64::MAX - 1));
    }
}
