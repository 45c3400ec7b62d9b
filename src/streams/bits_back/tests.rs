use super::*;

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
