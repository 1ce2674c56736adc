//! The window's icon: the one that the assembled IDE shows as well, built into the program.

use anyhow::Context;
use tao::window::Icon;

const PNG: &[u8] = include_bytes!("../../../ide/overlay/icons/code-192.png");

pub(crate) fn load() -> anyhow::Result<Icon> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(PNG));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().context("the icon is not a PNG")?;
    let mut pixels = vec![0; reader.output_buffer_size().context("the icon is too large")?];
    let frame = reader.next_frame(&mut pixels).context("the icon is damaged")?;
    pixels.truncate(frame.buffer_size());
    let pixels = match frame.color_type {
        png::ColorType::Rgba => pixels,
        png::ColorType::Rgb => {
            pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], u8::MAX]).collect()
        }
        other => anyhow::bail!("the icon has the color type {other:?}"),
    };
    Icon::from_rgba(pixels, frame.width, frame.height).context("the icon can't be used")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_icon_can_be_decoded() {
        super::load().unwrap();
    }
}
