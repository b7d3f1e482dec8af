// Bytes that came while a request was being executed. A port that cannot wait loses what does not
// fit; whoever drives it says so.
module receive_buffer #(
    parameter int BYTES = 8192
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       in_valid,
    output logic       in_ready,
    input  logic [7:0] in_data,
    output logic       out_valid,
    input  logic       out_ready,
    output logic [7:0] out_data,
    output logic       holds_any
);
    localparam int BITS = $clog2(BYTES);

    logic [7:0]      bytes [0:BYTES-1];
    logic [BITS:0]   written, read; // one bit more than an address: full is not empty

    wire filled = written[BITS-1:0] == read[BITS-1:0] && written[BITS] != read[BITS];
    // The byte at the head is fetched into a register, so that the memory may be a block RAM.
    wire fetch = written != read && (!out_valid || out_ready);

    assign in_ready = !filled;
    assign holds_any = written != read || out_valid;

    always_ff @(posedge clk) begin
        if (in_valid && in_ready) bytes[written[BITS-1:0]] <= in_data;
        if (fetch) out_data <= bytes[read[BITS-1:0]];
    end

    always_ff @(posedge clk) begin
        if (reset) begin
            written <= '0;
            read <= '0;
            out_valid <= 1'b0;
        end else begin
            if (in_valid && in_ready) written <= written + 1'b1;
            if (fetch) read <= read + 1'b1;
            if (fetch) out_valid <= 1'b1;
            else if (out_ready) out_valid <= 1'b0;
        end
    end
endmodule
