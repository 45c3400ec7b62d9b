//! `ansel info`, `ansel verify` and `ansel models`: the contents of files and of the program.

use ansel::{Codec, ImageInfo};
use serde_json::{Value, json};

use super::args::{DecodingModel, DeviceName, Engine, Info, Models, Verify};
use super::compress::EXTENSION;
use super::failure::{Result, about};
use super::input::Input;
use super::place::Place;
use super::report::{Reporter, count};
use super::{Outcome, describe, for_each, input, jpeg, options, resume};

pub fn info(arguments: &Info) -> Outcome {
    let reporter = Reporter::printing(arguments.json);
    let engine = Engine { threads: arguments.threads, device: arguments.device.unwrap_or(DeviceName::Auto) };
    let model = DecodingModel { model: arguments.model.clone() };
    let prepared = input::list(&reporter, &arguments.files, arguments.recursive, &[EXTENSION])
        .and_then(|files| Ok((files, options::decoding(&model, &engine, &arguments.limits, &reporter)?)));
    let (files, codec) = prepared.map_err(|failure| reporter.fail(None, &failure))?;
    let first = files.first().map(|file| &file.place);
    for_each(&reporter, files.iter().map(|Input { place, .. }| (place, place)), |place| {
        let (text, value) = inspect(arguments, &codec, place)?;
        reporter.answer(|| if first == Some(place) { text } else { format!("\n{text}") }, || value)
    })
}

/// The description of a file, in lines and in JSON, with its ideal code length if that was asked for.
fn inspect(arguments: &Info, codec: &Codec, file: &Place) -> Result<(String, Value)> {
    let reading = about("read", file.path());
    let mut bytes = input::open_ansel(file, &options::limits(&arguments.limits))?;
    if jpeg::is_held(&mut *bytes, file)? {
        let info = codec.read_jpeg_info(bytes).map_err(reading)?;
        return Ok((describe::jpeg(file, &info), describe::jpeg_json(file, &info)));
    }
    let (info, bits) = if arguments.bits {
        let verified = codec.verify(bytes).map_err(reading)?;
        (verified.info, Some((verified.ideal_bits, verified.bound)))
    } else {
        (codec.read_info(bytes).map_err(reading)?, None)
    };
    Ok((describe::info(file, &info, bits), describe::info_json(file, &info, bits)))
}

pub fn verify(arguments: &Verify) -> Outcome {
    let reporter = Reporter::new(&arguments.report, false);
    let limits = options::limits(&arguments.limits);
    let prepared = input::list(&reporter, &arguments.files, arguments.recursive, &[EXTENSION]).and_then(|files| {
        Ok((files, options::decoding(&arguments.model, &arguments.engine, &arguments.limits, &reporter)?))
    });
    let (files, codec) = prepared.map_err(|failure| reporter.fail(None, &failure))?;
    let codec = options::shown(codec, &reporter);
    if let Some(manifest) = &arguments.manifest {
        return resume::verify(arguments, &reporter, &codec, manifest);
    }
    for_each(&reporter, files.iter().map(|Input { place, .. }| (place, place)), |place| {
        let mut file = input::open_ansel(place, &limits)?;
        let (bytes, tiles) = if jpeg::is_held(&mut *file, place)? {
            (jpeg::read(&codec, place, file)?.1.bytes, 0)
        } else {
            let info = codec.verify(file).map_err(about("read", place.path()))?.info;
            options::say_engine(&codec, info.header.info(), &reporter)?;
            (info.bytes, describe::tiles(&info))
        };
        let value = || {
            let mut value = json!({ "ok": true, "bytes": bytes, "tiles": tiles });
            place.put(&mut value, "file");
            value
        };
        let parts = if tiles > 0 { count(tiles, "tile") } else { "a JPEG file".to_owned() };
        reporter.answer(|| format!("{place}: ok, {}, {parts}", count(bytes, "byte")), value)
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
