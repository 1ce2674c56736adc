//! How fast this machine reads its memory, measured: a model that writes a token reads all of its
//! weights once, so no model of a length in bytes writes faster than that.

use std::hint::black_box;
use std::time::Instant;

/// Of each of the two that are compared: no cache that a machine of this kind has holds both.
const BUFFER_BYTES: usize = 64 * 1024 * 1024;
/// Compared at once: so little that the system seldom takes the processors away meanwhile.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// The best piece of this many passes counts: others use the memory, too.
const PASSES: usize = 3;
/// Threads beyond this many add nothing.
const THREADS_MAX: usize = 8;

/// Bytes a second, over all processors together. Takes some tens of milliseconds and 128 MiB.
#[must_use]
pub fn memory_bytes_per_s() -> f64 {
    // Written to, or there would be no memory behind it.
    let (left, right) = (vec![1_u8; BUFFER_BYTES], vec![1_u8; BUFFER_BYTES]);
    let pieces = || left.chunks(PIECE_BYTES).zip(right.chunks(PIECE_BYTES));
    let passes = (0..PASSES).flat_map(|_| pieces());
    let best = passes.map(|(left, right)| seconds(left, right)).fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a rough figure")]
    let bytes = 2.0 * PIECE_BYTES as f64;
    bytes / best.max(1e-6)
}

/// How long it takes to compare the two.
fn seconds(left: &[u8], right: &[u8]) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let part = left.len().div_ceil(threads);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (left, right) in left.chunks(part).zip(right.chunks(part)) {
            // The system's comparison is as fast as memory is, however this was compiled.
            scope.spawn(move || black_box(black_box(left) == black_box(right)));
        }
    });
    begun.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_speed_that_memory_has() {
        let speed = memory_bytes_per_s();
        assert!((1e8..1e13).contains(&speed), "{speed}");
    }
}
