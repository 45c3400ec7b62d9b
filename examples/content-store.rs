//! A store that keeps each image once, named by its pixels, whatever file they came from:
//! `cargo run --release --example content-store -- STORE IMAGE...` puts images in, and prints their names.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use ansel::{Codec, ImageInfo, Metadata, Planes, Rect};
use sha2::{Digest, Sha256};

struct Store {
    folder: PathBuf,
    codec: Codec,
}

impl Store {
    fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), codec: Codec::default() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("ansel")
    }

    /// Stores an image, unless it is stored already; returns its name.
    fn put(&self, planes: &Planes) -> Result<String, Box<dyn Error>> {
        let name = name_of(planes)?;
        let path = self.path(&name);
        if !path.exists() {
            let file = self.codec.compress(planes, &Metadata::default())?;
            let unfinished = self.folder.join(format!("{name}-{}", std::process::id()));
            std::fs::write(&unfinished, file)?;
            std::fs::rename(&unfinished, &path)?;
        }
        Ok(name)
    }

    /// Reads an image, and checks its pixels against its name.
    fn get(&self, name: &str) -> Result<Planes, Box<dyn Error>> {
        let planes = self.codec.decompress(&std::fs::read(self.path(name))?)?.planes;
        if name_of(&planes)? == name { Ok(planes) } else { Err(format!("{name} holds another image").into()) }
    }

    /// Reads a part of an image; of a large image, only the tiles that it needs are read.
    fn region(&self, name: &str, rect: Rect) -> Result<Planes, Box<dyn Error>> {
        let file = BufReader::new(File::open(self.path(name))?);
        Ok(self.codec.open(file)?.region(rect)?)
    }
}

/// The SHA-256 of the shape and the samples.
fn name_of(planes: &Planes) -> ansel::Result<String> {
    let ImageInfo { width, height, channels, depth } = ImageInfo::of(planes);
    let mut digest = Sha256::new_with_prefix(format!("{width} {height} {channels} {depth} "));
    planes.to_interleaved::<u16>()?.iter().for_each(|sample| digest.update(sample.to_le_bytes()));
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    run(&arguments)
}

/// Stores images, and prints their names.
pub fn run(arguments: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let [folder, images @ ..] = arguments else { return Err("usage: content-store STORE IMAGE...".into()) };
    let store = Store::open(folder)?;
    for path in images {
        let image = ansel::read_image(BufReader::new(File::open(path)?), store.codec.limits())?;
        let name = store.put(&image.planes)?;
        assert!(store.get(&name)? == image.planes, "what comes out is what went in");
        let corner = store.region(&name, Rect { x: 0, y: 0, width: 1, height: 1 })?;
        println!("{}  {name}, first pixel {:?}", path.display(), corner.samples().iter().collect::<Vec<_>>());
    }
    Ok(())
}
