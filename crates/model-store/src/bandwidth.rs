//! Measures how fast this machine reads its memory: a model that writes a token reads all of its
//! weights once, so a model can't write faster than its size divided by this speed.

use std::hint::black_box;
use std::time::Instant;

/// Size of each of the two buffers that are compared: no cache of a machine of this kind holds
/// both.
const BUFFER_BYTES: usize = 64 * 1024 * 1024;
/// Bytes that are compared at once: few enough that the system seldom interrupts meanwhile.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// The best piece of this many passes counts, since other programs use the memory, too.
const PASSES: usize = 3;
/// Threads beyond this many add nothing.
const THREADS_MAX: usize = 8;

/// Bytes a second, over all processors together. Takes some tens of milliseconds and 128 MiB.
#[must_use]
pub fn memory_bytes_per_s() -> f64 {
    // Written to, since the system would not provide memory otherwise.
    let (left, right) = (vec![1_u8; BUFFER_BYTES], vec![1_u8; BUFFER_BYTES]);
    let pieces = || left.chunks(PIECE_BYTES).zip(right.chunks(PIECE_BYTES));
    let passes = (0..PASSES).flat_map(|_| pieces());
    let best = passes.map(|(left, right)| seconds(left, right)).fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a rough figure")]
    let bytes = 2.0 * PIECE_BYTES as f64;
    // A clock that has not moved must not make it infinite.
    bytes / best.max(1e-6)
}

fn seconds(left: &[u8], right: &[u8]) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let part = left.len().div_ceil(threads);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (left, right) in left.chunks(part).zip(right.chunks(part)) {
            // The system's comparison runs at the speed of memory, however this was compiled.
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
