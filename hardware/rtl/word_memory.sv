// A small memory with one write and one registered read port; a word that is read while it is
// written reads as it was. The width includes the parity bit, if there is one.
module word_memory #(
    parameter int WIDTH = 9,
    parameter int WORDS = 256,
    parameter int ADDRESS = $clog2(WORDS)
) (
    input  logic               clk,
    input  logic               write,
    input  logic [ADDRESS-1:0] write_address,
    input  logic [WIDTH-1:0]   write_word,
    input  logic               read,
    input  logic [ADDRESS-1:0] read_address,
    output logic [WIDTH-1:0]   read_word
`ifdef FAULT_INJECT
    , input logic               flip
    , input logic [ADDRESS-1:0] flip_address
    , input logic [4:0]         flip_bit
`endif
);
    logic [WIDTH-1:0] words [0:WORDS-1];

    always_ff @(posedge clk) begin
        if (write) words[write_address] <= write_word;
        if (read) read_word <= words[read_address];
`ifdef FAULT_INJECT
        if (flip) words[flip_address] <= words[flip_address] ^ (WIDTH'(1) << flip_bit);
`endif
    end
endmodule
