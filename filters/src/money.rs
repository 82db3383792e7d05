//! Money in integer pico-dollars, so that the price of one token is exact.

use std::fmt;
use std::ops::Add;

/// Digits after the point of a price in USD per million tokens that make a whole number of pico-dollars a token.
const EXACT_DIGITS: usize = 6;

/// Digits after the point of an amount in dollars that is a whole number of pico-dollars.
const DOLLAR_DIGITS: i64 = 12;

/// Pico-dollars in a dollar.
const PER_DOLLAR: u64 = 1_000_000_000_000;

/// An amount of money: 10^-12 US dollars. One dollar per million tokens is a million of them per token.
/// Holds up to some 18 million dollars; arithmetic stops there instead of wrapping around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoDollars(pub u64);

impl PicoDollars {
    /// Nothing.
    pub const ZERO: PicoDollars = PicoDollars(0);

    /// The price of one token, from a price list's decimal string in USD per million tokens (`"0.01875"`).
    ///
    /// # Errors
    /// When the text is not a plain decimal number (no sign, no exponent), is finer than a pico-dollar a token,
    /// or too large.
    pub fn per_token(usd_per_million: &str) -> Result<PicoDollars, PriceError> {
        let fail = |reason: fn(Box<str>) -> PriceError| reason(usd_per_million.into());
        let (whole, fraction) = match usd_per_million.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(fail(PriceError::NotDecimal)),
            None => (usd_per_million, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(fail(PriceError::NotDecimal));
        }
        if fraction.bytes().skip(EXACT_DIGITS).any(|digit| digit != b'0') {
            return Err(fail(PriceError::TooFine));
        }
        let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(EXACT_DIGITS);
        whole
            .bytes()
            .chain(padded)
            .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .map(PicoDollars)
            .ok_or_else(|| fail(PriceError::TooLarge))
    }

    /// An amount from a JSON number of dollars (`0.000125`, `1.25e-4`), without a float in between. What is finer than a pico-dollar is
    /// rounded up. `None` for what is no such number, is less than nothing, or is too large.
    #[must_use]
    pub fn of_dollars(number: &str) -> Option<PicoDollars> {
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (number, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if whole.is_empty() || !digits().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if digits().all(|digit| digit == b'0') {
            return Some(PicoDollars::ZERO);
        }
        // So many digits, with zeros behind them where there are fewer, are whole pico-dollars.
        let kept = i64::try_from(whole.len()).ok()?.checked_add(i64::from(exponent))?.checked_add(DOLLAR_DIGITS)?;
        let kept = usize::try_from(kept.max(0)).ok()?;
        let finer = digits().skip(kept).any(|digit| digit != b'0');
        // Leading zeros may be many, and what follows the first other digit must fit.
        let zeros = digits().take_while(|digit| *digit == b'0').count();
        let padded = digits().chain(std::iter::repeat(b'0')).skip(zeros).take(kept.saturating_sub(zeros));
        let mut sum = 0_u64;
        for digit in padded {
            sum = sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        sum.checked_add(u64::from(finer)).map(PicoDollars)
    }

    /// The price of this many tokens, when this is the price of one.
    #[must_use]
    pub const fn times(self, tokens: u64) -> PicoDollars {
        PicoDollars(self.0.saturating_mul(tokens))
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for PicoDollars {
    type Output = PicoDollars;

    fn add(self, other: PicoDollars) -> PicoDollars {
        PicoDollars(self.0.saturating_add(other.0))
    }
}

/// Exact dollars with no more digits than it takes: `0.0000125`.
impl fmt::Display for PicoDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / PER_DOLLAR, self.0 % PER_DOLLAR);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:012}").trim_end_matches('0'))
    }
}

/// Why a price could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is not a plain decimal number.
    #[error("`{0}` is not a price: write USD per million tokens as a plain decimal, such as `0.075`")]
    NotDecimal(Box<str>),
    /// It has too many digits after the point.
    #[error("`{0}` is finer than a millionth of a dollar per million tokens")]
    TooFine(Box<str>),
    /// It does not fit.
    #[error("`{0}` is too large for a price")]
    TooLarge(Box<str>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_from_a_json_number_to_the_last_digit() {
        for (number, expected) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0e99999999", Some(0)),
            ("1", Some(PER_DOLLAR)),
            ("0.000125", Some(125_000_000)),
            ("1.25e-4", Some(125_000_000)),
            ("1.25E-04", Some(125_000_000)),
            ("2e+1", Some(20 * PER_DOLLAR)),
            ("0.1", Some(100_000_000_000)),
            ("0.000000000001", Some(1)),
            // Never less than what is charged.
            ("0.0000000000011", Some(2)),
            ("1e-30", Some(1)),
            ("0.00014250000000000002", Some(142_500_001)),
            ("18446744.073709551615", Some(u64::MAX)),
            ("18446744.073709551616", None),
            ("1e2000000000", None),
            ("1e99999999999", None),
            ("-0.1", None),
            (".5", None),
            ("", None),
            ("null", None),
            ("\"0.1\"", None),
        ] {
            assert_eq!(PicoDollars::of_dollars(number).map(|amount| amount.0), expected, "{number}");
        }
        let zeros = format!("0.{}1", "0".repeat(10_000));
        assert_eq!(PicoDollars::of_dollars(&zeros), Some(PicoDollars(1)));
        assert_eq!(PicoDollars::of_dollars(&format!("1{}", "0".repeat(10_000))), None);
    }
}
