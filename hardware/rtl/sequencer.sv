// Where in its step the array is. Every die has one, and the host; they agree because all begin
// at the same edge. Ref: docs/munt-spec-0.md, section 6; the lengths below add up to it.
//
//   phase        indexes      cycles per index        phase        indexes      cycles per index
//   X            NI           KAPPA                   ACT          nu           1
//   BIAS         1            1                       ACT_DRAIN    1            1
//   MAC          nx + nh      1                       CELL         nu           1
//   DRAIN        2            1                       CELL_DRAIN   6            1
//   PSUM         nu + C - 2   2 * KAPPA               H            NH           KAPPA
//
// BIAS to ACT_DRAIN come four times, for the gates i, f, g, o; PSUM not at all if C = 1.
module sequencer #(
    parameter int KAPPA = 2
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        start,      // the next cycle is the first of X
    input  logic [15:0] inputs,     // NI
    input  logic [15:0] hidden,     // NH
    input  logic [7:0]  row_units,  // nu
    input  logic [8:0]  rows,       // nx + nh
    input  logic [7:0]  columns,    // C
    output logic [3:0]  phase,
    output logic [1:0]  gate,
    output logic [15:0] index,
    output logic        beat_here,  // the second cycle of an index: the beat launched in the first is captured
    output logic        high_here,  // of PSUM: so is the second beat
    output logic        index_last, // the last cycle of an index
    output logic        last        // the last cycle of a phase
);
    localparam int TICK_BITS = $clog2(2 * KAPPA);
    localparam int DRAIN_CYCLES = 2;      // the row that is read last is added; its sum is launched
    localparam int CELL_DRAIN_CYCLES = 6; // the cell path is five deep; its first h is launched

    logic [TICK_BITS-1:0] tick;
    logic [TICK_BITS-1:0] last_tick;
    logic [15:0]          last_index;
    logic [3:0]           next_phase;

    always_comb begin
        last_tick = '0;
        last_index = 16'd0;
        next_phase = phases::IDLE;
        case (phase)
            phases::X: begin
                last_tick = TICK_BITS'(KAPPA - 1);
                last_index = inputs - 16'd1;
                next_phase = phases::BIAS;
            end
            phases::BIAS: next_phase = phases::MAC;
            phases::MAC: begin
                last_index = 16'(rows) - 16'd1;
                next_phase = phases::DRAIN;
            end
            phases::DRAIN: begin
                last_index = 16'(DRAIN_CYCLES - 1);
                next_phase = columns == 8'd1 ? phases::ACT : phases::PSUM;
            end
            phases::PSUM: begin
                last_tick = TICK_BITS'(2 * KAPPA - 1);
                last_index = 16'(row_units) + 16'(columns) - 16'd3;
                next_phase = phases::ACT;
            end
            phases::ACT: begin
                last_index = 16'(row_units) - 16'd1;
                next_phase = phases::ACT_DRAIN;
            end
            phases::ACT_DRAIN: next_phase = gate == 2'd3 ? phases::CELL : phases::BIAS;
            phases::CELL: begin
                last_index = 16'(row_units) - 16'd1;
                next_phase = phases::CELL_DRAIN;
            end
            phases::CELL_DRAIN: begin
                last_index = 16'(CELL_DRAIN_CYCLES - 1);
                next_phase = phases::H;
            end
            phases::H: begin
                last_tick = TICK_BITS'(KAPPA - 1);
                last_index = hidden - 16'd1;
            end
            default: ;
        endcase
    end

    assign beat_here = tick == TICK_BITS'(1);
    assign high_here = tick == TICK_BITS'(KAPPA + 1);
    assign index_last = tick == last_tick;
    assign last = index_last && index == last_index;

    always_ff @(posedge clk) begin
        if (reset) begin
            phase <= phases::IDLE;
            gate <= 2'd0;
            index <= 16'd0;
            tick <= '0;
        end else if (start) begin
            phase <= phases::X;
            gate <= 2'd0;
            index <= 16'd0;
            tick <= '0;
        end else if (phase != phases::IDLE) begin
            tick <= index_last ? '0 : tick + 1'b1;
            if (last) begin
                phase <= next_phase;
                index <= 16'd0;
                if (phase == phases::ACT_DRAIN) gate <= gate + 2'd1;
            end else if (index_last) begin
                index <= index + 16'd1;
            end
        end
    end
endmodule
