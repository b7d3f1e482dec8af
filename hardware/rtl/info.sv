// The INFO block, byte by byte: docs/vau-link-1.md, section 4.6.
module info #(
    parameter int N = 96,
    parameter int NX = 123,
    parameter int ROWS = 2,
    parameter int COLUMNS = 2,
    parameter int CONTEXTS = 4,
    parameter int KAPPA = 2,
    parameter int PARITY = 1,
    parameter int MAX_PAYLOAD = 1024,
    parameter int WINDOW = 4,
    parameter int BUFFER_BYTES = 8192,
    parameter int PORT_WAITS = 1,
    parameter int KIND = 0,
    parameter int CLOCK_HZ = 10_000_000,
    parameter logic [127:0] RTL_HASH = 128'd0,
    parameter logic [31:0] TABLES_CRC = 32'd0
) (
    input  logic        clk,
    input  logic [6:0]  address,
    input  logic [63:0] serial,
    input  logic [31:0] rate_hz,
    input  logic [31:0] nonce,
    output logic [7:0]  data     // in the next cycle
);
    localparam logic [127:0] SPECIFICATION = "munt-spec-0";
    localparam int SPECIFICATION_BYTES = 11;
    // STEP_N, SUM and STATE_IO; MEM_PARITY and LINK_PARITY.
    localparam logic [31:0] CAPABILITIES = 32'd7 | (PARITY != 0 ? 32'h18 : 32'd0);

    function automatic logic [127:0] first_byte_lowest(input logic [127:0] value, input int bytes);
        first_byte_lowest = 128'd0;
        for (int at = 0; at < 16; at++)
            if (at < bytes) first_byte_lowest[8*at+:8] = value[8*(bytes-1-at)+:8];
    endfunction

    wire [639:0] block = {
        PORT_WAITS != 0 ? 32'd0 : 32'(BUFFER_BYTES), rate_hz, TABLES_CRC, nonce,
        CAPABILITIES, 8'(KAPPA), 8'(WINDOW), 16'(MAX_PAYLOAD), 32'(CLOCK_HZ),
        8'(CONTEXTS), 8'd1, 8'(COLUMNS), 8'(ROWS), 16'(NX), 16'(N),
        serial, first_byte_lowest(RTL_HASH, 16), first_byte_lowest(SPECIFICATION, SPECIFICATION_BYTES),
        8'd80, 8'(KIND), 8'd1, 8'd1
    };

    always_ff @(posedge clk) data <= address < 7'd80 ? block[{address, 3'd0}+:8] : 8'd0;
endmodule
