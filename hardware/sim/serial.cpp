// fpga/board_uart.sv for whoever loads this library: the same calls as board.cpp has, but every byte
// passes the two serial pins, bit by bit, from and to a serial port that is written here once more.
//
// What stands at the receiving pin is a queue of levels and how long each lasts, in cycles of the
// board and parts of them. So the far end may have a rate of its own, and be disturbed.
#include <deque>
#include <memory>

#include "Vboard_uart.h"
#include "clocked.h"

namespace {

struct Level {
    bool high;
    double cycles;
};

class Receiver {
  public:
    // Look at the line in the cycle `now`; true if a byte has come, which is then in `byte`.
    bool look(bool high, uint64_t now, double bit_cycles) {
        if (!hearing_) {
            if (high) return false;
            hearing_ = true;
            at_ = 0;
            next_ = now + bit_cycles / 2;
        }
        if (now < next_) return false;
        next_ += bit_cycles;
        if (at_ == 0 || at_ == 9) {
            const bool good = high == (at_ == 9);
            hearing_ = at_++ == 0 && good;
            return at_ == 10 && good;
        }
        byte = byte >> 1 | high << 7;
        at_++;
        return false;
    }
    bool hearing() const { return hearing_; }
    uint8_t byte = 0;

  private:
    bool hearing_ = false;
    int at_ = 0;
    double next_ = 0;
};

class Board final : public Clocked {
  public:
    explicit Board(int seed) : Clocked(seed) {
        top_ = std::make_unique<Vboard_uart>(context_.get(), "");
        top_->clk = 0;
        top_->rxd = 1;
        for (int at = 0; at < 32; at++) cycle(); // it wakes up by itself
    }

    void set_bit_cycles(double cycles) { bit_cycles_ = cycles; }
    void hold(bool high, double cycles) { levels_.push_back({high, cycles}); }

    void put(const uint8_t *data, size_t count) override {
        for (size_t at = 0; at < count; at++) {
            hold(false, bit_cycles_);
            for (int bit = 0; bit < 8; bit++) hold(data[at] >> bit & 1, bit_cycles_);
            hold(true, bit_cycles_);
        }
    }

    // The lines, too, have to be at rest: `quiet_` cycles are as long as it takes the port to hear a
    // byte out, or to say one.
    bool idle() const override { return levels_.empty() && quiet_ > 12 * bit_cycles_; }

  private:
    void cycle() override {
        while (!levels_.empty() && levels_.front().cycles + owed_ <= 0) {
            owed_ += levels_.front().cycles;
            levels_.pop_front();
        }
        if (levels_.empty()) owed_ = 0;
        else owed_ -= 1;
        top_->rxd = levels_.empty() || levels_.front().high;
        top_->clk = 1;
        top_->eval();
        top_->clk = 0;
        top_->eval();
        if (receiver_.look(top_->txd, cycles_, bit_cycles_)) out_.push_back(receiver_.byte);
        const bool rests = levels_.empty() && !top_->working && !receiver_.hearing() && top_->txd;
        quiet_ = rests ? quiet_ + 1 : 0;
        cycles_++;
    }

    std::unique_ptr<Vboard_uart> top_;
    Receiver receiver_;
    std::deque<Level> levels_;
    double bit_cycles_ = 8;
    double owed_ = 0; // how far into the first level the line is, below 0
    uint64_t quiet_ = 0;
};

Board &of(void *board) { return *static_cast<Board *>(static_cast<Clocked *>(board)); }

} // namespace

extern "C" {

// What INFO says of it is in its parameters: the first two are board.cpp's alone.
void *vau_board_open(uint64_t, uint32_t, int seed) { return static_cast<Clocked *>(new Board(seed)); }
void vau_board_set_bit_cycles(void *board, double cycles) { of(board).set_bit_cycles(cycles); }
void vau_board_hold(void *board, int high, double cycles) { of(board).hold(high != 0, cycles); }
}
