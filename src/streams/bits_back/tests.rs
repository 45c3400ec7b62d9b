use super::*;
use crate::infer::session::networks_of;
use crate::model::file::ModelFile;
use crate::model::registry::models;
use crate::testing::pattern;

#[test]
fn the_primer_and_the_patches_are_all_of_a_tile() {
    for (width, height) in [(1, 1), (64, 64), (63, 200), (200, 63), (128, 192), (200, 150), (256, 257)] {
        let cut = Cut { width, height };
        for primed in 0..=cut.patches() {
            let mut covered = vec![0; width * height];
            let patches = (0..cut.patches() - primed).map(|index| cut.patch(index));
            for rect in patches.chain(cut.primer(primed)) {
                for (y, x) in rect.rows().flat_map(|y| rect.columns().map(move |x| (y, x))) {
                    covered[y * width + x] += 1;
                }
            }
            assert!(covered.iter().all(|&count| count == 1), "{width} x {height} with {primed} patches of the primer");
        }
    }
}

/// An encoder takes as few patches as it needs; a decoder does not mind how many they are. With too few, noise is drawn from
/// words that are not there, which costs bits and nothing else.
#[test]
fn a_primer_of_any_number_of_patches_decodes() {
    let file = |name: &str| models().iter().find(|model| model.name == name).expect("a model").file;
    let mut primer = networks_of(file("default"));
    let (width, height) = (3 * PATCH as u32 + 5, 2 * PATCH as u32 + 3);
    let rect = Rect { x: 0, y: 0, width, height };
    let sizes = vec![256; 3];
    let samples = pattern(&sizes, width as usize, height as usize);
    let coded = Coded { samples: samples.clone(), sizes: sizes.clone() };
    for name in ["realnvp", "vae"] {
        let program = ModelFile::read(file(name)).expect("a model").program.expect("a program");
        let mut networks = networks_of(file(name));
        let mut bytes = Vec::new();
        for patches in 0..=Cut::of(rect).patches() {
            let stack = primer_stack(&mut primer, &coded, rect, patches).expect("networks that run");
            let stream = encode_patches(&program, &mut networks, &coded, rect, (patches, stack)).expect("a stream");
            let mut both = [networks, primer];
            let tile = TileStream { rect, stream: &stream, keeps_sample_bits: false };
            let decoded = decode_tile(&program, &mut both, &alphabets(&sizes), &tile).expect("networks that run");
            assert!(decoded.expect("a stream that decodes").samples == samples, "{name}, {patches} patches");
            [networks, primer] = both;
            bytes.push(stream.len());
        }
        println!("{name}: {bytes:?} bytes with 0 patches of the primer, 1, ...");
    }
}
