//! Intervals <-> words, as a stack: last in, first out. Encoder and decoder may both push and pop. Format: sections
//! "Streams" and "Lanes".
//!
//! [`Stack`] is constriction's ANS coder (Duda 2013) with one state. [`LaneStack`] has one state for each lane of a
//! block, which share the words, so that a decoder knows the quantiles of 16 pixels at once (interleaved ANS, Giesen
//! 2014).
//!
//! Guarantees, for any words, even hostile ones:
//! 1. a pop of the same interval undoes a push, and a push undoes a pop, in any state, even if no words are left;
//! 2. words that no encoder wrote are popped without a panic, any number of times.
//!
//! # One state per lane
//!
//! FORMAT.md, section "Lanes", defines the bytes. Version 1 starts with an [empty stack](Stack::default) below the
//! lanes, so all states start at 2^33, and are 2^33 again when a tile has been decoded. But any stack of one state may
//! lie below: the lanes' states then start with its last words ([`LaneStack::split`]), and give them back at the end
//! ([`LaneStack::join`]). Families with latent variables need this.
//!
//! Known words: a stack of the intervals `[1000 i, 1000 i + 5000 + i)` for `i` from 39 to 0; on it, three blocks `s`
//! from 2 to 0 of `[4096 lane + s, 4096 lane + s + 2^(8 + lane))` in lanes 0 to 15. The stream has 32 words, which
//! begin with `420000db 03005e9d 04004e60` and end with `03000230 012200d0 00000020`. The stack below has 14 words by
//! itself, so lanes 14 and 15 start at 2^33.

use constriction::stream::stack::DefaultAnsCoder;
use constriction::stream::{Decode, Encode};

use super::lanes::{IntervalLanes, LANES, Lanes};
use crate::entropy::cdf::{CDF_BITS, Interval};

const QUANTILE_MASK: u64 = (1 << CDF_BITS) - 1;

/// A stack of one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack(DefaultAnsCoder);

impl Stack {
    /// The stack of a stream; `None` if the last word is zero, which no encoder writes.
    pub fn from_words(words: Vec<u32>) -> Option<Self> {
        DefaultAnsCoder::from_compressed(words).ok().map(Self)
    }

    /// The stack as a stream.
    pub fn into_words(self) -> Vec<u32> {
        match self.0.into_compressed() {
            Ok(words) => words,
            Err(never) => match never {},
        }
    }

    /// Whether the stack is empty: no words, and a state of zero.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty() && self.0.bulk().is_empty()
    }

    /// Pushes an interval, which must not be empty.
    pub fn push(&mut self, interval: Interval) {
        self.0.encode_symbol((), interval).expect("memory takes any number of words");
    }

    /// The quantile on top: the interval that contains it is the one on top.
    pub fn quantile(&self) -> u32 {
        (self.state() & QUANTILE_MASK) as u32
    }

    /// Pops an interval, which must contain the quantile on top.
    pub fn pop(&mut self, interval: Interval) {
        debug_assert!(interval.contains(self.quantile()));
        self.0.decode_symbol(interval).expect("an empty stack can be popped");
    }

    fn state(&self) -> u64 {
        constriction::stream::Code::state(&self.0)
    }

    /// Pushes a uniformly distributed number of at most 16 bits.
    pub fn push_bits(&mut self, value: u32, bits: u32) {
        let unused = CDF_BITS as u32 - bits;
        self.push(Interval { left: value << unused, probability: 1 << unused });
    }

    /// Pops a uniformly distributed number of at most 16 bits.
    pub fn pop_bits(&mut self, bits: u32) -> u32 {
        let unused = CDF_BITS as u32 - bits;
        let value = self.quantile() >> unused;
        self.pop(Interval { left: value << unused, probability: 1 << unused });
        value
    }
}

/// The least state: below it, a word is moved into the state.
const LEAST: u64 = 1 << 32;
/// The initial state of a lane if there is no word for it.
const WITHOUT_WORD: u64 = 2 << 32;

/// A stack with one state per lane. All states are at least 2^32 at all times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneStack {
    states: Lanes<u64>,
    words: Vec<u32>,
    /// Zeros that were taken from below the words, and not yet put back.
    borrowed: usize,
}

impl LaneStack {
    /// Starts the lanes on top of a stack of one state.
    pub fn split(stack: Stack) -> Self {
        let mut words = stack.into_words();
        let mut state = || words.pop().map_or(WITHOUT_WORD, |word| LEAST | u64::from(word));
        let states = std::array::from_fn(|_| state());
        Self { states, words, borrowed: 0 }
    }

    /// Inverse of [`split`](Self::split); `None` if the states are none that `split` starts with.
    pub fn join(self) -> Option<Stack> {
        let Self { states, mut words, borrowed } = self;
        for state in states.into_iter().rev() {
            match state >> 32 {
                1 => words.push(state as u32),
                _ if state == WITHOUT_WORD && words.is_empty() => {}
                _ => return None,
            }
        }
        if borrowed == 0 { Stack::from_words(words) } else { None }
    }

    /// The stack of a stream with one state per lane; `None` if no encoder writes the stream.
    pub fn from_words(words: Vec<u32>) -> Option<Self> {
        let mut stack = Stack::from_words(words)?;
        let mut states = [0; LANES];
        for state in states[1..].iter_mut().rev() {
            let bits = stack.pop_bits(5);
            let high = stack.pop_bits(bits.saturating_sub(16));
            let low = stack.pop_bits(bits.min(16));
            let top = 1 << bits | high << bits.min(16) | low;
            let word = stack.pop_bits(16) << 16 | stack.pop_bits(16);
            *state = u64::from(top) << 32 | u64::from(word);
        }
        let (words, first) = stack.0.into_raw_parts();
        states[0] = first;
        (first >= LEAST).then_some(Self { states, words, borrowed: 0 })
    }

    /// The stack as a stream.
    pub fn into_words(self) -> Vec<u32> {
        let [first, others @ ..] = self.states;
        let mut stack = Stack(DefaultAnsCoder::from_raw_parts(self.words, first));
        for state in others {
            let (top, word) = ((state >> 32) as u32, state as u32);
            let bits = top.ilog2();
            let rest = top - (1 << bits);
            stack.push_bits(word & 0xffff, 16);
            stack.push_bits(word >> 16, 16);
            stack.push_bits(rest & ((1 << bits.min(16)) - 1), bits.min(16));
            stack.push_bits(rest >> bits.min(16), bits.saturating_sub(16));
            stack.push_bits(bits, 5);
        }
        stack.into_words()
    }

    /// Pushes the intervals of the first `active` lanes, from the last lane to the first.
    pub fn push(&mut self, intervals: &IntervalLanes, active: usize) {
        for lane in (0..active).rev() {
            let Interval { left, probability } = intervals.lane(lane);
            let (left, probability) = (u64::from(left), u64::from(probability));
            let mut state = self.states[lane];
            if state >> (64 - CDF_BITS) >= probability {
                self.push_word(state as u32);
                state >>= 32;
            }
            self.states[lane] = (state / probability) << CDF_BITS | (state % probability + left);
        }
    }

    /// The quantile on top, for each lane.
    pub fn quantiles(&self) -> Lanes<i32> {
        self.states.map(|state| (state & QUANTILE_MASK) as i32)
    }

    /// Pops the intervals of the first `active` lanes, which must contain the quantiles on top.
    pub fn pop(&mut self, intervals: &IntervalLanes, active: usize) {
        for lane in 0..active {
            let Interval { left, probability } = intervals.lane(lane);
            let state = self.states[lane];
            debug_assert!(intervals.lane(lane).contains((state & QUANTILE_MASK) as u32));
            let offset = (state & QUANTILE_MASK).wrapping_sub(u64::from(left));
            let popped = (state >> CDF_BITS).wrapping_mul(u64::from(probability)).wrapping_add(offset);
            self.states[lane] = if popped < LEAST { popped << 32 | u64::from(self.pop_word()) } else { popped };
        }
    }

    fn push_word(&mut self, word: u32) {
        if word == 0 && self.borrowed > 0 && self.words.is_empty() {
            self.borrowed -= 1;
        } else {
            self.words.push(word);
        }
    }

    fn pop_word(&mut self) -> u32 {
        self.words.pop().unwrap_or_else(|| {
            self.borrowed += 1;
            0
        })
    }
}

#[cfg(test)]
mod tests;
