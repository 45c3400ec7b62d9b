//! Images that random words decode to, under each model of the registry: what it believes.
//!
//! ```sh
//! cargo run --release --features bench --example drawn -- FOLDER [SIDE]
//! ```
//!
//! writes `FOLDER/NAME-CONTENT.png` for each, the same in every run. `tests/bench/theory.py` makes one picture of them.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use ansel::{Metadata, models, stages, write_image};
use image::ImageFormat;

/// SplitMix64 (Steele et al. 2014).
fn words(mut state: u64) -> impl Iterator<Item = u32> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a folder to write to")?;
    let side = arguments.next().map_or(Ok(128), |side| side.parse())?;
    for model in models() {
        let planes = stages::drawn(model, side, &mut words(model.id.into()));
        let name = format!("{}-{}.png", model.name, model.content.name().replace(' ', "-"));
        let mut file = File::create(Path::new(&folder).join(&name))?;
        write_image(&planes, &Metadata::default(), ImageFormat::Png, &mut file)?;
        println!("{name}");
    }
    Ok(())
}
