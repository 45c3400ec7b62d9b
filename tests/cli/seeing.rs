//! Where the bits go: maps and reports.

use ansel::{Codec, Metadata};

use crate::common::{drawing, image, noise, photograph_model};
use crate::place::{Place, assert_says, json};

#[test]
fn a_map_shows_the_bits_that_info_adds_up() {
    let (place, planes) = Place::with_photo();
    place.succeed(["compress", "photo.png"]);
    let value = json(&place.succeed(["map", "photo.ansel", "--json"]));
    let info = json(&place.succeed(["info", "photo.ansel", "--bits", "--json"]));
    let (ideal, pixels) = (info["ideal_bits"].as_f64().expect("bits"), f64::from(planes.width() * planes.height()));
    let mean = value["mean_bits"].as_f64().expect("bits");
    assert!((mean * pixels / ideal - 1.0).abs() < 1e-6, "{mean} and {ideal} bits");
    let picture = place.image("photo.map.png");
    assert_eq!(picture.channels(), 3);
    assert!(picture.width() >= 320 && picture.height() > planes.height() + 40);
    assert_says(&place.fail(1, ["map", "photo.ansel"]), &["photo.map.png", "--force"]);
    let channels: f64 = ["1", "2", "3"]
        .map(|channel| json(&place.succeed(["map", "photo.ansel", "-f", "-c", channel, "--json"])))
        .map(|value| value["mean_bits"].as_f64().expect("bits"))
        .iter()
        .sum();
    assert!((channels / mean - 1.0).abs() < 1e-6);
    assert_says(&place.fail(2, ["map", "photo.ansel", "-f", "-c", "4"]), &["channel 4", "3 channels"]);
}

#[test]
fn pixels_of_noise_are_bright_in_a_map() {
    let place = Place::new();
    let noise = noise(1, 40, 40);
    let planes = image(1, 40, 40, |at| if at.2 < 20 { 7 } else { noise.samples()[at] as u8 });
    let codec = Codec::builder().model(photograph_model(1)).build().expect("a codec");
    place.write("half.ansel", codec.compress(&planes, &Metadata::default()).expect("a compressed image"));
    let line = place.status(["map", "half.ansel", "half.png", "--scale", "8"]);
    assert_says(&line, &["half.ansel -> half.png", "bits per pixel, 1 channel", "mean "]);
    let picture = place.image("half.png");
    let brightness = |columns: std::ops::Range<usize>| -> u32 {
        let places = (0..40).flat_map(|y| columns.clone().map(move |x| (y, x)));
        places.map(|(y, x)| u32::from(picture.samples()[[1, y, x]])).sum()
    };
    assert!(brightness(2..18) * 2 < brightness(22..38), "{} {}", brightness(2..18), brightness(22..38));
}

#[test]
fn a_map_says_what_it_does_not_know() {
    let place = Place::new();
    place.write_png("d.png", &drawing(3, 300, 200), &Metadata::default());
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/jpeg/progressive.jpg"), place.path("p.jpg"))
        .expect("a file");
    place.succeed(["compress", "d.png", "p.jpg"]);
    assert_says(&place.fail(4, ["map", "p.ansel"]), &["p.ansel", "JPEG file"]);
    let codec = Codec::default();
    let info = codec.read_info(std::io::Cursor::new(place.read("d.ansel"))).expect("a file");
    let coders: Vec<&str> = info.bands[0].parts().iter().map(|part| part.coder).collect();
    let line = place.status(["map", "d.ansel"]);
    assert_eq!(
        line.contains("mean of their tile"),
        coders.iter().any(|coder| ["VP8L", "PNG"].contains(coder)),
        "{coders:?}"
    );
    place.write("broken.ansel", &place.read("d.ansel")[..40]);
    assert_says(&place.fail(3, ["map", "broken.ansel"]), &["broken.ansel"]);
}
