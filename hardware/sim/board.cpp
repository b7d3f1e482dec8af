// A board for whoever loads this library: bytes in, bytes out, and clock edges in between.
//
// The host and the dies are Verilator's; with WHOLE it is rtl/board.sv in one piece instead, as the
// check of the wiring in array.h. Parameters come as macros: VAU_ROWS, VAU_COLUMNS, VAU_KAPPA.
#include <deque>
#include <memory>
#include <vector>

#include "clocked.h"
#ifdef WHOLE
#include "Vboard.h"
#include "Vboard___024root.h"
#else
#include "Vhost.h"
#include "array.h"
#ifdef PROOF
#include "Vdie___024root.h"
#endif
#endif

namespace {

constexpr int dies = VAU_ROWS * VAU_COLUMNS;

// What a fault does until it has done it. Kinds as in rtl/die.sv; 8: a cycle is counted too many;
// 9: the host alone hears a beat of the dies wrong, with a flipped bit (0 to 7), or not at all (8).
struct Fault {
    int die = 0;
    uint64_t inject = 0;
    int cycles_left = 0;
    int cycles_before = 0; // of 9: in which dies speak, and the host hears them
    bool waits_for_beat = false;
};

class Board final : public Clocked {
  public:
    explicit Board(uint64_t serial, uint32_t rate_hz, int seed) : Clocked(seed) {
#ifdef WHOLE
        top_ = std::make_unique<Vboard>(context_.get(), "");
#else
        top_ = std::make_unique<Vhost>(context_.get(), "");
#endif
        top_->clk = 0;
        top_->serial = serial;
        top_->rate_hz = rate_hz;
        top_->rx_overrun = 0;
        for (int at = 0; at < 4; at++) clock(true);
    }

    void put(const uint8_t *data, size_t count) override { in_.insert(in_.end(), data, data + count); }

    bool idle() const override { return !top_->working && in_.empty(); }
    void set_rate(uint32_t rate_hz) { top_->rate_hz = rate_hz; }
    void overrun() { top_->rx_overrun = 1; }

    void trace(bool on) { tracing_ = on; traced_.clear(); }
    const std::vector<uint8_t> &traced() const { return traced_; }

#ifdef FAULT_INJECT
    void inject(const Fault &fault) { faults_.push_back(fault); }
#endif

  private:
    void cycle() override { clock(false); }

    void clock(bool reset) {
        top_->reset = reset;
        top_->rx_valid = !in_.empty();
        top_->rx_data = in_.empty() ? 0 : in_.front();
        top_->tx_ready = 1;
        const bool takes = top_->rx_valid && top_->rx_ready && !reset;
        const bool gives = top_->tx_valid && !reset;
        const uint8_t given = top_->tx_data;
#ifndef WHOLE
        // Dies that sleep stand still, as do their registers.
        bool awake = top_->awake || reset;
#ifdef FAULT_INJECT
        awake = true;
        prepare_faults();
#endif
        const Beat bus = array_.bus({bool(top_->host_valid), bool(top_->host_command),
                                     uint8_t(top_->host_data), bool(top_->host_parity)});
        if (tracing_) trace_pins(bus);
        if (awake) array_.clock(bus, top_->die_reset || reset);
        Beat heard = bus;
#ifdef FAULT_INJECT
        if (bus.valid && !top_->host_valid) mishear(heard);
#endif
        top_->bus_valid = heard.valid;
        top_->bus_command = heard.command;
        top_->bus_data = heard.data;
        top_->bus_parity = heard.parity;
#else
        if (tracing_) trace_pins();
#endif
        top_->clk = 1;
        top_->eval();
        top_->clk = 0;
        top_->rx_overrun = 0;
        top_->eval();
        if (takes) in_.pop_front();
        if (gives) out_.push_back(given);
        cycles_++;
    }

    void trace_byte(int value) { traced_.push_back(uint8_t(value)); }

#ifdef WHOLE
    // In the order of trace_pins below; nothing of the inside.
    void trace_pins() {
        const auto &root = *top_->rootp;
        trace_byte(root.board__DOT__bus_valid);
        trace_byte(root.board__DOT__host_command);
        trace_byte(root.board__DOT__bus_data);
        trace_byte(root.board__DOT__bus_parity);
        for (int die = 0; die < dies; die++) {
            trace_byte(bit(root.board__DOT__east_valid, die));
            trace_byte(octet(root.board__DOT__east_data, die));
            trace_byte(bit(root.board__DOT__east_parity, die));
            trace_byte(bit(root.board__DOT__back_valid, die));
            trace_byte(octet(root.board__DOT__back_data, die));
            trace_byte(bit(root.board__DOT__back_parity, die));
        }
    }
    template <class Word> static int bit(const Word &word, int at) { return (word >> at) & 1; }
    template <size_t Words> static int octet(const VlWide<Words> &word, int at) {
        return (word[at / 4] >> (8 * (at % 4))) & 0xFF;
    }
    template <class Word> static int octet(const Word &word, int at) { return (word >> (8 * at)) & 0xFF; }
#else
    // The in-bus, then the links of each die, then with PROOF its phase, gate, index and sums.
    void trace_pins(const Beat &bus) {
        trace_byte(bus.valid);
        trace_byte(bus.command);
        trace_byte(bus.data);
        trace_byte(bus.parity);
        for (int die = 0; die < dies; die++)
            for (const Beat &beat : {array_.east(die), array_.back(die)}) {
                trace_byte(beat.valid);
                trace_byte(beat.data);
                trace_byte(beat.parity);
            }
#ifdef PROOF
        for (int die = 0; die < dies; die++) trace_inside(*array_.die(die).rootp);
#endif
    }
#ifdef PROOF
    void trace_word(int value) {
        trace_byte(value & 0xFF);
        trace_byte(value >> 8 & 0xFF);
    }
    void trace_inside(Vdie___024root &root) {
        trace_byte(root.die__DOT__phase);
        trace_byte(root.die__DOT__gate);
        trace_word(root.die__DOT__index);
        for (int unit = 0; unit < VAU_N; unit++) trace_word(root.die__DOT__lanes__DOT__accumulator[unit]);
    }
#endif
#endif

#ifdef FAULT_INJECT
    void prepare_faults() {
        for (int die = 0; die < dies; die++) array_.die(die).inject = 0;
        top_->miscount = 0;
        for (Fault &fault : faults_) {
            const int kind = fault.inject >> 32;
            if (kind == 8) {
                top_->miscount = 1;
                continue;
            }
            if (kind == 9) continue; // mishear
            if (fault.waits_for_beat) {
                const Vdie &die = array_.die(fault.die);
                if (!(kind == 5 ? die.east_valid : die.back_valid)) continue;
                fault.waits_for_beat = false;
            }
            if (fault.cycles_left == 0) continue;
            if (fault.cycles_left > 0) fault.cycles_left--;
            array_.die(fault.die).inject = fault.inject;
            array_.die(fault.die).eval(); // what it drives changes at once
        }
    }
    void mishear(Beat &heard) {
        for (Fault &fault : faults_) {
            if (fault.inject >> 32 != 9 || fault.cycles_left == 0) continue;
            if (fault.cycles_before-- > 0) continue;
            fault.cycles_left--;
            const int bit = fault.inject & 0xFFFF;
            if (bit == 8) heard = {};
            else heard.data ^= 1 << bit;
        }
    }
    std::vector<Fault> faults_;
#endif

#ifdef WHOLE
    std::unique_ptr<Vboard> top_;
#else
    Array array_{context_.get(), VAU_ROWS, VAU_COLUMNS};
    std::unique_ptr<Vhost> top_;
#endif
    std::deque<uint8_t> in_;
    bool tracing_ = false;
    std::vector<uint8_t> traced_;
};

Board &of(void *board) { return *static_cast<Board *>(static_cast<Clocked *>(board)); }

} // namespace

extern "C" {

void *vau_board_open(uint64_t serial, uint32_t rate_hz, int seed) {
    return static_cast<Clocked *>(new Board(serial, rate_hz, seed));
}
void vau_board_set_rate(void *board, uint32_t rate_hz) { of(board).set_rate(rate_hz); }
void vau_board_overrun(void *board) { of(board).overrun(); }
void vau_board_trace(void *board, int on) { of(board).trace(on != 0); }
size_t vau_board_traced(void *board, const uint8_t **data) {
    const auto &traced = of(board).traced();
    *data = traced.data();
    return traced.size();
}

#ifdef FAULT_INJECT
// kind: rtl/die.sv, `inject`, or 8 or 9. Flips of memory last one cycle, those of a beat the next beat
// (of 9: the beat of that number among those to come, from 0); 7 and 8 stay until the board is closed.
void vau_board_inject(void *board, int die, int kind, int where, int bit) {
    Fault fault;
    fault.die = die;
    fault.inject = uint64_t(kind) << 32 | uint64_t(where & 0xFFFF) << 16 | uint64_t(bit & 0xFFFF);
    fault.waits_for_beat = kind == 5 || kind == 6;
    fault.cycles_left = fault.waits_for_beat || kind == 9 ? VAU_KAPPA : kind == 7 ? -1 : 1;
    fault.cycles_before = where * VAU_KAPPA;
    of(board).inject(fault);
}
#endif
}
