//! Products of integer matrices whose elements change, for networks that learn. Input: 16-bit integers, in pairs along
//! the axis of the sums. Output: 32-bit sums, which must not overflow.
//!
//! The instructions are those of the evaluation, but each vector lane holds a column. Rows are stored with [`padded`]
//! length, with zeros after their ends.

use super::driver::add_products;
use super::isa::{Isa, Work};
use super::{Instructions, LANES, Lanes};

/// The length of a stored row: an odd multiple of [`LANES`], since columns that are a power of two apart would share
/// cache sets.
pub(crate) fn padded(columns: usize) -> usize {
    (columns.div_ceil(LANES) | 1) * LANES
}

/// A pair of 16-bit integers.
#[inline(always)]
pub(crate) fn word([low, high]: [i16; 2]) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

/// The left factor of a product, with elements (row, inner index).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a> {
    /// Stored by rows, of this length.
    Rows(&'a [i16], usize),
    /// Pairs of inner indices, with axes (pair, row): rows from this one on, which is a multiple of 8, and the blocks
    /// of a stored row.
    Columns(&'a [Lanes], usize, usize),
}

/// A product of shape (`rows`, `columns`), with sums of 2 `pairs` terms.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    pub left: Left<'a>,
    /// Pairs of inner indices, with axes (pair, block of columns).
    pub right: &'a [Lanes],
    /// Sums, with axes (row, block of columns).
    pub result: &'a mut [Lanes],
    pub rows: usize,
    pub pairs: usize,
    pub columns: usize,
}

impl Product<'_> {
    /// Computes the product.
    pub fn compute(self) {
        self.compute_with(Instructions::detect());
    }

    fn compute_with(self, instructions: Instructions) {
        instructions.run(2, self);
    }

    /// Computes `N` blocks of columns.
    #[inline(always)]
    fn blocks<I: Isa, const M: usize, const N: usize>(&mut self, isa: I, block: usize) {
        let mut row = 0;
        while row + M <= self.rows {
            self.tile::<I, M, N>(isa, row, block);
            row += M;
        }
        while row < self.rows {
            self.tile::<I, 1, N>(isa, row, block);
            row += 1;
        }
    }

    /// Computes `M` rows of `N` blocks.
    #[inline(always)]
    fn tile<I: Isa, const M: usize, const N: usize>(&mut self, isa: I, row: usize, block: usize) {
        let stride = padded(self.columns) / LANES;
        let right = self.right.chunks_exact(stride).take(self.pairs);
        let mut sums = [[isa.start(0); N]; M];
        match self.left {
            Left::Rows(left, stride) => {
                let left: [&[[i16; 2]]; M] =
                    std::array::from_fn(|m| &left[(row + m) * stride..].as_chunks().0[..self.pairs]);
                for (pair, right) in right.enumerate() {
                    let mut words = [0; M];
                    for m in 0..M {
                        words[m] = word(left[m][pair]);
                    }
                    add_products(isa, &words, right[block..].first_chunk().expect("N blocks"), &mut sums);
                }
            }
            Left::Columns(left, first, stride) => {
                let row = first + row;
                for (left, right) in left.chunks_exact(stride).zip(right) {
                    let left = left[row / LANES].0[row % LANES..].first_chunk().expect("rows of one block");
                    add_products(isa, left, right[block..].first_chunk().expect("N blocks"), &mut sums);
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            let result = &mut self.result[(row + m) * stride + block..][..N];
            for (result, sums) in result.iter_mut().zip(sums) {
                isa.store(isa.scale(sums, 0), result);
            }
        }
    }
}

impl Work for Product<'_> {
    #[inline(always)]
    fn call<I: Isa, const ROWS: usize, const BLOCKS: usize>(mut self, isa: I) {
        const { assert!(LANES.is_multiple_of(ROWS)) };
        let blocks = self.columns.div_ceil(LANES);
        let whole = blocks / BLOCKS * BLOCKS;
        // Loops, not closures, which would not be compiled for these instructions.
        for block in (0..whole).step_by(BLOCKS) {
            self.blocks::<I, ROWS, BLOCKS>(isa, block);
        }
        for block in whole..blocks {
            self.blocks::<I, ROWS, 1>(isa, block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of numbers with axes (row, column), padded.
    fn fill(rows: usize, columns: usize, seed: usize) -> Vec<i16> {
        let stride = padded(columns);
        let value = |i: usize| if i % stride < columns { ((i + seed) * 31 % 4093) as i16 - 2047 } else { 0 };
        (0..rows * stride).map(value).collect()
    }

    /// Pairs of consecutive rows.
    fn paired(values: &[i16], columns: usize) -> Vec<Lanes> {
        let rows: Vec<_> = values.chunks(padded(columns)).collect();
        let at = |row: usize, column: usize| rows.get(row).map_or(0, |row| row[column]);
        let block = |pair: usize, block: usize| {
            Lanes(std::array::from_fn(|lane| {
                word([at(2 * pair, block * LANES + lane), at(2 * pair + 1, block * LANES + lane)])
            }))
        };
        let blocks = padded(columns) / LANES;
        (0..rows.len().div_ceil(2)).flat_map(|pair| (0..blocks).map(move |at| block(pair, at))).collect()
    }

    #[test]
    fn products_of_any_size_are_the_sums_of_products_with_all_instructions() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 75, 15), (8, 9, 256), (13, 50, 112), (64, 5, 33), (21, 130, 48)] {
            let (left, unpaired) = (fill(rows, inner, 3), fill(inner, columns, 8));
            let mut transposed = vec![0; inner * padded(rows)];
            for (row, k) in (0..rows).flat_map(|row| (0..inner).map(move |k| (row, k))) {
                transposed[k * padded(rows) + row] = left[row * padded(inner) + k];
            }
            let (columns_of_left, pairs_of_right) = (paired(&transposed, rows), paired(&unpaired, columns));
            let first = if rows > 8 { 8 } else { 0 };
            let factors = [
                (Left::Rows(&left, padded(inner)), 0),
                (Left::Columns(&columns_of_left, first, padded(rows) / LANES), first),
            ];
            for (instructions, (left_factor, first)) in
                Instructions::available().flat_map(|instructions| factors.map(|factor| (instructions, factor)))
            {
                let blocks = padded(columns) / LANES;
                let mut result = vec![Lanes([i32::MIN; LANES]); rows * blocks];
                let (right, result_rows) = (&pairs_of_right[..], rows - first);
                let pairs = inner.div_ceil(2);
                let product =
                    Product { left: left_factor, right, result: &mut result, rows: result_rows, pairs, columns };
                product.compute_with(instructions);
                for (row, column) in (0..result_rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let product = |k: usize| {
                        let left = left[(first + row) * padded(inner) + k];
                        i32::from(left) * i32::from(unpaired[k * padded(columns) + column])
                    };
                    let expected: i32 = (0..inner).map(product).sum();
                    let found = result[row * blocks + column / LANES].0[column % LANES];
                    assert_eq!(found, expected, "{} {rows} {inner} {columns}", instructions.name());
                }
            }
        }
    }
}
