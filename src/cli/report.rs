//! What the program prints: lines for people, JSON for programs.

use ansel::{Header, Metadata, Planes, Result, Verified};
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

/// After compressing or decompressing a file.
pub fn coded(report: &Report, input: &Place, output: &Place, planes: &Planes, bytes: usize) {
    if report.quiet || *output == Place::Standard {
        return;
    }
    let rate = bpsp(bytes as u64, planes.samples().len() as u64);
    if report.json {
        print(json!({
            "input": input.to_string(), "output": output.to_string(), "width": planes.width(),
            "height": planes.height(), "channels": planes.channels(), "depth": planes.depth(),
            "bytes": bytes, "bpsp": rate,
        }));
    } else {
        let size = format!("{} x {} x {}", planes.width(), planes.height(), planes.channels());
        print(format!("{input} -> {output}  {size}, {bytes} bytes, {rate:.4} bpsp"));
    }
}

/// After verifying a file.
pub fn verified(report: &Report, file: &Place, verified: &Verified) {
    if report.quiet {
        return;
    }
    let header = &verified.header;
    if report.json {
        print(json!({ "file": file.to_string(), "ok": true, "bytes": header.file_bytes(), "tiles": header.tiles() }));
    } else {
        print(format!("{file}: ok, {} bytes, {} tiles", header.file_bytes(), header.tiles()));
    }
}

/// The name of the model of a file.
fn model_name(header: &Header) -> String {
    let (id, digest) = header.model();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    match ansel::models().iter().find(|model| model.id == id && model.digest().starts_with(&digest)) {
        Some(model) => format!("{} ({} channels, {digest})", model.name, model.channels),
        None => format!("not carried by this program (id {id}, {digest})"),
    }
}

/// What a file holds; `ideal_bits` if it was decoded.
pub fn info(as_json: bool, file: &Place, header: &Header, metadata: &Metadata, ideal_bits: Option<f64>) {
    let bytes = header.file_bytes();
    let rate = bpsp(bytes, header.samples());
    if as_json {
        print(info_json(file, header, metadata, ideal_bits));
        return;
    }
    let (tile_width, tile_height) = header.tile_size();
    print(format!("file        {file}, format version {}", header.version()));
    print(format!("image       {} x {} pixels", header.width(), header.height()));
    print(format!("samples     {} channels of {} bits", header.channels(), header.depth()));
    print(format!("model       {}", model_name(header)));
    print(format!("tiles       {} of up to {tile_width} x {tile_height} pixels", header.tiles()));
    for block in metadata.blocks() {
        print(format!("metadata    {}", block.describe()));
    }
    print(format!("size        {bytes} bytes, {rate:.4} bpsp"));
    if let Some(bits) = ideal_bits {
        let ideal = bits / 8.0;
        print(format!("  header    {} bytes", header.header_bytes()));
        print(format!("  metadata  {} bytes", header.metadata_bytes()));
        print(format!("  side information  {} bytes", header.side_information_bytes()));
        print(format!("  streams   {} bytes", header.stream_bytes()));
        let over = 100.0 * (bytes as f64 / ideal - 1.0);
        print(format!("ideal       {ideal:.1} bytes under the model; the file is {over:.4} % larger"));
    }
}

fn info_json(file: &Place, header: &Header, metadata: &Metadata, ideal_bits: Option<f64>) -> Value {
    let (id, digest) = header.model();
    let blocks: Vec<Value> = metadata
        .blocks()
        .iter()
        .map(|block| json!({ "kind": block.kind.name(), "bytes": block.bytes.len(), "description": block.describe() }))
        .collect();
    let mut value = json!({
        "file": file.to_string(),
        "version": header.version(),
        "width": header.width(),
        "height": header.height(),
        "channels": header.channels(),
        "depth": header.depth(),
        "model": {
            "id": id,
            "digest": digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "name": model_name(header),
        },
        "tiles": header.tiles(),
        "tile_size": header.tile_size(),
        "metadata": blocks,
        "bytes": {
            "file": header.file_bytes(),
            "header": header.header_bytes(),
            "metadata": header.metadata_bytes(),
            "side_information": header.side_information_bytes(),
            "streams": header.stream_bytes(),
        },
        "bpsp": bpsp(header.file_bytes(), header.samples()),
    });
    if let Some(bits) = ideal_bits {
        value["ideal_bits"] = bits.into();
    }
    value
}

/// The models of the registry.
pub fn models(as_json: bool) -> Result<()> {
    if !as_json {
        print("id  name      channels  kMAC/px    bytes  sha-256");
    }
    for model in ansel::models() {
        let kmac = model.multiplications()? as f64 / 1000.0;
        let (id, name, channels, bytes) = (model.id, model.name, model.channels, model.file.len());
        if as_json {
            print(json!({
                "id": id, "name": name, "channels": channels, "kmac_per_pixel": kmac, "bytes": bytes,
                "sha256": model.digest(),
            }));
        } else {
            print(format!("{id:<3} {name:<9} {channels:>8}  {kmac:>7.1}  {bytes:>7}  {}", model.digest()));
        }
    }
    Ok(())
}
