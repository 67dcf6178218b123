//! The picture of a lamp: one SVG drawn from a product's palette and silhouette. Knows no request
//! and no database; the same lamp always gives the same bytes.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::shop::catalogue::{LAMPS, Lamp, Stand};

/// Colours of one picture, all as `#rrggbb`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// The wall behind the lamp, from top to bottom.
    pub(crate) wall: [&'static str; 2],
    /// What the lamp stands on.
    pub(crate) ground: &'static str,
    /// The shade, from its lit side to its dark side.
    pub(crate) shade: [&'static str; 2],
    /// Stem, base and fittings, from light to dark.
    pub(crate) metal: [&'static str; 2],
    /// The light itself.
    pub(crate) glow: &'static str,
}

/// Every picture with the name of its lamp.
pub(crate) fn pictures() -> impl Iterator<Item = (&'static str, String)> {
    LAMPS.iter().map(|lamp| (lamp.slug, draw(lamp)))
}

/// Every picture by the name of its lamp: those of a folder, or drawn.
pub(super) fn pictures_in(folder: Option<&Path>) -> Result<BTreeMap<&'static str, String>> {
    let Some(folder) = folder else { return Ok(pictures().collect()) };
    let read = |lamp: &Lamp| {
        let path = folder.join(format!("{}.svg", lamp.slug));
        let picture = fs::read_to_string(&path);
        Ok((lamp.slug, picture.with_context(|| format!("read the picture {}", path.display()))?))
    };
    LAMPS.iter().map(read).collect()
}

/// Draws on a canvas of 400 by 480; the drawing of a lamp refers to the gradients `shade`, `metal`,
/// `glass`, `beam` and `rise` by name.
fn draw(lamp: &Lamp) -> String {
    let Palette { wall, ground, shade, metal, glow } = lamp.palette;
    let (x, y, radius) = lamp.light;
    let mut svg = String::with_capacity(4096);
    let _infallible = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 480" role="img" aria-label="{name}">
<defs>
<linearGradient id="wall" x1="0" y1="0" x2="0" y2="1"><stop stop-color="{}"/><stop offset="1" stop-color="{}"/></linearGradient>
<linearGradient id="shade" x1="0" y1="0" x2="1" y2=".25"><stop stop-color="{}"/><stop offset="1" stop-color="{}"/></linearGradient>
<linearGradient id="metal" x1="0" y1="0" x2="1" y2="0"><stop stop-color="{}"/><stop offset=".45" stop-color="{}" stop-opacity=".92"/><stop offset="1" stop-color="{}"/></linearGradient>
<radialGradient id="glow"><stop stop-color="{glow}" stop-opacity=".85"/><stop offset=".45" stop-color="{glow}" stop-opacity=".28"/><stop offset="1" stop-color="{glow}" stop-opacity="0"/></radialGradient>
<radialGradient id="glass" cx=".42" cy=".38" r=".75"><stop stop-color="#fffdf6"/><stop offset=".55" stop-color="{glow}"/><stop offset="1" stop-color="{}"/></radialGradient>
<linearGradient id="beam" x1="0" y1="0" x2="0" y2="1"><stop stop-color="{glow}" stop-opacity=".62"/><stop offset="1" stop-color="{glow}" stop-opacity="0"/></linearGradient>
<linearGradient id="rise" x1="0" y1="1" x2="0" y2="0"><stop stop-color="{glow}" stop-opacity=".75"/><stop offset="1" stop-color="{glow}" stop-opacity="0"/></linearGradient>
<radialGradient id="pool"><stop stop-color="{glow}" stop-opacity=".55"/><stop offset="1" stop-color="{glow}" stop-opacity="0"/></radialGradient>
<radialGradient id="shadow"><stop stop-color="#000" stop-opacity=".3"/><stop offset="1" stop-color="#000" stop-opacity="0"/></radialGradient>
</defs>
<rect width="400" height="480" fill="url(#wall)"/>
"##,
        wall[0],
        wall[1],
        shade[0],
        shade[1],
        metal[1],
        metal[0],
        metal[1],
        shade[0],
        name = lamp.name,
    );
    match lamp.stand {
        Stand::Table => ground_at(&mut svg, 396, ground),
        Stand::Floor => ground_at(&mut svg, 424, ground),
        Stand::Hanging | Stand::Wall => {}
    }
    let _infallible = write!(
        svg,
        "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"url(#glow)\"/>\n{}\n</svg>\n",
        lamp.drawing
    );
    svg
}

/// The table or floor from `top` down, with the lamp's shadow and a pool of light on it.
fn ground_at(svg: &mut String, top: u32, colour: &str) {
    let _infallible = write!(
        svg,
        r##"<rect y="{top}" width="400" height="{}" fill="{colour}"/><rect y="{top}" width="400" height="2" fill="#fff" opacity=".28"/>
<ellipse cx="200" cy="{}" rx="170" ry="22" fill="url(#pool)"/><ellipse cx="200" cy="{}" rx="96" ry="9" fill="url(#shadow)"/>
"##,
        480 - top,
        top + 22,
        top + 12,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lamp_has_its_own_picture() {
        let mut pictures: Vec<String> = LAMPS.iter().map(draw).collect();
        assert!(pictures.iter().all(|svg| svg.starts_with("<svg") && svg.ends_with("</svg>\n")));
        pictures.sort();
        pictures.dedup();
        assert_eq!(pictures.len(), LAMPS.len());
        let folder = pictures_in(Some(Path::new("/nowhere"))).unwrap_err();
        assert!(folder.to_string().starts_with("read the picture /nowhere/"), "{folder}");
    }
}
