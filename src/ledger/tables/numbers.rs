//! Rows that are lists of numbers: a later release appends to the list, and reads 0 where an older one wrote none.

use ovth_filters::neutral::Usage;

use super::super::Sums;

/// Tokens by kind, in the order of the file.
pub(in crate::ledger) type UsageNumbers = [u64; 10];

/// Sums without those of tokens by kind.
const OWN: usize = 6;

/// Sums, in the order of the file: the tokens by kind are last.
pub(super) type SumsNumbers = [u64; OWN + 10];

pub(super) fn usage_numbers(usage: &Usage) -> UsageNumbers {
    let Usage {
        input,
        cache_read,
        cache_write,
        cache_write_1h,
        output,
        reasoning,
        audio_input,
        audio_output,
        image_output,
        web_searches,
    } = *usage;
    [
        input,
        cache_read,
        cache_write,
        cache_write_1h,
        output,
        reasoning,
        audio_input,
        audio_output,
        image_output,
        web_searches,
    ]
}

pub(super) fn usage_of(numbers: &UsageNumbers) -> Usage {
    let [
        input,
        cache_read,
        cache_write,
        cache_write_1h,
        output,
        reasoning,
        audio_input,
        audio_output,
        image_output,
        web_searches,
    ] = *numbers;
    Usage {
        input,
        cache_read,
        cache_write,
        cache_write_1h,
        output,
        reasoning,
        audio_input,
        audio_output,
        image_output,
        web_searches,
    }
}

pub(super) fn sums_numbers(sums: &Sums) -> SumsNumbers {
    let Sums { requests, errors, usage, charged_tokens, cost, unpriced_requests, duration_ms } = sums;
    let mut numbers = SumsNumbers::default();
    let own = [*requests, *errors, *charged_tokens, cost.0, *unpriced_requests, *duration_ms];
    numbers.iter_mut().zip(own.into_iter().chain(usage_numbers(usage))).for_each(|(to, from)| *to = from);
    numbers
}

pub(super) fn sums_of(numbers: &SumsNumbers) -> Sums {
    let [requests, errors, charged_tokens, cost, unpriced_requests, duration_ms, usage @ ..] = *numbers;
    let cost = ovth_filters::money::PicoDollars(cost);
    Sums { requests, errors, usage: usage_of(&usage), charged_tokens, cost, unpriced_requests, duration_ms }
}

/// Writes numbers, without the zeros at the end.
pub(super) fn write(numbers: &[u64]) -> Vec<u8> {
    let used = numbers.iter().rposition(|&number| number != 0).map_or(0, |last| last + 1);
    let mut row = Vec::with_capacity(4 * numbers.len());
    for &number in numbers.iter().take(used) {
        let mut rest = number;
        while rest >= 0x80 {
            row.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        row.push(rest as u8);
    }
    row
}

/// Reads numbers; those that are not there are 0. `None` when the row is none of ours, or has more than a release knows.
pub(super) fn read<const N: usize>(row: &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut bytes = row.iter();
    let mut places = numbers.iter_mut();
    while !bytes.as_slice().is_empty() {
        let mut number = 0_u64;
        let mut shift = 0;
        loop {
            let byte = u64::from(*bytes.next()?);
            number |= (byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        *places.next()? = number;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_of_an_older_release_have_zeros_where_it_knew_nothing() {
        assert_eq!(read::<3>(&write(&[1, 2])), Some([1, 2, 0]));
        assert_eq!(read::<3>(&[]), Some([0, 0, 0]));
        assert_eq!(write(&[5, 0, 0]), [5]);
    }

    #[test]
    fn rows_that_are_none_are_told() {
        assert_eq!(read::<1>(&write(&[1, 2])), None, "more than is known");
        assert_eq!(read::<1>(&[0x80]), None, "cut short");
        assert_eq!(read::<1>(&[0xff; 12]), None, "too long a number");
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers: SumsNumbers) {
            prop_assert_eq!(read::<{ OWN + 10 }>(&write(&numbers)), Some(numbers));
        }

        #[test]
        fn any_bytes_are_read_without_panic(row: Vec<u8>) {
            read::<{ OWN + 10 }>(&row);
        }

        #[test]
        fn sums_come_back(numbers: SumsNumbers) {
            prop_assert_eq!(sums_numbers(&sums_of(&numbers)), numbers);
        }
    }
}
