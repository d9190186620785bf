//! Ghost queue: fingerprints of entries that were evicted unread, about as many as there are
//! entries.

/// Fingerprints per bucket.
const WAYS: usize = 8;

/// The ghost queue. Each fingerprint has a bucket, which drops its oldest one; 0 is an empty place.
/// Two keys with the same fingerprint are taken for each other, which costs no more than a better
/// place in the queues.
#[derive(Debug, Default)]
pub(super) struct Ghosts(Vec<[u32; WAYS]>);

impl Ghosts {
    /// Inserts a fingerprint into a queue of about `most`.
    pub(super) fn remember(&mut self, fingerprint: u64, most: usize) {
        self.make_room(most.div_ceil(WAYS).next_power_of_two());
        let fingerprint = narrow(fingerprint);
        let at = self.bucket_of(fingerprint);
        let bucket = &mut self.0[at];
        bucket.copy_within(..WAYS - 1, 1);
        bucket[0] = fingerprint;
    }

    /// Removes a fingerprint. Returns whether it was there.
    pub(super) fn forget(&mut self, fingerprint: u64) -> bool {
        let fingerprint = narrow(fingerprint);
        let at = self.bucket_of(fingerprint);
        let place = self
            .0
            .get_mut(at)
            .and_then(|bucket| bucket.iter_mut().find(|known| **known == fingerprint));
        place.map(|place| *place = 0).is_some()
    }

    /// Sees to it that there are so many buckets. What is known stays known, in its order.
    fn make_room(&mut self, buckets: usize) {
        if self.0.len() >= buckets {
            return;
        }
        let old = std::mem::replace(&mut self.0, vec![[0; WAYS]; buckets]);
        for known in old.iter().flat_map(|bucket| bucket.iter().rev()).filter(|&&known| known != 0)
        {
            let at = self.bucket_of(*known);
            self.0[at].copy_within(..WAYS - 1, 1);
            self.0[at][0] = *known;
        }
    }

    /// Selects the bucket by the leading bits.
    fn bucket_of(&self, fingerprint: u32) -> usize {
        let bits = self.0.len().max(1).ilog2();
        fingerprint.checked_shr(u32::BITS - bits).unwrap_or(0) as usize
    }
}

fn narrow(fingerprint: u64) -> u32 {
    (fingerprint as u32).max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Numbers with the distribution of hashes.
    fn fingerprint(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    }

    #[test]
    fn recent_fingerprints_are_known_and_old_ones_are_not() {
        const MAX: usize = 1 << 14;
        let mut ghosts = Ghosts::default();
        for number in 0..10 * MAX as u64 {
            ghosts.remember(fingerprint(number), MAX);
        }
        let known = |ghosts: &mut Ghosts, ages: std::ops::Range<u64>| {
            ages.filter(|age| ghosts.forget(fingerprint(10 * MAX as u64 - 1 - age))).count()
        };
        let quarter = MAX as u64 / 4;
        assert!(known(&mut ghosts, 0..quarter) > MAX / 4 * 9 / 10);
        assert_eq!(known(&mut ghosts, 0..quarter), 0, "each is known once");
        assert!(known(&mut ghosts, 4 * MAX as u64..5 * MAX as u64) < MAX / 20);
    }

    #[test]
    fn fingerprints_stay_when_the_queue_grows() {
        let mut ghosts = Ghosts::default();
        (0..8).for_each(|number| ghosts.remember(fingerprint(number), 1));
        ghosts.remember(fingerprint(8), 1_000);
        assert!((0..9).all(|number| ghosts.forget(fingerprint(number))));
        assert!(!ghosts.forget(0));
    }
}
