//! Products of integer matrices carried in float32, and the processor's widest vectors for element-wise steps. Input
//! and output: rows of [`padded`] length, with zeros after their ends.
//!
//! `matrixmultiply`, which ndarray uses, has no vectors wider than AVX2's, and packs both factors in each call. Here
//! the factors are small, and the same vectors serve the element-wise steps. pulp chooses the instructions at run time.
//! All sums stay below 2^24, so neither their order nor fused multiply-adds change the result.

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

/// Columns handled at once, on any processor.
pub(super) const LANES: usize = 16;

/// The length of a stored row: an odd multiple of [`LANES`], since columns that are a power of two apart would share
/// cache sets.
pub(super) fn padded(columns: usize) -> usize {
    (columns.div_ceil(LANES) | 1) * LANES
}

/// The number of columns computed for a row with this many: rounded up to a multiple of [`LANES`].
pub(super) fn computed(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Runs work with the processor's widest vectors; `call` and all that it calls must be `inline(always)`.
pub(super) fn vectorised<R>(work: impl NullaryFnOnce<Output = R>) -> R {
    Arch::new().dispatch(work)
}

/// The left factor of a product, with elements (row, inner index).
#[derive(Debug, Clone, Copy)]
pub(super) enum Left<'a> {
    /// Stored by rows, with this stride.
    Rows(&'a [f32], usize),
    /// Stored by columns, with this stride.
    Columns(&'a [f32], usize),
}

/// A product of shape (`rows`, `columns`), with sums of `inner` terms. The rows of the right factor are as long as
/// those of the result.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub left: Left<'a>,
    pub right: &'a [f32],
    pub result: &'a mut [f32],
    pub rows: usize,
    pub inner: usize,
    pub columns: usize,
}

impl Product<'_> {
    /// Computes the product.
    pub fn compute(self) {
        Arch::new().dispatch(self);
    }

    #[inline(always)]
    fn blocks<S: Simd, const M: usize>(mut self, simd: S) {
        let lanes = S::F32_LANES;
        let columns = computed(self.columns);
        let mut column = 0;
        while column < columns {
            if column + 2 * lanes <= columns {
                self.column::<S, M, 2>(simd, column);
                column += 2 * lanes;
            } else {
                self.column::<S, M, 1>(simd, column);
                column += lanes;
            }
        }
    }

    #[inline(always)]
    fn column<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, column: usize) {
        let mut row = 0;
        while row + M <= self.rows {
            self.block::<S, M, N>(simd, row, column);
            row += M;
        }
        if M > 4 && row + 4 <= self.rows {
            self.block::<S, 4, N>(simd, row, column);
            row += 4;
        }
        while row < self.rows {
            self.block::<S, 1, N>(simd, row, column);
            row += 1;
        }
    }

    /// Computes `M` rows of `N` vectors.
    #[inline(always)]
    fn block<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, row: usize, column: usize) {
        let stride = padded(self.columns);
        let range = column..column + N * S::F32_LANES;
        let right = self.right.chunks_exact(stride).take(self.inner).map(|right| &right[range.clone()]);
        let mut sums = [[simd.splat_f32s(0.0); N]; M];
        match self.left {
            Left::Rows(left, stride) => {
                let left: [&[f32]; M] = std::array::from_fn(|m| &left[(row + m) * stride..][..self.inner]);
                for (k, right) in right.enumerate() {
                    add(simd, std::array::from_fn(|m| left[m][k]), right, &mut sums);
                }
            }
            Left::Columns(left, stride) => {
                for (left, right) in left.chunks(stride).zip(right) {
                    add(simd, *left[row..].first_chunk().expect("padding"), right, &mut sums);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            let result = &mut self.result[(row + m) * stride..][range.clone()];
            for (result, sum) in S::as_mut_simd_f32s(result).0.iter_mut().zip(sums) {
                *result = *sum;
            }
        }
    }
}

/// Adds the products of a column of the left factor and a row of the right one.
#[inline(always)]
fn add<S: Simd, const M: usize, const N: usize>(simd: S, left: [f32; M], right: &[f32], sums: &mut [[S::f32s; N]; M]) {
    let right: &[S::f32s; N] = S::as_simd_f32s(right).0.first_chunk().expect("N vectors");
    for (sums, left) in sums.iter_mut().zip(left) {
        let left = simd.splat_f32s(left);
        for (sum, &right) in sums.iter_mut().zip(right) {
            *sum = simd.mul_add_e_f32s(left, right, *sum);
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.blocks::<S, 8>(simd) } else { self.blocks::<S, 4>(simd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_size_are_the_sums_of_products() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 75, 15), (8, 9, 256), (13, 50, 112), (64, 5, 33), (21, 130, 48)] {
            let value = |index: usize| (index * 31 % 255) as f32 - 127.0;
            let fill = |rows: usize, columns: usize| -> Vec<f32> {
                let stride = padded(columns);
                let at = |i: usize| if i % stride < columns { value(i) } else { 0.0 };
                (0..rows * stride).map(at).collect()
            };
            let (left, transposed, right) = (fill(rows, inner), fill(inner, rows), fill(inner, columns));
            for left in [Left::Rows(&left, padded(inner)), Left::Columns(&transposed, padded(rows))] {
                let mut result = vec![f32::NAN; rows * padded(columns)];
                Product { left, right: &right, result: &mut result, rows, inner, columns }.compute();
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let at = |k: usize| match left {
                        Left::Rows(values, stride) => values[row * stride + k],
                        Left::Columns(values, stride) => values[k * stride + row],
                    };
                    let sum: f32 = (0..inner).map(|k| at(k) * right[k * padded(columns) + column]).sum();
                    assert_eq!(result[row * padded(columns) + column], sum);
                }
            }
        }
    }
}
