//! What the program prints: lines for people, JSON for programs.

use ansel::{Band, FileInfo, ImageInfo, MetadataBlock, PartSummary, Result, Verified};
use serde_json::{Value, json};

use super::args::Report;
use super::paths::Place;

/// Bits per sample of a whole file.
fn bpsp(bytes: u64, samples: u64) -> f64 {
    8.0 * bytes as f64 / samples as f64
}

/// Prints a line, unless standard output is closed.
fn print(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// After compressing a file.
pub fn coded(report: &Report, input: &Place, output: &Place, info: ImageInfo, bytes: u64) {
    let samples = u64::from(info.width) * u64::from(info.height) * info.channels as u64;
    let rate = bpsp(bytes, samples);
    written(
        report,
        input,
        output,
        info,
        &format!(", {bytes} bytes, {rate:.4} bpsp"),
        json!({ "bytes": bytes, "bpsp": rate }),
    );
}

/// After decompressing a file.
pub fn decoded(report: &Report, input: &Place, output: &Place, info: ImageInfo) {
    written(report, input, output, info, "", json!({}));
}

fn written(report: &Report, input: &Place, output: &Place, info: ImageInfo, text: &str, mut value: Value) {
    if report.quiet || *output == Place::Standard {
        return;
    }
    let ImageInfo { width, height, channels, depth } = info;
    if report.json {
        value["input"] = input.to_string().into();
        value["output"] = output.to_string().into();
        for (key, number) in [("width", width), ("height", height), ("channels", channels as u32), ("depth", depth)] {
            value[key] = number.into();
        }
        print(value);
    } else {
        print(format!("{input} -> {output}  {width} x {height} x {channels}, {depth} bits{text}"));
    }
}

/// After verifying a file.
pub fn verified(report: &Report, file: &Place, verified: &Verified) {
    if report.quiet {
        return;
    }
    let tiles: usize = verified.info.bands.iter().map(Band::tiles).sum();
    let bytes = verified.info.bytes;
    if report.json {
        print(json!({ "file": file.to_string(), "ok": true, "bytes": bytes, "tiles": tiles }));
    } else {
        print(format!("{file}: ok, {bytes} bytes, {tiles} tiles"));
    }
}

/// How a part is coded, and by which model.
fn coder(part: &PartSummary) -> String {
    let Some((id, digest)) = part.model else { return part.coder.to_owned() };
    let digest = hex(&digest);
    let start = &digest[..8];
    let change = match (part.learning, part.offsets) {
        (true, _) => ", learning: effort max",
        (_, true) => ", bias offsets",
        _ => "",
    };
    match ansel::models().iter().find(|model| model.id == id && model.digest().starts_with(&digest)) {
        Some(model) => {
            let passes = model.family.passes().map(|passes| format!(", {passes} network passes for any image size"));
            let more = passes.unwrap_or_default() + change;
            format!("model {} {} ({start}...){more}", model.name, model.content.name())
        }
        None => format!("a model not carried by this program (id {id}, {start}...){change}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file holds; `ideal_bits` if it was decoded.
pub fn info(as_json: bool, file: &Place, info: &FileInfo, ideal_bits: Option<f64>) {
    if as_json {
        print(info_json(file, info, ideal_bits));
        return;
    }
    let header = &info.header;
    print(format!("file        {file}, format version {}", header.version()));
    print(format!("image       {} x {} pixels", header.width(), header.height()));
    print(format!("samples     {} channels of {} bits", header.channels(), header.depth()));
    for (index, band) in info.bands.iter().enumerate() {
        let (width, height) = band.tile_size();
        print(format!("band {index:<6} {} tiles of up to {width} x {height} pixels", band.tiles()));
        for part in band.parts() {
            let transforms: String = part.transforms.iter().map(|transform| format!("{transform}, ")).collect();
            print(format!("  part      {} channels: {transforms}{}", part.channels, coder(&part)));
        }
    }
    for block in info.metadata.blocks() {
        print(format!("metadata    {}", block.describe()));
    }
    let (metadata, streams) = (header.metadata_bytes(), stream_bytes(info));
    print(format!("size        {} bytes, {:.4} bpsp", info.bytes, bpsp(info.bytes, header.samples())));
    print(format!("  tables    {} bytes", info.bytes - metadata - streams));
    print(format!("  metadata  {metadata} bytes"));
    print(format!("  streams   {streams} bytes"));
    if let Some(bits) = ideal_bits {
        let ideal = bits / 8.0;
        let over = 100.0 * (info.bytes as f64 / ideal - 1.0);
        let over = if ideal > 0.0 { format!("; the file is {over:.4} % larger") } else { String::new() };
        print(format!("ideal       {ideal:.1} bytes under the models{over}"));
    }
}

fn stream_bytes(info: &FileInfo) -> u64 {
    info.bands.iter().map(Band::stream_bytes).sum()
}

fn info_json(file: &Place, info: &FileInfo, ideal_bits: Option<f64>) -> Value {
    let header = &info.header;
    let part = |part: &PartSummary| {
        let passes = |id| ansel::models().iter().find(|model| model.id == id).and_then(|model| model.family.passes());
        let model = part.model.map(|(id, digest)| json!({ "id": id, "digest": hex(&digest), "passes": passes(id) }));
        let effort = if part.learning { "max" } else { "default" };
        json!({ "channels": part.channels, "transforms": part.transforms, "coder": part.coder, "model": model, "effort": effort })
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
        "file": file.to_string(),
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
    if let Some(bits) = ideal_bits {
        value["ideal_bits"] = bits.into();
    }
    value
}

/// The models of the registry.
pub fn models(as_json: bool) -> Result<()> {
    if !as_json {
        print("id  name      content         kMAC/px    bytes  sha-256");
    }
    for model in ansel::models() {
        let kmac = model.multiplications()? as f64 / 1000.0;
        let (id, name, content, bytes) = (model.id, model.name, model.content.name(), model.file.len());
        if as_json {
            print(json!({
                "id": id, "name": name, "content": content, "kmac_per_pixel": kmac, "bytes": bytes,
                "sha256": model.digest(),
            }));
        } else {
            print(format!("{id:<3} {name:<9} {content:<14}  {kmac:>7.1}  {bytes:>7}  {}", model.digest()));
        }
    }
    Ok(())
}
