// R x C dies, one host, and the wires between them. No logic but the OR of the in-bus.
module board #(
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
    parameter logic [127:0] RTL_HASH = 128'd0
) (
    input  logic        clk,
    input  logic        reset,
    input  logic [63:0] serial,
    input  logic [31:0] rate_hz,
    input  logic        rx_valid,
    output logic        rx_ready,
    input  logic [7:0]  rx_data,
    input  logic        rx_overrun,
    output logic        tx_valid,
    input  logic        tx_ready,
    output logic [7:0]  tx_data,
    output logic        working
);
    localparam int DIES = ROWS * COLUMNS;

    logic       die_reset, unused_awake; // real dies are clocked all the time
    logic       host_valid, host_command, host_parity;
    logic [7:0] host_data;

    // Packed, one element per die; that of `west` past the end of a row is nobody's.
    logic [DIES-1:0]   east_valid, east_parity, back_valid, back_parity;
    logic [8*DIES-1:0] east_data, back_data;

    logic       bus_valid, bus_parity;
    logic [7:0] bus_data;

    always_comb begin
        bus_valid = host_valid;
        bus_data = host_data;
        bus_parity = host_parity;
        for (int die = 0; die < DIES; die++) begin
            bus_valid = bus_valid | back_valid[die];
            bus_data = bus_data | back_data[8*die+:8];
            bus_parity = bus_parity | back_parity[die];
        end
    end

    host #(
        .N(N), .NX(NX), .ROWS(ROWS), .COLUMNS(COLUMNS), .CONTEXTS(CONTEXTS), .KAPPA(KAPPA),
        .PARITY(PARITY), .MAX_PAYLOAD(MAX_PAYLOAD), .WINDOW(WINDOW), .BUFFER_BYTES(BUFFER_BYTES),
        .PORT_WAITS(PORT_WAITS), .KIND(KIND), .CLOCK_HZ(CLOCK_HZ), .RTL_HASH(RTL_HASH)
    ) host (
        .clk, .reset, .serial, .rate_hz, .rx_valid, .rx_ready, .rx_data, .rx_overrun, .tx_valid,
        .tx_ready, .tx_data, .working, .awake(unused_awake), .die_reset, .host_valid, .host_command, .host_data, .host_parity,
        .bus_valid, .bus_command(host_command), .bus_data, .bus_parity
    );

    for (genvar at = 0; at < DIES; at++) begin : dies
        logic       west_valid, west_parity;
        logic [7:0] west_data;
        if (at % COLUMNS == 0) begin : leftmost
            assign {west_valid, west_data, west_parity} = '0;
        end else begin : follower
            assign west_valid = east_valid[at-1];
            assign west_data = east_data[8*(at-1)+:8];
            assign west_parity = east_parity[at-1];
        end
        die #(.N(N), .NX(NX), .CONTEXTS(CONTEXTS), .KAPPA(KAPPA), .PARITY(PARITY)) die (
            .clk, .reset(die_reset), .row(8'(at / COLUMNS)), .col(8'(at % COLUMNS)), .bus_valid,
            .bus_command(host_command), .bus_data, .bus_parity, .west_valid, .west_data,
            .west_parity, .east_valid(east_valid[at]), .east_data(east_data[8*at+:8]),
            .east_parity(east_parity[at]), .back_valid(back_valid[at]),
            .back_data(back_data[8*at+:8]), .back_parity(back_parity[at])
        );
    end
endmodule
