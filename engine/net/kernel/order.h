// The batch order of each model, number for number as rng.BatchOrder draws it with numpy.
#pragma once
#include <algorithm>
#include <cstdint>

constexpr int PHILOX_NUMBERS = 8;  // drawn at a time

// Random numbers by counting. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, §3.3.
struct Philox {
    uint64_t key[2], counter;
    uint32_t numbers[PHILOX_NUMBERS];
    int64_t used;  // of the numbers

    static void multiply(uint64_t factor, uint64_t& low, uint64_t& high) {
        const unsigned __int128 product = static_cast<unsigned __int128>(factor) * low;
        low = uint64_t(product);
        high = uint64_t(product >> 64);
    }

    void refill() {
        uint64_t w[4] = {++counter, 0, 0, 0}, k[2] = {key[0], key[1]};
        for (int round = 0; round < 10; round++) {
            uint64_t high[2];
            multiply(0xD2E7470EE14C6C93, w[0], high[0]);
            multiply(0xCA5A826395121157, w[2], high[1]);
            const uint64_t low = w[0];
            w[0] = high[1] ^ w[1] ^ k[0];
            w[1] = w[2];
            w[2] = high[0] ^ w[3] ^ k[1];
            w[3] = low;
            k[0] += 0x9E3779B97F4A7C15;
            k[1] += 0xBB67AE8584CAA73B;
        }
        for (int i = 0; i < PHILOX_NUMBERS; i++) numbers[i] = uint32_t(w[i / 2] >> (i % 2 * 32));
        used = 0;
    }

    uint32_t next() {
        if (used == PHILOX_NUMBERS) refill();
        return numbers[used++];
    }

    int64_t drawn() const { return (int64_t(counter) - 1) * PHILOX_NUMBERS + used; }
};

struct Order {
    Philox random;
    int64_t* epoch;  // (size), shuffled
    int64_t size, taken;  // of the epoch
    int64_t began;  // random numbers drawn before it
};

// Each place from the last on changes with one at or before it: the first of the random numbers, cut to the length of
// the place's own, that is small enough. One that is not changes nothing, so that no branch has to be guessed.
static void shuffle(Order& order) {
    int64_t* epoch = order.epoch;
    order.began = order.random.drawn();
    for (int64_t i = 0; i < order.size; i++) epoch[i] = i;
    for (uint32_t place = uint32_t(order.size - 1), mask = ~0u; place > 0;) {
        while (mask >> 1 >= place) mask >>= 1;
        const uint32_t drawn = order.random.next() & mask;
        const bool fits = drawn <= place;
        const uint32_t other = fits ? drawn : place;
        const int64_t moved = epoch[place];
        epoch[place] = epoch[other];
        epoch[other] = moved;
        place -= fits;
    }
    order.taken = 0;
}

// Writes the examples (models, steps, batch) of the next steps: epochs end to end, a batch may span two of them.
extern "C" void draw(Order* orders, int64_t models, int64_t steps, int64_t batch, int64_t* rows) {
    for (int64_t m = 0; m < models; m++) {
        Order& order = orders[m];
        for (int64_t left = steps * batch; left > 0;) {
            if (order.taken == order.size) shuffle(order);
            const int64_t count = std::min(left, order.size - order.taken);
            rows = std::copy_n(order.epoch + order.taken, count, rows);
            order.taken += count;
            left -= count;
        }
    }
}
