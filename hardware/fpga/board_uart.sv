// A whole board for an FPGA: dies, host and serial port, behind a clock and two pins. Top of a bitstream.
//
// It resets itself when it is configured: the flip-flops of an FPGA begin with the value they are given.
module board_uart #(
    parameter int N = 16,
    parameter int NX = 112,
    parameter int ROWS = 1,
    parameter int COLUMNS = 1,
    parameter int CONTEXTS = 4,
    parameter int KAPPA = 2,
    parameter int PARITY = 1,
    parameter int MAX_PAYLOAD = 1024,
    parameter int WINDOW = 4,
    parameter int BUFFER_BYTES = 8192,
    parameter int CLOCK_HZ = 25_000_000,
    parameter int BAUD = 921_600,
    parameter logic [63:0] SERIAL = 64'd1,
    parameter logic [127:0] RTL_HASH = 128'd0
) (
    input  logic clk,
    input  logic rxd,
    output logic txd,
    output logic working // for a light: a request is being heard, executed or answered
);
    logic [3:0] asleep = 4'hF;
    wire        reset = asleep != 4'd0;

    always_ff @(posedge clk) if (reset) asleep <= asleep - 4'd1;

    logic       rx_valid, rx_ready, tx_valid, tx_ready;
    logic [7:0] rx_data, tx_data;

    uart_phy #(.CLOCK_HZ(CLOCK_HZ), .BAUD(BAUD)) port (
        .clk, .reset, .rxd, .rx_valid, .rx_data, .tx_valid, .tx_ready, .tx_data, .txd
    );

    board #(
        .N(N), .NX(NX), .ROWS(ROWS), .COLUMNS(COLUMNS), .CONTEXTS(CONTEXTS), .KAPPA(KAPPA),
        .PARITY(PARITY), .MAX_PAYLOAD(MAX_PAYLOAD), .WINDOW(WINDOW), .BUFFER_BYTES(BUFFER_BYTES),
        .PORT_WAITS(0), .KIND(1), .CLOCK_HZ(CLOCK_HZ), .RTL_HASH(RTL_HASH)
    ) board (
        .clk, .reset, .serial(SERIAL), .rate_hz(CLOCK_HZ), .rx_valid, .rx_ready, .rx_data,
        .rx_overrun(rx_valid && !rx_ready), .tx_valid, .tx_ready, .tx_data, .working
    );
endmodule
