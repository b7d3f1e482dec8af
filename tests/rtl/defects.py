"""The defects that ./run rtl-mutants puts into the RTL: tests/rtl/mutants.py tries each."""

from dataclasses import dataclass
from typing import Final

PORT: Final = "uart_phy.sv"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit, whose old text stands in its file once."""

    name: str
    file: str
    old: str
    new: str


MUTANTS: Final = (
    Mutant(
        "a sum wraps",
        "lanes.sv",
        "wide[16] == wide[15] ? wide[15:0] : {wide[16], {15{~wide[16]}}};",
        "wide[15:0];",
    ),
    Mutant("clamps of a sum are not counted", "lanes.sv", "wide[16] != wide[15];", "1'b0;"),
    Mutant(
        "bias shifted by 6",
        "lanes.sv",
        "{row[8*unit+7], row[8*unit+:8], 7'd0}",
        "{row[8*unit+7], row[8*unit+7], row[8*unit+:8], 6'd0}",
    ),
    Mutant(
        "weights without a sign",
        "lanes.sv",
        "product = weight * activation;",
        "product = 16'({8'd0, weight}) * activation;",
    ),
    Mutant(
        "the chain wraps",
        "row_chain.sv",
        "overflows ? {exact[16], {15{~exact[16]}}} : exact[15:0];",
        "exact[15:0];",
    ),
    Mutant("a die forgets its own sum", "row_chain.sv", "+ 17'(own);", "+ 17'sd0;"),
    Mutant(
        "bytes of a partial sum swapped",
        "row_chain.sv",
        "east_data <= launched[7:0];",
        "east_data <= launched[15:8];",
    ),
    Mutant(
        "parity of a link inverted",
        "row_chain.sv",
        "east_parity = ~^east_data;",
        "east_parity = ^east_data;",
    ),
    Mutant(
        "c wraps",
        "cell_path.sv",
        "next_cell <= overflows ? {exact[31], {15{~exact[31]}}} : exact[15:0];",
        "next_cell <= exact[15:0];",
    ),
    Mutant(
        "one floor instead of two",
        "cell_path.sv",
        "(kept_part >>> 12) + (new_part >>> 12);",
        "(kept_part + new_part) >>> 12;",
    ),
    Mutant(
        "shift without a sign",
        "cell_path.sv",
        "(kept_part >>> 12) + (new_part >>> 12);",
        "(kept_part >> 12) + (new_part >>> 12);",
    ),
    Mutant("h one bit off", "cell_path.sv", "<= product[24:17];", "<= product[23:16];"),
    Mutant(
        "gates f and g exchanged",
        "cell_path.sv",
        "g <= candidate[unit[UNIT_BITS-1:0]];",
        "g <= forget_gate[unit[UNIT_BITS-1:0]];",
    ),
    Mutant(
        "no clamp of the index", "cell_path.sv", "? clamp8(argument[15:7])", "? argument[14:7]"
    ),
    Mutant(
        "index of the sigmoid one off",
        "cell_path.sv",
        ": argument[15:8];",
        ": argument[15:8] + 8'd1;",
    ),
    Mutant(
        "tables exchanged",
        "cell_path.sv",
        "{!of_tanh, ~k[7], k[6:0]}",
        "{of_tanh, ~k[7], k[6:0]}",
    ),
    Mutant(
        "an entry of tanh one too large",
        "activation_rom.sv",
        "entries[128] = 17'h00040;",
        "entries[128] = 17'h10041;",
    ),
    Mutant(
        "the last row of weights skipped",
        "sequencer.sv",
        "last_index = 16'(rows) - 16'd1;",
        "last_index = 16'(rows) - 16'd2;",
    ),
    Mutant("drain of one cycle", "sequencer.sv", "DRAIN_CYCLES = 2;", "DRAIN_CYCLES = 1;"),
    Mutant(
        "drain of the cell of five cycles",
        "sequencer.sv",
        "CELL_DRAIN_CYCLES = 6;",
        "CELL_DRAIN_CYCLES = 5;",
    ),
    Mutant(
        "a slice one too long",
        "slice_counter.sv",
        "offset == length - 8'd1;",
        "offset == length;",
    ),
    Mutant(
        "h stored where x belongs",
        "die.sv",
        "SLICE_BITS'(offset + (returns_h ? x_slice : 8'd0))};",
        "SLICE_BITS'(offset)};",
    ),
    Mutant(
        "elements are not cleared",
        "die.sv",
        "wire writes_element = arrives || stores_element || clearing;",
        "wire writes_element = arrives || stores_element;",
    ),
    Mutant("another beginning of the CRC", "checksum.sv", "32'hFFFFFFFF", "32'hFFFFFFFE"),
    Mutant("another polynomial of the CRC", "checksum.sv", "32'hEDB88320", "32'hEDB88321"),
    Mutant(
        "a step of any number is taken",
        "judge.sv",
        "words::STEP, words::STEP_N: comes_right = valid && number == steps;",
        "words::STEP, words::STEP_N: comes_right = valid;",
    ),
    Mutant(
        "what the host mishears is forgotten",
        "executor.sv",
        "if (then_go != TOLD && !found && (take",
        "if (1'b0 && (take",
    ),
    Mutant(
        "a WRITE between its parts disturbs a state",
        "executor.sv",
        "if (passes && op == words::STATE_SET) begin",
        "if (passes && (op == words::STATE_SET || op == words::WRITE)) begin",
    ),
    Mutant(
        "the last beat of h alone is told of",
        "executor.sv",
        "if (mistimed && !late) found_what",
        "if (mistimed && left == 16'd1) found_what",
    ),
    Mutant(
        "a watchdog hides what was found before",
        "executor.sv",
        "if (!late) found_what",
        "found_what",
    ),
    Mutant(
        "a part that is refused does not end its transfer",
        "host.sv",
        "!(good && (is_get || is_set))",
        "!(is_get || is_set)",
    ),
    Mutant(
        "the answers where the sums should be",
        "die.sv",
        "= {row_valid, row_data, row_parity};\n    assign {back_valid",
        "= {sender_valid, sender_data, sender_parity};\n    assign {back_valid",
    ),
    Mutant(
        "sums a cycle late",
        "die.sv",
        "assign {east_valid, east_data, east_parity} = {row_valid,",
        "always @(posedge clk) {east_valid, east_data, east_parity} <= {row_valid,",
    ),
    Mutant(
        "h and answers a cycle late",
        "die.sv",
        "assign {back_valid, back_data, back_parity} = {sender_valid,",
        "always @(posedge clk) {back_valid, back_data, back_parity} <= {sender_valid,",
    ),
    Mutant(
        "the second byte of a sum a cycle late",
        "row_chain.sv",
        "if (left == LEFT_BITS'(KAPPA)) east_data",
        "if (left == LEFT_BITS'(KAPPA - 1)) east_data",
    ),
    Mutant(
        "a sum stays a cycle too long",
        "row_chain.sv",
        "left <= LEFT_BITS'(2 * KAPPA - 1);",
        "left <= LEFT_BITS'(2 * KAPPA);",
    ),
    Mutant(
        "a beat of h or of an answer stays a cycle too long",
        "bus_sender.sv",
        "left <= LEFT_BITS'(KAPPA - 1);",
        "left <= LEFT_BITS'(KAPPA);",
    ),
    Mutant(
        "a beat of h or of an answer ends a cycle early",
        "bus_sender.sv",
        "left <= LEFT_BITS'(KAPPA - 1);",
        "left <= LEFT_BITS'(KAPPA - 2);",
    ),
    Mutant(
        "rounding where a floor is due",
        "cell_path.sv",
        "(kept_part >>> 12) + (new_part >>> 12);",
        "((kept_part + 32'sd2048) >>> 12) + (new_part >>> 12);",
    ),
    Mutant(
        "the first die gives its own sum twice",
        "row_chain.sv",
        "launched = first ? own : sum;",
        "launched = first ? own + own : sum;",
    ),
    Mutant(
        "the chain goes from right to left",
        "row_chain.sv",
        "wire first = col == 8'd0;\n    wire ends_row = col == columns - 8'd1;",
        "wire first = col == columns - 8'd1;\n    wire ends_row = col == 8'd0;",
    ),
    Mutant(
        "a slice of h goes to the column before",
        "die.sv",
        "take && slice == col;",
        "take && slice == (returns_h ? (col == columns - 8'd1 ? 8'd0 : col + 8'd1) : col);",
    ),
    Mutant(
        "beats of h and of answers last one cycle",
        "die.sv",
        "bus_sender #(.KAPPA(KAPPA))",
        "bus_sender #(.KAPPA(1))",
    ),
    Mutant(
        "what was answered is executed again",
        "command_unit.sv",
        "end else if (in_turn)",
        "end else if (in_turn || stored)",
    ),
    Mutant(
        "no reply is repeated", "command_unit.sv", "end else if (stored)", "end else if (1'b0)"
    ),
    Mutant(
        "a request of any session is taken",
        "command_unit.sv",
        "owner == 16'd0 || session != owner",
        "owner == 16'd0",
    ),
    Mutant(
        "a step with a rest of an input is taken",
        "judge.sv",
        "words::STEP: fits = whole == 16'd1 && !rest;",
        "words::STEP: fits = whole == 16'd1;",
    ),
    Mutant(
        "one credit too many", "command_unit.sv", "8'(WINDOW), reply", "8'(WINDOW + 1), reply"
    ),
    Mutant(
        "SUM leaves out the last row",
        "executor.sv",
        "state <= frames_left == 16'd1 || mute",
        "state <= frames_left == 16'd1 || (op == words::SUM && frames_left == 16'd2) || mute",
    ),
    Mutant(
        "the parity of beats is not looked at",
        "beat_receiver.sv",
        "bad = PARITY != 0 &&",
        "bad = 1'b0 &&",
    ),
    Mutant(
        "the parity of weights is not looked at",
        "die.sv",
        "weights_bad = PARITY != 0 &&",
        "weights_bad = 1'b0 &&",
    ),
    Mutant(
        "a bit is what one sample says",
        PORT,
        "wire bit_now = (samples[1] && samples[2]) ||",
        "wire bit_now = samples[2]; wire unused = (samples[1] && samples[2]) ||",
    ),
    Mutant("a stop bit is not looked at", PORT, "at == STOP && bit_now;", "at == STOP;"),
    Mutant("a spike is a start bit", PORT, "|| (at == START && bit_now)", ""),
    Mutant("a break is a byte after the other", PORT, "broken <= 1'b1;", "broken <= 1'b0;"),
    Mutant(
        "bits are heard half a bit late",
        PORT,
        "rx_next[PHASE_BITS-1:0] : HALF;",
        "rx_next[PHASE_BITS-1:0] : '0;",
    ),
    Mutant(
        "the highest bit is heard first",
        PORT,
        "{bit_now, rx_data[7:1]}",
        "{rx_data[6:0], bit_now}",
    ),
    Mutant(
        "a bit lasts a whole number of cycles",
        PORT,
        "? '0 : tx_next[PHASE_BITS-1:0];",
        "|| tx_next[PHASE_BITS] ? '0 : tx_next[PHASE_BITS-1:0];",
    ),
    Mutant("no stop bit is sent", PORT, "left <= 4'd10;", "left <= 4'd9;"),
    Mutant(
        "the highest bit is sent first",
        PORT,
        "~{1'b1, tx_data, 1'b0};",
        "~{1'b1, {<<{tx_data}}, 1'b0};",
    ),
)
