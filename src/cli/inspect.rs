//! `ansel info`, `ansel verify`, `ansel models`: what files and the program hold.

use ansel::{Codec, ImageInfo};
use serde_json::json;

use super::args::{DecodingModel, DeviceName, Engine, Info, Models, Verify};
use super::compress::EXTENSION;
use super::failure::{Result, about};
use super::input::Input;
use super::place::Place;
use super::report::{Reporter, count};
use super::{Outcome, describe, for_each, input, options};

pub fn info(arguments: &Info) -> Outcome {
    let reporter = Reporter::printing(arguments.json);
    let engine = Engine { threads: arguments.threads, device: arguments.device.unwrap_or(DeviceName::Auto) };
    let model = DecodingModel { model: arguments.model.clone() };
    let prepared = input::list(&reporter, &arguments.files, arguments.recursive, &[EXTENSION])
        .and_then(|files| Ok((files, options::decoding(&model, &engine, &arguments.limits, &reporter)?)));
    let (files, codec) = prepared.map_err(|failure| reporter.fail(None, &failure))?;
    let first = files.first().map(|file| &file.place);
    for_each(&reporter, files.iter().map(|Input { place, .. }| (place, place)), |place| {
        let (info, bits) = inspect(arguments, &codec, place)?;
        let text = || {
            let text = describe::info(place, &info, bits);
            if first == Some(place) { text } else { format!("\n{text}") }
        };
        reporter.answer(text, || describe::info_json(place, &info, bits))
    })
}

/// What a file holds, and its ideal code length if that is asked for.
fn inspect(arguments: &Info, codec: &Codec, file: &Place) -> Result<(ansel::FileInfo, Option<describe::Bits>)> {
    let reading = about("read", file.path());
    let bytes = input::open_ansel(file, &options::limits(&arguments.limits))?;
    if arguments.bits {
        let verified = codec.verify(bytes).map_err(reading)?;
        return Ok((verified.info, Some((verified.ideal_bits, verified.bound))));
    }
    Ok((codec.read_info(bytes).map_err(reading)?, None))
}

pub fn verify(arguments: &Verify) -> Outcome {
    let reporter = Reporter::new(&arguments.report, false);
    let limits = options::limits(&arguments.limits);
    let prepared = input::list(&reporter, &arguments.files, arguments.recursive, &[EXTENSION]).and_then(|files| {
        Ok((files, options::decoding(&arguments.model, &arguments.engine, &arguments.limits, &reporter)?))
    });
    let (files, codec) = prepared.map_err(|failure| reporter.fail(None, &failure))?;
    for_each(&reporter, files.iter().map(|Input { place, .. }| (place, place)), |place| {
        let verified = codec.verify(input::open_ansel(place, &limits)?).map_err(about("read", place.path()))?;
        options::say_engine(&codec, verified.info.header.info(), &reporter)?;
        let (bytes, tiles) = (verified.info.bytes, describe::tiles(&verified.info));
        let value = || {
            let mut value = json!({ "ok": true, "bytes": bytes, "tiles": tiles });
            place.put(&mut value, "file");
            value
        };
        reporter.answer(|| format!("{place}: ok, {}, {}", count(bytes, "byte"), count(tiles, "tile")), value)
    })
}

pub fn models(arguments: &Models) -> Outcome {
    let mut reporter = Reporter::printing(arguments.json);
    reporter.verbose = arguments.verbose;
    let print = || -> Result<()> {
        if !arguments.json {
            reporter.answer(describe::models_head, || json!({}))?;
        }
        for model in ansel::models() {
            let multiplications = model.multiplications()?;
            let text = || describe::model(model, multiplications);
            reporter.answer(text, || describe::model_json(model, multiplications))?;
        }
        let large = ImageInfo { width: u32::MAX, height: 1, channels: 3, depth: 8 };
        options::say_engine(&Codec::default(), large, &reporter)
    };
    print().map_err(|failure| reporter.fail(None, &failure))
}
