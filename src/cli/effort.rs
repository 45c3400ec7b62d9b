//! The scale of effort: which networks, and how they are fitted to the image.

use std::str::FromStr;

use ansel::Effort;

/// A level of effort, 1 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(u8);

const NAMES: [(&str, u8); 5] = [("fast", 3), ("low", 5), ("default", 6), ("high", 8), ("max", 9)];

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
        match named.or_else(|| text.parse().ok()) {
            Some(level @ 1..=9) => Ok(Self(level)),
            _ => Err(format!("1 to 9 or a name is needed: {}", NAMES.map(|(name, _)| name).join(", "))),
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Level {
    /// The name of the networks.
    pub fn model(self) -> &'static str {
        match self.0 {
            1..=4 => "fast",
            7 | 9 => "max",
            _ => "default",
        }
    }

    /// What the library calls effort.
    pub fn effort(self) -> Effort {
        match self.0 {
            1 | 2 | 5 => Effort::Low,
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
        let level = |text: &str| text.parse::<Level>().map(|level| (level.model(), level.effort()));
        for (texts, expected) in [
            (&["1", "2"][..], ("fast", Effort::Low)),
            (&["3", "4", "fast"], ("fast", Effort::Default)),
            (&["5", "low"], ("default", Effort::Low)),
            (&["6", "default"], ("default", Effort::Default)),
            (&["7"], ("max", Effort::Default)),
            (&["8", "high"], ("default", Effort::Max)),
            (&["9", "max"], ("max", Effort::Max)),
        ] {
            for text in texts {
                assert_eq!(level(text), Ok(expected), "{text}");
            }
        }
        for wrong in ["0", "10", "-1", "", "Max", "best"] {
            assert!(level(wrong).is_err(), "{wrong}");
        }
    }
}
