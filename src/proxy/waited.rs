//! Tells the time that is spent waiting for others from the gateway's own.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use futures::poll;
use tokio::time::{Duration, Instant};

/// Waits for `work`, and adds to `waited` how long it was not ready. What is ready at once costs no look at the clock.
pub(super) async fn timed<F: Future>(waited: &mut Duration, work: F) -> F::Output {
    let mut work = pin!(work);
    if let Poll::Ready(output) = poll!(work.as_mut()) {
        return output;
    }
    let began = Instant::now();
    let output = work.await;
    *waited += began.elapsed();
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_not_ready_is_waited_for() {
        let mut waited = Duration::ZERO;
        assert_eq!(timed(&mut waited, async { 1 }).await, 1);
        assert_eq!(waited, Duration::ZERO);
        for _ in 0..2 {
            timed(&mut waited, tokio::time::sleep(Duration::from_millis(40))).await;
        }
        assert!((80..90).contains(&waited.as_millis()), "{waited:?}");
    }
}
