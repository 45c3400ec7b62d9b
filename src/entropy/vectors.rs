//! Which vector instructions plain loops are compiled for, chosen when the program runs.
//!
//! The loops are ordinary code without intrinsics: each is compiled once for every processor and once more for each level
//! below, so that all levels compute the same by construction.

use std::sync::OnceLock;

/// The instructions that a loop may use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vectors {
    /// Those of every processor of the architecture.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// AVX-512 F, BW, CD, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Vectors {
    /// The widest that the processor has, and the environment variable `ANSEL_INSTRUCTIONS` allows.
    pub fn best() -> Self {
        static BEST: OnceLock<Vectors> = OnceLock::new();
        let allowed = || std::env::var("ANSEL_INSTRUCTIONS").unwrap_or_default();
        *BEST.get_or_init(|| match allowed().as_str() {
            "scalar" => Self::Portable,
            "avx2" | "vnni256" => Self::all().into_iter().take(2).last().unwrap_or(Self::Portable),
            _ => Self::all().into_iter().last().unwrap_or(Self::Portable),
        })
    }

    /// All that the processor has, the narrowest first.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = pulp::x86::V3::try_new().map(Self::Avx2);
            let avx512 = pulp::x86::V4::try_new().map(Self::Avx512);
            [Some(Self::Portable), avx2, avx512].into_iter().flatten().collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Self::Portable]
    }

    /// Runs something with these instructions; all that it calls has to be `inline(always)`.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self {
            Self::Portable => work(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(work),
        }
    }
}
