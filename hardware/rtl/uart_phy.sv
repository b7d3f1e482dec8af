// A serial port, 8N1: bytes on one side, the two pins on the other. Nothing here can make the far end
// wait: whoever takes the bytes takes each in the cycle in which it comes.
//
// A phase wraps once a bit. The clock need not be a multiple of the baud rate: an edge is up to a
// cycle off, and no error grows.
module uart_phy #(
    parameter int CLOCK_HZ = 25_000_000,
    parameter int BAUD = 921_600      // at most a quarter of the clock; an eighth is better
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       rxd,
    output logic       rx_valid,      // for one cycle
    output logic [7:0] rx_data,
    input  logic       tx_valid,
    output logic       tx_ready,
    input  logic [7:0] tx_data,
    output logic       txd
);
    localparam int PHASE_BITS = 20;
    localparam logic [PHASE_BITS:0] STEP = (PHASE_BITS + 1)'(
        ((64'(BAUD) << PHASE_BITS) + 64'(CLOCK_HZ) / 2) / 64'(CLOCK_HZ));
    localparam logic [PHASE_BITS-1:0] HALF = 1 << (PHASE_BITS - 1);

    if (BAUD > CLOCK_HZ / 4) $error("uart_phy: a bit has to last four cycles of the clock");

    // --- in ---------------------------------------------------------------------------------
    // Start, eight bits, stop. Each is what two of three neighbouring samples say it is.
    localparam logic [3:0] START = 4'd0, STOP = 4'd9;

    logic [3:0]            samples;    // the first may be neither 0 nor 1: nobody else looks at it
    logic [PHASE_BITS-1:0] rx_phase;
    logic [3:0]            at;
    logic                  receiving;
    logic                  broken;     // no stop bit was there: wait until the line rests

    wire bit_now = (samples[1] && samples[2]) || (samples[1] && samples[3]) || (samples[2] && samples[3]);
    wire [PHASE_BITS:0] rx_next = {1'b0, rx_phase} + STEP;
    wire middle = receiving && rx_next[PHASE_BITS];

    always_ff @(posedge clk) begin
        samples <= {samples[2:0], rxd};
        rx_phase <= receiving ? rx_next[PHASE_BITS-1:0] : HALF;
        rx_valid <= !reset && middle && at == STOP && bit_now;
        if (middle && at != STOP) rx_data <= {bit_now, rx_data[7:1]};
        if (reset) begin
            receiving <= 1'b0;
            broken <= 1'b0;
        end else if (!receiving) begin
            at <= START;
            receiving <= !samples[1] && !broken;
            if (bit_now) broken <= 1'b0;
        end else if (middle) begin
            at <= at + 4'd1;
            // What was too short to be a start bit was noise.
            if (at == STOP || (at == START && bit_now)) receiving <= 1'b0;
            if (at == STOP && !bit_now) broken <= 1'b1;
        end
    end

    // --- out --------------------------------------------------------------------------------
    logic [9:0]            spaces;     // inverted, so that a register of zeros is a line at rest
    logic [3:0]            left;
    logic [PHASE_BITS-1:0] tx_phase;

    wire [PHASE_BITS:0] tx_next = {1'b0, tx_phase} + STEP;

    assign txd = !spaces[0];
    assign tx_ready = left == 4'd0;

    always_ff @(posedge clk) begin
        tx_phase <= tx_ready ? '0 : tx_next[PHASE_BITS-1:0];
        if (reset) begin
            spaces <= '0;
            left <= 4'd0;
        end else if (tx_ready) begin
            if (tx_valid) begin
                spaces <= ~{1'b1, tx_data, 1'b0};
                left <= 4'd10;
            end
        end else if (tx_next[PHASE_BITS]) begin
            spaces <= spaces >> 1;
            left <= left - 4'd1;
        end
    end
endmodule
