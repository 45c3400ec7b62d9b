//! `ansel map`: where the bits of a file go, as a picture.

use ansel::{BitMap, Codec, Error, Metadata};
use image::ImageFormat;
use serde_json::json;

use super::args::Map;
use super::failure::{Failure, Result, about};
use super::jobs::{self, Direction, Job};
use super::report::{Reporter, count};
use super::{Outcome, compress, for_each, heat, input, jpeg, options, output};

const DIRECTION: Direction =
    Direction { command: "map", read: &[compress::EXTENSION], written: &["png"], default: |_| "map.png" };

pub fn run(arguments: &Map) -> Outcome {
    let place = arguments.place();
    let to_standard = jobs::to_standard(&arguments.inputs, &place, DIRECTION);
    let reporter = Reporter::new(&arguments.report, to_standard);
    let planned = jobs::plan(&reporter, &arguments.inputs, &place, DIRECTION).and_then(|jobs| {
        Ok((jobs, options::decoding(&arguments.model, &arguments.engine, &arguments.limits, &reporter)?))
    });
    let (jobs, codec) = planned.map_err(|failure| reporter.fail(None, &failure))?;
    let codec = options::shown(codec, &reporter);
    for_each(&reporter, jobs.iter().map(|job| (&job.input, job)), |job| draw(arguments, &reporter, &codec, job))
}

fn draw(arguments: &Map, reporter: &Reporter, codec: &Codec, job: &Job) -> Result<()> {
    job.check()?;
    let Job { input, target, .. } = job;
    output::check_overwrite(target, arguments.force)?;
    let mut file = input::open_ansel(input, &options::limits(&arguments.limits))?;
    if jpeg::is_held(&mut *file, input)? {
        let what = "a map of a JPEG file, whose coder tells the bits of no pixel (`ansel info` tells its size)";
        return Err(Error::Unsupported(what.to_owned()).into());
    }
    let map = codec.bit_map(file).map_err(about("read", input.path()))?;
    let channels = map.planes.channels();
    let channel = arguments.channel.map(usize::from);
    if let Some(channel) = channel.filter(|&channel| channel > channels) {
        let has = count(channels as u64, "channel");
        return Err(Failure::Usage(format!("{input}: there is no channel {channel}: the image has {has}")));
    }
    let bits = heat::bits_of_pixels(&map, channel.map(|channel| channel - 1));
    let scale = arguments.scale.unwrap_or_else(|| heat::scale_of(bits.iter()));
    let title = match channel {
        Some(channel) => format!("bits per sample, channel {channel} of {channels}"),
        None => format!("bits per pixel, {}", count(channels as u64, "channel")),
    };
    let mean = bits.iter().map(|&bits| f64::from(bits)).sum::<f64>() / bits.len() as f64;
    let beyond = bits.iter().filter(|&&bits| bits > scale).count() as f64 / bits.len() as f64;
    let mut notes = vec![format!("mean {mean:.3}, {} % beyond the scale", heat::short((100.0 * beyond) as f32))];
    notes.extend(spread(&map));
    let picture = heat::picture(&bits, scale, &title, &notes)?;
    output::write(target, arguments.force, |file| {
        ansel::write_image(&picture, &Metadata::default(), ImageFormat::Png, file)
    })?;
    let value = || {
        let mut value = json!({
            "width": map.planes.width(), "height": map.planes.height(), "channels": channels, "channel": channel,
            "mean_bits": mean, "scale_bits": scale, "ideal_bits": map.ideal_bits, "spread_samples": map.spread_samples,
        });
        input.put(&mut value, "input");
        target.put(&mut value, "output");
        value
    };
    reporter.status(|| format!("{input} -> {target}  {title}: {}", notes.join("; ")), value)
}

/// What the map cannot show, in words that fit on a line of the legend.
pub fn spread(map: &BitMap) -> Option<String> {
    let share = 100.0 * map.spread_samples as f64 / map.info.header.samples() as f64;
    (map.spread_samples > 0).then(|| format!("{share:.0} % of samples: mean of their tile"))
}
