//! The choice of an instruction set at run time.

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm;
#[cfg(target_arch = "x86_64")]
use super::{avx2, vnni256, vnni512};
use super::{isa::Work, scalar};
use crate::model::precision::Precision;

/// Limits the instruction set to `vnni512`, `vnni256`, `avxvnni`, `avx2`, `neondot`, `neon`, `simd128` or `scalar`, and those
/// below it. For tests and measurements; results do not change.
const VARIABLE: &str = "ANSEL_INSTRUCTIONS";

/// An instruction set, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Vnni512,
    #[cfg(target_arch = "x86_64")]
    Vnni256,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    Scalar,
}

impl Instructions {
    const ALL: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Vnni512,
        #[cfg(target_arch = "x86_64")]
        Self::Vnni256,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "aarch64")]
        Self::NeonDot,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Self::Simd128,
        Self::Scalar,
    ];

    /// The best instruction set of this processor within the limit set by the environment.
    pub fn detect() -> Self {
        static FOUND: OnceLock<Instructions> = OnceLock::new();
        *FOUND.get_or_init(|| Self::best_up_to(std::env::var(VARIABLE).ok().as_deref()))
    }

    /// Unknown names set no limit.
    fn best_up_to(limit: Option<&str>) -> Self {
        let start = Self::ALL.iter().position(|set| Some(set.name()) == limit).unwrap_or(0);
        let mut allowed = Self::ALL[start..].iter().copied();
        allowed.find(|set| set.is_available()).unwrap_or(Self::Scalar)
    }

    /// All instruction sets of this processor.
    #[cfg(test)]
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|set| set.is_available())
    }

    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => "vnni512",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => "vnni256",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => "neondot",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => "simd128",
            Self::Scalar => "scalar",
        }
    }

    /// Whether the processor and the operating system support all that the functions enable.
    pub(super) fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => {
                std::arch::is_aarch64_feature_detected!("neon") && std::arch::is_aarch64_feature_detected!("dotprod")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => true,
            Self::Scalar => true,
        }
    }

    /// Inputs per word, for networks of a precision.
    pub(super) fn group(self, precision: Precision) -> usize {
        match (self, precision) {
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni512 | Self::Vnni256 | Self::AvxVnni | Self::Avx2, Precision::Eight) => 4,
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot, Precision::Eight) => 4,
            _ => 2,
        }
    }

    /// Whether sums of two products of bytes saturate at 16 bits.
    pub(super) fn saturates(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => true,
            _ => false,
        }
    }

    /// Whether bytes are taken for signed ones, which needs an offset of 128.
    pub(super) fn signed_bytes(self) -> bool {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => true,
            _ => false,
        }
    }

    /// Output rows that are evaluated at once, with `group` inputs per word.
    pub(super) fn tile_rows(self, group: usize) -> usize {
        match (self, group) {
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni512, _) => vnni512::TILE_ROWS,
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni256, _) => vnni256::TILE_ROWS,
            #[cfg(target_arch = "x86_64")]
            (Self::AvxVnni, _) => vnni256::AVX_TILE_ROWS,
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, _) => avx2::TILE_ROWS,
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot, 4) => neon::DOT_TILE_ROWS,
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot | Self::Neon, _) => neon::TILE_ROWS,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (Self::Simd128, _) => wasm::TILE_ROWS,
            (Self::Scalar, _) => scalar::TILE_ROWS,
        }
    }

    /// Blocks of pixels that are evaluated at once.
    pub(super) fn blocks(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => vnni512::BLOCKS,
            _ => 1,
        }
    }

    /// Runs work with these instructions, and `group` inputs per word.
    pub(super) fn run(self, group: usize, work: impl Work) {
        match (self, group) {
            // SAFETY: `Packed` is made only for instructions that are available; this applies to all calls below.
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni512, 4) => unsafe { vnni512::run::<4>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni512, _) => unsafe { vnni512::run::<2>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni256, 4) => unsafe { vnni256::run::<4>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::Vnni256, _) => unsafe { vnni256::run::<2>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::AvxVnni, 4) => unsafe { vnni256::run_avx::<4>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::AvxVnni, _) => unsafe { vnni256::run_avx::<2>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, 4) => unsafe { avx2::run::<4>(work) },
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2, _) => unsafe { avx2::run::<2>(work) },
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot, 4) => unsafe { neon::run_dot(work) },
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot | Self::Neon, _) => unsafe { neon::run(work) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (Self::Simd128, _) => wasm::run(work),
            (Self::Scalar, _) => scalar::run(work),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_limits_what_is_used() {
        for (index, set) in Instructions::ALL.iter().enumerate() {
            let used = Instructions::best_up_to(Some(set.name()));
            assert!(used.is_available() && Instructions::ALL[index..].contains(&used));
            assert!(used == *set || !set.is_available());
        }
        assert_eq!(Instructions::best_up_to(Some("scalar")), Instructions::Scalar);
    }

    #[test]
    fn other_names_limit_nothing() {
        let best = Instructions::available().next();
        for name in [None, Some(""), Some("AVX2"), Some("sse")] {
            assert_eq!(Some(Instructions::best_up_to(name)), best);
        }
    }
}
