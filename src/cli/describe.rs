//! Descriptions of files and models, in lines and in JSON.

use ansel::{Band, BoundTerms, FileInfo, ImageInfo, JpegInfo, MetadataBlock, PartSummary, RegisteredModel};
use serde_json::{Value, json};

use super::digest::hex;
use super::failure::Result;
use super::jobs::Job;
use super::place::Place;
use super::report::{Reporter, count};

/// Bits per sample (bits per sub-pixel) of a whole file.
pub fn bpsp(bytes: u64, samples: u64) -> f64 {
    8.0 * bytes as f64 / samples as f64
}

/// Reports that a file was compressed or decompressed.
pub fn done(reporter: &Reporter, job: &Job, info: ImageInfo, more: &str, more_json: Value) -> Result<()> {
    let Job { input, target, .. } = job;
    let ImageInfo { width, height, channels, depth } = info;
    let value = || {
        let mut value = more_json;
        input.put(&mut value, "input");
        target.put(&mut value, "output");
        for (key, number) in [("width", width), ("height", height), ("channels", channels as u32), ("depth", depth)] {
            value[key] = number.into();
        }
        value
    };
    let bits = count(depth, "bit");
    reporter.status(|| format!("{input} -> {target}  {width} x {height} x {channels}, {bits}{more}"), value)
}

/// The coder of a part, with its model.
fn coder(part: &PartSummary) -> String {
    let Some((id, digest)) = part.model else { return part.coder.to_owned() };
    let digest = hex(&digest);
    let change = match adaptation(part) {
        "none" => String::new(),
        adaptation => format!(", {adaptation}"),
    };
    match ansel::models().iter().find(|model| model.id == id && model.digest().starts_with(&digest)) {
        Some(model) => {
            let passes = model.family.passes().map(|passes| format!(", {passes} network passes for any image size"));
            let more = passes.unwrap_or_default() + &change;
            format!("model {} {} ({digest}){more}", model.name, model.content_name())
        }
        None => format!("a model not carried by this program (id {id}, {digest}){change}"),
    }
}

/// The coder of a part in few words: the model and its content, or the method.
pub fn coder_name(part: &PartSummary) -> String {
    let Some((id, digest)) = part.model else { return part.coder.to_owned() };
    let is_it = |model: &&RegisteredModel| model.id == id && model.digest().starts_with(&hex(&digest));
    let name = ansel::models().iter().find(is_it).map(|model| format!("{} {}", model.name, model.content_name()));
    let name = name.unwrap_or_else(|| format!("a model of its own ({})", hex(&digest)));
    match adaptation(part) {
        "none" => name,
        adaptation => format!("{name}, {adaptation}"),
    }
}

/// How the networks of a part are fitted to the image.
fn adaptation(part: &PartSummary) -> &'static str {
    match (part.learning, part.offsets) {
        (true, _) => "learning",
        (_, true) => "bias offsets",
        _ => "none",
    }
}

/// The number of tiles in all bands.
pub fn tiles(info: &FileInfo) -> u64 {
    info.bands.iter().map(|band| band.tiles() as u64).sum()
}

fn stream_bytes(info: &FileInfo) -> u64 {
    info.bands.iter().map(Band::stream_bytes).sum()
}

/// The ideal code length in bits, and the part of it that has terms of a bound.
pub type Bits = (f64, Option<BoundTerms>);

/// The terms of a bound that are not zero, with their names.
fn terms(bound: &BoundTerms) -> impl Iterator<Item = (&'static str, f64)> {
    let &BoundTerms { reconstruction, base, volume, posterior, dequantization, primer, .. } = bound;
    let all = [
        ("reconstruction", reconstruction),
        ("base", base),
        ("log-determinant", volume),
        ("posterior", posterior),
        ("dequantization", dequantization),
        ("primer", primer),
    ];
    all.into_iter().filter(|&(_, bits)| bits != 0.0)
}

/// The description of a file, with its bits if it was decoded.
pub fn info(file: &Place, info: &FileInfo, bits: Option<Bits>) -> String {
    let header = &info.header;
    let (channels, depth) = (count(header.channels() as u64, "channel"), count(header.depth(), "bit"));
    let mut lines = vec![
        format!("file        {file}, format version {}", header.version()),
        format!("image       {} x {} pixels", header.width(), header.height()),
        format!("samples     {channels} of {depth}"),
    ];
    for (index, band) in info.bands.iter().enumerate() {
        let (width, height) = band.tile_size();
        let tiles = count(band.tiles() as u64, "tile");
        lines.push(format!("band {index:<6} {tiles} of up to {width} x {height} pixels"));
        for part in band.parts() {
            let transforms: String = part.transforms.iter().map(|transform| format!("{transform}, ")).collect();
            let channels = count(part.channels as u64, "channel");
            lines.push(format!("  part      {channels}: {transforms}{}", coder(&part)));
        }
    }
    lines.extend(info.metadata.blocks().iter().map(|block| format!("metadata    {}", block.describe())));
    let (metadata, streams) = (header.metadata_bytes(), stream_bytes(info));
    let size = count(info.bytes, "byte");
    lines.push(format!("size        {size}, {:.4} bpsp", bpsp(info.bytes, header.samples())));
    for (name, bytes) in [("tables", info.bytes - metadata - streams), ("metadata", metadata), ("streams", streams)] {
        lines.push(format!("  {name:<8}  {}", count(bytes, "byte")));
    }
    if let Some((bits, bound)) = bits {
        let ideal = bits / 8.0;
        let over = 100.0 * (info.bytes as f64 / ideal - 1.0);
        let over = if ideal > 0.0 { format!("; the file is {over:.4} % larger") } else { String::new() };
        lines.push(format!("ideal       {ideal:.1} bytes under the models{over}"));
        let line = |name: &str, bits: f64| {
            format!("  {name:<16}{:.1} bytes, {:.4} bpsp", bits / 8.0, bits / header.samples() as f64)
        };
        lines.extend(bound.iter().flat_map(terms).map(|(name, bits)| line(name, bits)));
        for bound in bound.iter().filter(|bound| bound.posterior != 0.0) {
            lines.push(line("KL", bound.divergence()) + ": base, log-determinant and posterior together");
        }
    }
    lines.join("\n")
}

pub fn info_json(file: &Place, info: &FileInfo, bits: Option<Bits>) -> Value {
    let header = &info.header;
    let part = |part: &PartSummary| {
        let passes = |id| ansel::models().iter().find(|model| model.id == id).and_then(|model| model.family.passes());
        let model = part.model.map(|(id, digest)| json!({ "id": id, "digest": hex(&digest), "passes": passes(id) }));
        json!({
            "channels": part.channels, "transforms": part.transforms, "coder": part.coder, "model": model,
            "adaptation": adaptation(part),
        })
    };
    let band = |band: &Band| {
        json!({
            "tiles": band.tiles(),
            "tile_size": band.tile_size(),
            "parts": band.parts().iter().map(part).collect::<Vec<_>>(),
            "stream_bytes": band.stream_bytes(),
        })
    };
    let block = |block: &MetadataBlock| json!({ "kind": block.kind.name(), "bytes": block.bytes.len(), "description": block.describe() });
    let mut value = json!({
        "version": header.version(),
        "width": header.width(),
        "height": header.height(),
        "channels": header.channels(),
        "depth": header.depth(),
        "bands": info.bands.iter().map(band).collect::<Vec<_>>(),
        "metadata": info.metadata.blocks().iter().map(block).collect::<Vec<_>>(),
        "bytes": { "file": info.bytes, "metadata": header.metadata_bytes(), "streams": stream_bytes(info) },
        "bpsp": bpsp(info.bytes, header.samples()),
    });
    file.put(&mut value, "file");
    if let Some((bits, bound)) = bits {
        value["ideal_bits"] = bits.into();
        for (name, bits) in bound.iter().flat_map(terms) {
            value["bound_bits"][name] = bits.into();
        }
    }
    value
}

/// Reports that a JPEG file was compressed or decompressed.
pub fn jpeg_done(reporter: &Reporter, job: &Job, info: &JpegInfo) -> Result<()> {
    let Job { input, target, .. } = job;
    let value = || {
        let mut value = jpeg_fields(info);
        input.put(&mut value, "input");
        target.put(&mut value, "output");
        value
    };
    let JpegInfo { width, height, components, .. } = info;
    let text = || format!("{input} -> {target}  {width} x {height} x {components}, JPEG file, {}", jpeg_sizes(info));
    reporter.status(text, value)
}

/// The sizes of a JPEG file and of its ansel file.
fn jpeg_sizes(info: &JpegInfo) -> String {
    let percent = 100.0 * (info.bytes as f64 / info.jpeg_bytes as f64 - 1.0);
    format!("{} for {} ({percent:+.1} %)", count(info.bytes, "byte"), info.jpeg_bytes)
}

/// The description of an ansel file that holds a JPEG file.
pub fn jpeg(file: &Place, info: &JpegInfo) -> String {
    let kind = if info.progressive { "progressive" } else { "sequential" };
    let (components, bits) = (count(info.components as u64, "component"), count(info.depth, "bit"));
    [
        format!("file        {file}, format version 1"),
        format!("JPEG file   {kind}, {} x {} pixels, {components} of {bits}", info.width, info.height),
        format!("SHA-256     {}", hex(&info.sha256)),
        format!("coder       {}", info.coder),
        format!("size        {}", jpeg_sizes(info)),
    ]
    .join("\n")
}

pub fn jpeg_json(file: &Place, info: &JpegInfo) -> Value {
    let mut value = jpeg_fields(info);
    file.put(&mut value, "file");
    value
}

fn jpeg_fields(info: &JpegInfo) -> Value {
    let JpegInfo { width, height, components, depth, progressive, jpeg_bytes, coder, bytes, .. } = info;
    json!({
        "kind": "jpeg", "width": width, "height": height, "channels": components, "depth": depth,
        "progressive": progressive, "jpeg_bytes": jpeg_bytes, "sha256": hex(&info.sha256), "coder": coder,
        "bytes": bytes,
    })
}

/// The heading above the lines of [`model`].
pub fn models_head() -> String {
    "id  name      family          content          kMAC/px    bytes  sha-256".to_owned()
}

/// A model of the registry.
pub fn model(model: &RegisteredModel, multiplications: usize) -> String {
    let RegisteredModel { id, name, file, .. } = model;
    let (kmac, content, bytes) = (multiplications as f64 / 1000.0, model.content_name(), file.len());
    let family = model.family.name();
    format!("{id:<3} {name:<9} {family:<14}  {content:<15}  {kmac:>7.1}  {bytes:>7}  {}", model.digest())
}

pub fn model_json(model: &RegisteredModel, multiplications: usize) -> Value {
    json!({
        "id": model.id, "name": model.name, "family": model.family.name(),
        "content": model.content.name(), "expert": model.expert, "kmac_per_pixel": multiplications as f64 / 1000.0,
        "bytes": model.file.len(), "sha256": model.digest(),
    })
}
