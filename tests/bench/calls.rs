//! Calls the library once for each line of standard input, "encode" or "decode": `bindings/python/bench/overhead.py`
//! times these calls alternately with those of the Python package. Arguments: width, height, and a file of RGB samples.

use std::io::{BufRead, Write};

use ansel::{Codec, ImageInfo, Metadata, Planes, Transforms, Verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` appends arguments of its own.
    let arguments: Vec<String> = std::env::args().skip(1).take(3).collect();
    let [width, height, path] = &arguments[..] else { return Err("WIDTH HEIGHT FILE".into()) };
    let samples = std::fs::read(path)?;
    let info = ImageInfo { width: width.parse()?, height: height.parse()?, channels: 3, depth: 8 };
    let planes = Planes::from_interleaved(&samples, info)?;
    let builder = Codec::builder().level("1".parse()?).transforms(Transforms::None).verify(Verify::None);
    let codec = builder.threads(1).build()?;
    let file = codec.compress(&planes, &Metadata::default())?;
    for line in std::io::stdin().lock().lines() {
        match line?.as_str() {
            "encode" => drop(codec.compress(&planes, &Metadata::default())?),
            "decode" => drop(codec.decompress(&file)?),
            other => return Err(format!("{other} is no call").into()),
        }
        println!();
        std::io::stdout().flush()?;
    }
    Ok(())
}
