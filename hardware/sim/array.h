// Dies side by side, wired as rtl/board.sv wires them, in C++: `die` is compiled once for any
// number of dies. All outputs of a die are registers, so sampling them all and then clocking
// all is what wires do.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "Vdie.h"

struct Beat {
    bool valid = false;
    bool command = false;
    uint8_t data = 0;
    bool parity = false;

    // The in-bus is the OR of all who may speak; the silent drive zeros.
    void join(const Beat &other) {
        valid |= other.valid;
        command |= other.command;
        data |= other.data;
        parity |= other.parity;
    }
};

class Array {
  public:
    Array(VerilatedContext *context, int rows, int columns) : columns_(columns) {
        for (int die = 0; die < rows * columns; die++) {
            dies_.push_back(std::make_unique<Vdie>(context, ""));
            dies_.back()->row = die / columns;
            dies_.back()->col = die % columns;
            dies_.back()->clk = 0;
            dies_.back()->reset = 1;
            dies_.back()->eval();
        }
    }

    int size() const { return static_cast<int>(dies_.size()); }
    Vdie &die(int index) { return *dies_[index]; }

    Beat east(int index) const {
        const Vdie &die = *dies_[index];
        return {bool(die.east_valid), false, uint8_t(die.east_data), bool(die.east_parity)};
    }

    Beat back(int index) const {
        const Vdie &die = *dies_[index];
        return {bool(die.back_valid), false, uint8_t(die.back_data), bool(die.back_parity)};
    }

    // What is on the in-bus in this cycle, with what the host drives.
    Beat bus(const Beat &host) const {
        Beat beat = host;
        for (int at = 0; at < size(); at++) beat.join(back(at));
        return beat;
    }

    // One clock edge. From right to left: nobody's neighbour has been clocked before it is read.
    void clock(const Beat &bus, bool reset) {
        for (int at = size() - 1; at >= 0; at--) {
            Vdie &die = *dies_[at];
            const Beat west = at % columns_ == 0 ? Beat{} : east(at - 1);
            die.west_valid = west.valid;
            die.west_data = west.data;
            die.west_parity = west.parity;
            die.bus_valid = bus.valid;
            die.bus_command = bus.command;
            die.bus_data = bus.data;
            die.bus_parity = bus.parity;
            die.reset = reset;
            die.clk = 1;
            die.eval();
            die.clk = 0;
            die.eval();
        }
    }

  private:
    int columns_;
    std::vector<std::unique_ptr<Vdie>> dies_;
};
