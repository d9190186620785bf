//! A sorted list of numbers whose order the caller knows: an index without a copy of what orders
//! it.

use std::cmp::Ordering;

/// Numbers per block. An insert or removal moves half of a block; a search reads one number of each
/// block that it passes.
const MAX: usize = 256;

/// The numbers, in non-empty blocks.
///
/// Each method takes an `order`, which compares a number of the list with the wanted one. A search
/// calls it as often as the count of numbers has binary digits.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    blocks: Vec<Vec<u32>>,
    len: usize,
    /// The block that was changed last: related changes are often close together.
    last_changed: usize,
}

impl Sorted {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.blocks.first()?.first().copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.blocks.iter().flatten().copied()
    }

    /// Numbers from the first one that does not come before the wanted one.
    pub(super) fn from(&self, order: impl Fn(u32) -> Ordering) -> impl Iterator<Item = u32> {
        let (block, at) = self.locate(order);
        let first = self.blocks.get(block).map_or(&[][..], |block| &block[at..]);
        first.iter().chain(self.blocks.iter().skip(block + 1).flatten()).copied()
    }

    pub(super) fn insert(&mut self, number: u32, order: impl Fn(u32) -> Ordering) {
        let (block, at) = self.locate_near(order);
        self.len += 1;
        match self.blocks.get_mut(block) {
            Some(numbers) if numbers.len() < MAX => numbers.insert(at, number),
            Some(numbers) => {
                let mut second = Vec::with_capacity(MAX);
                second.extend(numbers.drain(MAX / 2..));
                if at <= MAX / 2 {
                    numbers.insert(at, number);
                } else {
                    second.insert(at - MAX / 2, number);
                }
                self.blocks.insert(block + 1, second);
            }
            None => self.append(number),
        }
    }

    /// Appends a number and fills the last block to its end: most deadlines come in order.
    fn append(&mut self, number: u32) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < MAX => last.push(number),
            _ => {
                let mut block = Vec::with_capacity(MAX);
                block.push(number);
                self.blocks.push(block);
            }
        }
    }

    pub(super) fn remove(&mut self, number: u32, order: impl Fn(u32) -> Ordering) {
        let (block, at) = self.locate_near(order);
        let Some(numbers) =
            self.blocks.get_mut(block).filter(|numbers| numbers.get(at) == Some(&number))
        else {
            debug_assert!(false, "{number} is where its order says");
            return;
        };
        numbers.remove(at);
        self.len -= 1;
        if numbers.len() < MAX / 4 {
            self.merge(block);
        }
    }

    /// Joins a small block with a neighbour that has room for it.
    fn merge(&mut self, block: usize) {
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
            return;
        }
        let fits = |first: usize| {
            let lens = self.blocks.get(first).zip(self.blocks.get(first + 1));
            lens.is_some_and(|(first, second)| first.len() + second.len() <= MAX * 3 / 4)
        };
        if let Some(first) =
            [Some(block), block.checked_sub(1)].into_iter().flatten().find(|&first| fits(first))
        {
            let second = self.blocks.remove(first + 1);
            self.blocks[first].extend(second);
        }
    }

    /// Block and place of the first number that does not come before the wanted one.
    fn locate(&self, order: impl Fn(u32) -> Ordering) -> (usize, usize) {
        let is_before =
            |block: &Vec<u32>| block.last().is_some_and(|&last| order(last) == Ordering::Less);
        let block = self.blocks.partition_point(is_before);
        (block, self.locate_in(block, order))
    }

    /// [`locate`](Self::locate), starting at the block that was changed last.
    fn locate_near(&mut self, order: impl Fn(u32) -> Ordering) -> (usize, usize) {
        let ends =
            self.blocks.get(self.last_changed).and_then(|block| block.first().zip(block.last()));
        let is_there =
            ends.is_some_and(|(&first, &last)| order(first).is_le() && order(last).is_ge());
        let (block, at) = if is_there {
            (self.last_changed, self.locate_in(self.last_changed, order))
        } else {
            self.locate(order)
        };
        self.last_changed = block;
        (block, at)
    }

    fn locate_in(&self, block: usize, order: impl Fn(u32) -> Ordering) -> usize {
        self.blocks
            .get(block)
            .map_or(0, |block| block.partition_point(|&number| order(number).is_lt()))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;

    use super::*;

    fn check(sorted: &Sorted, model: &BTreeSet<u32>) {
        assert!(sorted.iter().eq(model.iter().copied()));
        assert_eq!((sorted.len(), sorted.first()), (model.len(), model.first().copied()));
        assert!(sorted.blocks.iter().all(|block| !block.is_empty() && block.capacity() == MAX));
    }

    #[test]
    fn it_holds_what_a_tree_holds_in_the_same_order() {
        let (mut sorted, mut model, mut rng) =
            (Sorted::default(), BTreeSet::new(), Rng::with_seed(7));
        for round in 0..40 {
            for _ in 0..1_000 {
                let number = rng.u32(0..8_000);
                let grows = rng.u32(0..40) >= round;
                if grows && model.insert(number) {
                    sorted.insert(number, |other| other.cmp(&number));
                } else if !grows && model.remove(&number) {
                    sorted.remove(number, |other| other.cmp(&number));
                }
            }
            check(&sorted, &model);
            let from = rng.u32(0..9_000);
            assert!(sorted.from(|other| other.cmp(&from)).eq(model.range(from..).copied()));
        }
    }

    #[test]
    fn numbers_that_come_in_order_fill_their_blocks() {
        let mut sorted = Sorted::default();
        for number in 0..MAX as u32 * 3 {
            sorted.insert(number, |other| other.cmp(&number));
        }
        assert_eq!(sorted.blocks.len(), 3);
    }

    #[test]
    fn blocks_that_become_small_are_joined() {
        let mut sorted = Sorted::default();
        for number in 0..MAX as u32 * 8 {
            sorted.insert(number, |other| other.cmp(&number));
        }
        for number in (0..MAX as u32 * 8).filter(|number| number % 16 > 0) {
            sorted.remove(number, |other| other.cmp(&number));
        }
        assert_eq!(sorted.len(), MAX / 2);
        assert!(sorted.blocks.len() <= 2, "{} blocks", sorted.blocks.len());
    }
}
