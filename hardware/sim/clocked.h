// What board.cpp and serial.cpp have in common: bytes that wait to be taken, clock edges as long as
// there is something to do, and the calls for them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>

#include "verilated.h"

double sc_time_stamp() { return 0; }

class Clocked {
  public:
    // seed: of what memories and registers hold before they are written; 0: zeros.
    explicit Clocked(int seed) {
        if (seed) {
            context_->randSeed(seed);
            context_->randReset(2);
        }
    }
    virtual ~Clocked() = default;

    virtual void put(const uint8_t *data, size_t count) = 0;

    size_t get(uint8_t *data, size_t most) {
        const size_t count = std::min(most, out_.size());
        std::copy_n(out_.begin(), count, data);
        out_.erase(out_.begin(), out_.begin() + count);
        return count;
    }

    // Clock until there is nothing to do, `most` cycles have passed, or `full` bytes wait to be taken.
    uint64_t run(uint64_t most, size_t full) {
        const uint64_t begin = cycles_;
        while (cycles_ - begin < most && out_.size() < full && !idle()) cycle();
        return cycles_ - begin;
    }

    virtual bool idle() const = 0;
    uint64_t cycles() const { return cycles_; }

  protected:
    virtual void cycle() = 0;

    std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
    std::deque<uint8_t> out_;
    uint64_t cycles_ = 0;
};

extern "C" {

void vau_board_close(void *board) { delete static_cast<Clocked *>(board); }
void vau_board_put(void *board, const uint8_t *data, size_t count) { static_cast<Clocked *>(board)->put(data, count); }
size_t vau_board_get(void *board, uint8_t *data, size_t most) { return static_cast<Clocked *>(board)->get(data, most); }
uint64_t vau_board_run(void *board, uint64_t most, size_t full) { return static_cast<Clocked *>(board)->run(most, full); }
int vau_board_idle(void *board) { return static_cast<Clocked *>(board)->idle(); }
uint64_t vau_board_cycles(void *board) { return static_cast<Clocked *>(board)->cycles(); }
}
