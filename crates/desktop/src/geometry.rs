//! Size and place of the windows, kept in a file from one start to the next.

use std::path::{Path, PathBuf};

use localcoder_disk::{Options, read, replace};
use serde::{Deserialize, Serialize};
use tao::dpi::{LogicalPosition, LogicalSize};
use tao::window::{Window, WindowBuilder};

/// A larger file is not ours, which has a handful of numbers.
const BYTES_MAX: u64 = 4096;
/// Size of a first window: room for a side bar, two editors side by side and a terminal.
const WIDTH: f64 = 1280.0;
const HEIGHT: f64 = 820.0;
/// The workbench is not usable in less.
const WIDTH_MIN: f64 = 400.0;
const HEIGHT_MIN: f64 = 300.0;
/// A further window is offset by this much, so that it does not hide the one before.
const STEP: f64 = 32.0;

/// What is kept; in logical pixels, so that it fits on another screen as well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Geometry {
    width: f64,
    height: f64,
    #[serde(default)]
    place: Option<(f64, f64)>,
    #[serde(default)]
    maximized: bool,
    #[serde(default)]
    pub(crate) zoom: i32,
}

impl Default for Geometry {
    fn default() -> Self {
        Self { width: WIDTH, height: HEIGHT, place: None, maximized: false, zoom: 0 }
    }
}

impl Geometry {
    /// Reads what the last window left; a missing or damaged file counts as none.
    pub(crate) fn load(data: &Path) -> Self {
        let read = read(&file(data), BYTES_MAX).ok();
        let kept: Option<Self> = read.and_then(|it| serde_json::from_slice(&it.bytes).ok());
        kept.filter(|kept| kept.width.is_finite() && kept.height.is_finite()).unwrap_or_default()
    }

    pub(crate) fn save(&self, data: &Path) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(self).expect("plain data is always JSON");
        replace(&file(data), &bytes, Options::CACHE)
    }

    /// The current geometry of a window. While it is maximized, full-screen or minimized, its size
    /// and place are not those to return to, so the ones before are kept.
    pub(crate) fn of(window: &Window, before: Self) -> Self {
        if window.is_maximized() || window.fullscreen().is_some() || window.is_minimized() {
            return Self { maximized: window.is_maximized(), ..before };
        }
        let scale = window.scale_factor();
        let size: LogicalSize<f64> = window.inner_size().to_logical(scale);
        // On Wayland no program knows where its windows are.
        let place = window.outer_position().ok().map(|place| {
            let place: LogicalPosition<f64> = place.to_logical(scale);
            (place.x, place.y)
        });
        let (width, height) = (size.width, size.height);
        Self { width, height, place, maximized: false, zoom: before.zoom }
    }

    pub(crate) fn at_place_of(self, other: Self) -> Self {
        Self { place: other.place, ..self }
    }

    /// Applies it to a window that is being built, while `others` are open already. Only the first
    /// window is maximized: a second one would hide it.
    pub(crate) fn apply(&self, builder: WindowBuilder, others: usize) -> WindowBuilder {
        let size = LogicalSize::new(self.width.max(WIDTH_MIN), self.height.max(HEIGHT_MIN));
        let builder = builder
            .with_inner_size(size)
            .with_min_inner_size(LogicalSize::new(WIDTH_MIN, HEIGHT_MIN))
            .with_maximized(self.maximized && others == 0);
        let Some((x, y)) = self.place else { return builder };
        // After eight windows it starts again at the first place, and does not wander off the
        // screen.
        let moved = STEP * u32::try_from(others % 8).map_or(0.0, f64::from);
        // Window managers correct a place off the screen, such as on a monitor that is gone.
        builder.with_position(LogicalPosition::new(x.max(0.0) + moved, y.max(0.0) + moved))
    }
}

fn file(data: &Path) -> PathBuf {
    data.join("geometry.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_a_damaged_file_gives_the_default() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Geometry::load(dir.path()), Geometry::default());
        let kept = Geometry { width: 900.0, place: Some((3.0, 4.0)), ..Geometry::default() };
        kept.save(dir.path()).unwrap();
        assert_eq!(Geometry::load(dir.path()), kept);
        fs_err::write(file(dir.path()), "{\"width\":").unwrap();
        assert_eq!(Geometry::load(dir.path()), Geometry::default());
    }
}
