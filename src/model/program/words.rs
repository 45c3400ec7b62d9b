//! The words of a program's text.

use std::ops::Range;
use std::str::FromStr;

use super::{BaseChannels, MAX_PATCH_CHANNELS, MAX_PRIOR_COMPONENTS, TRANSLATION_MAX};
use crate::base::error::{Error, Result};
use crate::entropy::bijections::{self, Distribution, EXPONENT_MAX, SHARE_BITS, Share};
use crate::model::contract::refuse;

/// The words of a line.
pub(super) struct Words<'a>(std::str::SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    pub fn of(line: &'a str) -> Self {
        Self(line.split_ascii_whitespace())
    }

    pub fn word(&mut self) -> Result<&'a str> {
        self.0.next().ok_or_else(|| Error::Model("a line of a program ends early".to_owned()))
    }

    fn number<T: FromStr>(&mut self) -> Result<T> {
        let word = self.word()?;
        word.parse().map_err(|_| Error::Model(format!("`{word}` in a program is not a number")))
    }

    /// A number of channels.
    pub fn count(&mut self) -> Result<usize> {
        match self.number()? {
            count if (1..=MAX_PATCH_CHANNELS).contains(&count) => Ok(count),
            count => refuse(format!("{count} channels")),
        }
    }

    pub fn numbers(&mut self, count: usize, magnitude: i32) -> Result<Vec<i32>> {
        let numbers = (0..count).map(|_| self.number()).collect::<Result<Vec<i32>>>()?;
        match numbers.iter().find(|number| number.unsigned_abs() > magnitude.unsigned_abs()) {
            Some(number) => refuse(format!("{number} in a program, but {magnitude} is the greatest magnitude allowed")),
            None => Ok(numbers),
        }
    }

    pub fn named(&mut self, name: &str) -> Result<usize> {
        let word = self.word()?;
        if word != name {
            return refuse(format!("`{word}` in a program, not {name}"));
        }
        self.index()
    }

    /// A number that is added to others, such as an index.
    pub fn index(&mut self) -> Result<usize> {
        match self.number()? {
            number if number < 1 << 16 => Ok(number),
            number => refuse(format!("{number} in a program")),
        }
    }

    pub fn range(&mut self, name: &str) -> Result<Range<usize>> {
        let start = self.named(name)?;
        let length: usize = self.number()?;
        if length > MAX_PATCH_CHANNELS { refuse(format!("{length} channels")) } else { Ok(start..start + length) }
    }

    /// Whether this word comes next; if so, reads it.
    pub fn next_is(&mut self, word: &str) -> bool {
        let mut after = self.0.clone();
        let is = after.next() == Some(word);
        if is {
            self.0 = after;
        }
        is
    }

    /// A base distribution, of which one need not be named, and its channels.
    pub fn base_channels(&mut self) -> Result<BaseChannels> {
        let gaussian = self.next_is("gaussian");
        let distribution = if gaussian { Distribution::Gaussian } else { Distribution::Logistic };
        Ok(BaseChannels { distribution, count: self.count()? })
    }

    /// Channels with a mixture each: the weights of all components of all channels, their means, and their exponents.
    pub fn mixtures(&mut self) -> Result<BaseChannels> {
        let (count, components) = (self.count()?, self.index()?);
        if !(1..=MAX_PRIOR_COMPONENTS).contains(&components) {
            return refuse(format!("mixtures of {components} components"));
        }
        let mut numbers = |most: i32| self.numbers(count * components, most);
        let (weights, means, exponents) =
            (numbers(1 << SHARE_BITS)?, numbers(TRANSLATION_MAX)?, numbers(EXPONENT_MAX)?);
        if weights.iter().any(|&weight| weight < 0)
            || weights.chunks(components).any(|weights| weights.iter().sum::<i32>() != 1 << SHARE_BITS)
        {
            return refuse("weights of mixtures that are not shares of the whole");
        }
        let shares = weights.iter().zip(means.iter().zip(&exponents));
        let shares: Vec<Share> =
            shares.map(|(&weight, (&mean, &exponent))| Share { weight: weight as u32, mean, exponent }).collect();
        let tables = shares.chunks(components).map(bijections::mixture).collect();
        Ok(BaseChannels { distribution: Distribution::Mixtures(tables), count })
    }

    pub fn end(&mut self) -> Result<()> {
        self.0.next().map_or(Ok(()), |word| refuse(format!("`{word}` at the end of a line of a program")))
    }
}
