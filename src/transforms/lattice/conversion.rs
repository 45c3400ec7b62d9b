//! The conversions from luma and chroma to RGB, in integers. Format: section "Lattice".

/// Luma, blue chroma and red chroma; or red, green and blue.
pub(super) type Triple = [i32; 3];

/// A conversion from 8-bit luma and chroma to 8-bit RGB. The discriminants are those of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Conversion {
    /// PhotoCD, as in the Kodak images.
    PhotoCd = 0,
    /// JFIF (BT.601, full range), as in libjpeg.
    Jfif = 1,
    /// BT.601, studio range, as in libwebp.
    WebP = 2,
    /// BT.601, studio range, rounded to nearest.
    Bt601 = 3,
    /// BT.709, studio range, rounded to nearest.
    Bt709 = 4,
    /// BT.709, full range, rounded to nearest.
    Bt709Full = 5,
}

/// Coefficients of a conversion that rounds to nearest, in units of 2^-16.
struct Coefficients {
    luma: i32,
    luma_offset: i32,
    red_of_red: i32,
    green_of_blue: i32,
    green_of_red: i32,
    blue_of_blue: i32,
}

const fn coefficients(luma: i32, luma_offset: i32, chroma: [i32; 4]) -> Coefficients {
    let [red_of_red, green_of_blue, green_of_red, blue_of_blue] = chroma;
    Coefficients { luma, luma_offset, red_of_red, green_of_blue, green_of_red, blue_of_blue }
}

const JFIF: Coefficients = coefficients(65536, 0, [91881, -22554, -46802, 116130]);
const BT601: Coefficients = coefficients(76309, 16, [104597, -25675, -53279, 132201]);
const BT709: Coefficients = coefficients(76309, 16, [117489, -13975, -34925, 138438]);
const BT709_FULL: Coefficients = coefficients(65536, 0, [103206, -12276, -30679, 121609]);

impl Conversion {
    /// All conversions, in the order of the format.
    pub const ALL: [Self; 6] = [Self::PhotoCd, Self::Jfif, Self::WebP, Self::Bt601, Self::Bt709, Self::Bt709Full];

    /// Converts luma and chroma to RGB.
    #[inline]
    pub fn convert(self, triple: Triple) -> Triple {
        self.unclipped(triple).map(|sample| sample.clamp(0, 255))
    }

    /// Converts luma and chroma to RGB, without clipping to 8 bits.
    #[inline]
    pub fn unclipped(self, [luma, blue, red]: Triple) -> Triple {
        match self {
            Self::PhotoCd => {
                let (luma, blue, red) = (13584 * luma, 22179 * (blue - 156), 18215 * (red - 137));
                let green = luma - 1940 * blue.div_euclid(10000) - 5090 * red.div_euclid(10000);
                [luma + red, green, luma + blue].map(|sample| sample.div_euclid(10000))
            }
            Self::WebP => {
                let scaled = |sample: i32, factor: i32| (sample * factor) >> 8;
                let luma = scaled(luma, 19077);
                let green = luma - scaled(blue, 6419) - scaled(red, 13320) + 8708;
                [luma + scaled(red, 26149) - 14234, green, luma + scaled(blue, 33050) - 17685].map(|sample| sample >> 6)
            }
            Self::Jfif => JFIF.unclipped([luma, blue, red]),
            Self::Bt601 => BT601.unclipped([luma, blue, red]),
            Self::Bt709 => BT709.unclipped([luma, blue, red]),
            Self::Bt709Full => BT709_FULL.unclipped([luma, blue, red]),
        }
    }
}

impl Coefficients {
    #[inline]
    fn unclipped(&self, [luma, blue, red]: Triple) -> Triple {
        let (luma, blue, red) = (self.luma * (luma - self.luma_offset) + 32768, blue - 128, red - 128);
        let green = luma + self.green_of_blue * blue + self.green_of_red * red;
        [luma + self.red_of_red * red, green, luma + self.blue_of_blue * blue].map(|sample| sample >> 16)
    }
}
