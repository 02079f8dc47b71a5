"""normconv's random numbers: SplitMix64, and Swift's `shuffled(using:)` with it."""

MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        product = self.next() * bound
        if product & MASK < bound:
            least = ((1 << 64) - bound) % bound
            while product & MASK < least:
                product = self.next() * bound
        return product >> 64

    def shuffled(self, count):
        order = list(range(count))
        for place in range(count - 1):
            other = place + self.below(count - place)
            order[place], order[other] = order[other], order[place]
        return order


def epoch_order(count, seed, epoch):
    """The order of the images in an epoch of a training."""
    state = SplitMix64(seed).next()
    for number in (epoch, -1):
        state = SplitMix64(state ^ (number & MASK)).next()
    return SplitMix64(state).shuffled(count)
