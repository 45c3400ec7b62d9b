//! The scale of effort: the choice of networks, and how they are fitted to the image.

use std::str::FromStr;

use super::options::Effort;
use crate::base::error::Error;

/// A level of effort, from 1 (fastest) to 9 (smallest files). It determines the networks, and how they are fitted to
/// the image.
///
/// ```
/// use ansel::{Codec, Effort, Level};
///
/// let level: Level = "high".parse()?; // or "8"
/// assert_eq!((level.model(), level.effort()), ("default", Effort::Max));
/// let codec = Codec::builder().level(level).build()?;
/// # Ok::<(), ansel::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

const NAMES: [(&str, u8); 5] = [("fast", 4), ("low", 5), ("default", 6), ("high", 8), ("max", 9)];

impl Default for Level {
    fn default() -> Self {
        Self(6)
    }
}

impl FromStr for Level {
    type Err = Error;

    /// # Errors
    /// [`Error::Misuse`] for text other than a number from 1 to 9, `fast`, `low`, `default`, `high` or `max`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
        match named.or_else(|| text.parse().ok()) {
            Some(level @ 1..=9) => Ok(Self(level)),
            _ => {
                let names = NAMES.map(|(name, _)| name).join(", ");
                Err(Error::Misuse(format!("effort {text:?}: 1 to 9 or a name is needed: {names}")))
            }
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Level {
    /// The name of the level's networks.
    #[must_use]
    pub fn model(self) -> &'static str {
        match self.0 {
            1 | 2 => "turbo",
            3 | 4 => "fast",
            7 | 9 => "max",
            _ => "default",
        }
    }

    /// How the level fits them to the image.
    #[must_use]
    pub fn effort(self) -> Effort {
        match self.0 {
            1 | 3 | 5 => Effort::Low,
            8 | 9 => Effort::Max,
            _ => Effort::Default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_models_and_efforts_and_have_names() {
        let level = |text: &str| text.parse::<Level>().map(|level| (level.model(), level.effort())).expect("a level");
        for (texts, expected) in [
            (&["1"][..], ("turbo", Effort::Low)),
            (&["2"], ("turbo", Effort::Default)),
            (&["3"], ("fast", Effort::Low)),
            (&["4", "fast"], ("fast", Effort::Default)),
            (&["5", "low"], ("default", Effort::Low)),
            (&["6", "default"], ("default", Effort::Default)),
            (&["7"], ("max", Effort::Default)),
            (&["8", "high"], ("default", Effort::Max)),
            (&["9", "max"], ("max", Effort::Max)),
        ] {
            for text in texts {
                assert_eq!(level(text), expected, "{text}");
            }
        }
        assert_eq!(Level::default().to_string(), "6");
        for wrong in ["0", "10", "-1", "", "Max", "best"] {
            assert!(matches!(wrong.parse::<Level>(), Err(Error::Misuse(_))), "{wrong}");
        }
    }
}
