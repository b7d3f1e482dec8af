// The weights and biases of a die: a row of N bytes and its odd parity per cycle, one port, as
// an SRAM macro has it. A file of its own, so that a technology can put its macro here.
module weight_memory #(
    parameter int N = 96,
    parameter int ROWS = 880,
    parameter int ADDRESS = $clog2(ROWS)
) (
    input  logic               clk,
    input  logic               enable,
    input  logic               write,
    input  logic [ADDRESS-1:0] address,
    input  logic [8*N:0]       write_row, // bit 8 * N is the parity
    output logic [8*N:0]       read_row
`ifdef FAULT_INJECT
    , input logic               flip
    , input logic [ADDRESS-1:0] flip_address
    , input logic [9:0]         flip_bit
`endif
);
    logic [8*N:0] rows [0:ROWS-1];

    always_ff @(posedge clk) begin
        if (enable) begin
            if (write) rows[address] <= write_row;
            else read_row <= rows[address];
        end
`ifdef FAULT_INJECT
        if (flip) rows[flip_address] <= rows[flip_address] ^ ((8 * N + 1)'(1) << flip_bit);
`endif
    end
endmodule
