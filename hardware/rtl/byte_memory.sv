// Bytes with one write and one registered read port.
module byte_memory #(
    parameter int BYTES = 1024,
    parameter int ADDRESS = $clog2(BYTES)
) (
    input  logic               clk,
    input  logic               write,
    input  logic [ADDRESS-1:0] write_address,
    input  logic [7:0]         write_data,
    input  logic [ADDRESS-1:0] read_address,
    output logic [7:0]         read_data
);
    logic [7:0] bytes [0:BYTES-1];

    always_ff @(posedge clk) begin
        if (write) bytes[write_address] <= write_data;
        read_data <= bytes[read_address];
    end
endmodule
