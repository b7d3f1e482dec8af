// The board's own half of vau-link/1: bytes in, bytes out, and the in-bus of the dies between.
// Ref: docs/vau-link-1.md. Each file below has one of its sections.
module host #(
    parameter int N = 96,
    parameter int NX = 123,
    parameter int ROWS = 2,
    parameter int COLUMNS = 2,
    parameter int CONTEXTS = 4,
    parameter int KAPPA = 2,
    parameter int PARITY = 1,
    parameter int MAX_PAYLOAD = 1024, // 256, 1024 or 4096
    parameter int WINDOW = 4,         // a power of two
    parameter int BUFFER_BYTES = 8192, // a power of two
    parameter int PORT_WAITS = 1,     // the port holds back what it cannot hand over: nothing is lost
    parameter int KIND = 0,           // 0 simulation, 1 FPGA
    parameter int CLOCK_HZ = 10_000_000,
    parameter logic [127:0] RTL_HASH = 128'd0
) (
    input  logic        clk,
    input  logic        reset,
    input  logic [63:0] serial,
    input  logic [31:0] rate_hz,      // cycles that it does in a second
    input  logic        rx_valid,
    output logic        rx_ready,
    input  logic [7:0]  rx_data,
    input  logic        rx_overrun,   // a byte was lost
    output logic        tx_valid,
    input  logic        tx_ready,
    output logic [7:0]  tx_data,
    output logic        working,      // something has come, or has to be said; else no clock is needed
    output logic        awake,        // the dies have something to do, or have just had
    output logic        die_reset,
    output logic        host_valid,   // its part of the in-bus
    output logic        host_command,
    output logic [7:0]  host_data,
    output logic        host_parity,
    input  logic        bus_valid,    // and the whole of it
    input  logic        bus_command,
    input  logic [7:0]  bus_data,
    input  logic        bus_parity
`ifdef FAULT_INJECT
    , input logic       miscount
`endif
);
    // CRC-32 of the activation tables, which a test compares with the ROM.
    localparam logic [31:0] TABLES_CRC = 32'h6AC542E0;
    localparam int PAYLOAD_BITS = $clog2(MAX_PAYLOAD + 4);
    localparam int REPLY_BITS = $clog2(MAX_PAYLOAD);

    logic restart;
    wire  begins = reset || restart;

    // --- bytes in ---------------------------------------------------------------------------
    logic         holds_any, in_valid, in_ready, held, junk, release_it;
    logic [7:0]   in_data, payload;
    logic [15:0]  chunk_bytes, decoded, payload_address;
    logic [127:0] header, opening;

    receive_buffer #(.BYTES(BUFFER_BYTES)) receive_buffer (
        .clk, .reset, .in_valid(rx_valid), .in_ready(rx_ready), .in_data(rx_data),
        .out_valid(in_valid), .out_ready(in_ready), .out_data(in_data), .holds_any
    );

    deframer #(.MAX_PAYLOAD(MAX_PAYLOAD)) deframer (
        .clk, .reset, .in_valid, .in_ready, .in_data, .held, .junk, .chunk_bytes, .decoded,
        .release_it, .header, .opening, .payload_address(payload_address[PAYLOAD_BITS-1:0]), .payload
    );

    // --- the request at hand ------------------------------------------------------------------
    wire [7:0]  op = header[15:8];
    wire [15:0] length = header[95:80];
    wire [31:0] address = header[127:96];
    wire [7:0]  which = address[31:24];

    logic         busy, executing, send, sending, tells_info, judged, rest, done, executed, forget, configured;
    logic [127:0] reply_header;
    logic [31:0]  nonce;
    logic [15:0]  whole, inputs, hidden, answer_bytes, state_bytes;
    logic [7:0]   die_row, die_col, verdict, status, found_die;
    logic         frame, junk_chunk, replay, seq_answered, session_answered;

    command_unit #(.N(N), .COLUMNS(COLUMNS), .WINDOW(WINDOW)) command_unit (
        .clk, .reset, .held, .junk, .header, .opening(opening[47:0]), .release_it, .busy,
        .overrun(rx_overrun), .send, .sending, .reply_header, .tells_info, .nonce, .judged, .whole,
        .rest, .die_row, .die_col, .inputs, .done, .status, .answer_bytes, .found_die, .executed,
        .forget, .restart, .frame, .junk_chunk, .replay, .seq_answered, .session_answered
    );

    // --- contexts -----------------------------------------------------------------------------
    logic        valid, getting, setting;
    logic [23:0] steps, part, set_steps;

    wire is_step = op == words::STEP || op == words::STEP_N;
    wire is_get = op == words::STATE_GET;
    wire is_set = op == words::STATE_SET;
    wire good = executed && reply_header[55:48] == words::OK;
    wire refused = executed && reply_header[55:48] == words::STATE;
    wire void_step = executed && is_step
        && (reply_header[55:48] == words::MEM || reply_header[55:48] == words::FAULT);
    wire begins_set = good && is_set && address[23:0] == 24'd0;
    wire [23:0] part_end = address[23:0] + (is_get ? 24'(opening[15:0]) : 24'(length) - 24'd8);
    wire completes = good && is_set && part_end == 24'(state_bytes);

    contexts #(.CONTEXTS(CONTEXTS)) contexts (
        .clk, .forget(begins || forget || (good && op == words::CONFIG)), .which, .valid, .steps,
        .getting, .setting, .part,
        .spoil(void_step || (refused && is_set) || (begins_set && !completes)),
        .settle(completes || (good && (is_step || op == words::STATE_RESET))),
        .steps_now(is_step ? steps + 24'(whole) : !is_set ? 24'd0
            : address[23:0] == 24'd0 ? opening[23:0] : set_steps),
        .end_transfer((executed && op != words::WRITE && !(good && (is_get || is_set))) || completes),
        .go_on(good && (is_get || is_set)), .of_set(is_set), .part_now(part_end)
    );

    always_ff @(posedge clk) if (begins_set) set_steps <= opening[23:0];

    judge #(
        .N(N), .NX(NX), .ROWS(ROWS), .COLUMNS(COLUMNS), .CONTEXTS(CONTEXTS), .MAX_PAYLOAD(MAX_PAYLOAD)
    ) judge (
        .op, .array(header[79:72]), .die(header[71:64]), .length, .address, .opening, .whole, .rest,
        .configured, .hidden, .valid, .steps, .getting, .setting, .part, .verdict
    );

    // --- the dies -----------------------------------------------------------------------------
    logic        reply_write, step_done, die_told, memory_fault, link_fault, watchdog;
    logic [15:0] reply_at, sent_at;
    logic [7:0]  reply_data, telemetry_byte, reply_byte, info_byte;
    logic [6:0]  telemetry_address;
    logic [31:0] step_cycles, cycles_unused;
    logic [95:0] told;

    executor #(
        .N(N), .NX(NX), .ROWS(ROWS), .COLUMNS(COLUMNS), .CONTEXTS(CONTEXTS), .KAPPA(KAPPA),
        .PARITY(PARITY)
    ) executor (
        .clk, .reset(begins), .start(judged), .verdict, .op, .address, .length, .opening, .die_row,
        .die_col, .whole, .valid, .setting, .steps, .done, .busy(executing), .status, .answer_bytes, .found_die,
        .configured, .hidden, .inputs, .cycles(cycles_unused), .state_bytes, .payload_address, .payload,
        .reply_write, .reply_address(reply_at), .reply_data, .telemetry_address, .telemetry_byte,
        .step_done, .step_cycles, .die_told, .told, .memory_fault, .link_fault, .watchdog,
        .out_valid(host_valid), .out_command(host_command), .out_data(host_data),
        .out_parity(host_parity), .bus_valid, .bus_command, .bus_data, .bus_parity
`ifdef FAULT_INJECT
        , .miscount
`endif
    );

    // What a die still does behind the last beat (a row that is written, a beat that is dropped) takes
    // fewer cycles than this. Whoever simulates the dies need not clock them otherwise.
    localparam logic [3:0] REST_CYCLES = 4'd15;
    logic [3:0] restless;

    always_ff @(posedge clk) begin
        die_reset <= begins;
        if (begins || executing) restless <= REST_CYCLES;
        else if (restless != 4'd0) restless <= restless - 4'd1;
    end
    assign awake = begins || executing || die_reset || restless != 4'd0;
    assign working = begins || busy || holds_any || sending || awake;

    // --- bytes out ----------------------------------------------------------------------------
    byte_memory #(.BYTES(MAX_PAYLOAD)) reply_memory (
        .clk, .write(reply_write), .write_address(reply_at[REPLY_BITS-1:0]), .write_data(reply_data),
        .read_address(sent_at[REPLY_BITS-1:0]), .read_data(reply_byte)
    );

    info #(
        .N(N), .NX(NX), .ROWS(ROWS), .COLUMNS(COLUMNS), .CONTEXTS(CONTEXTS), .KAPPA(KAPPA),
        .PARITY(PARITY), .MAX_PAYLOAD(MAX_PAYLOAD), .WINDOW(WINDOW), .BUFFER_BYTES(BUFFER_BYTES),
        .PORT_WAITS(PORT_WAITS), .KIND(KIND), .CLOCK_HZ(CLOCK_HZ), .RTL_HASH(RTL_HASH),
        .TABLES_CRC(TABLES_CRC)
    ) info (.clk, .address(sent_at[6:0]), .serial, .rate_hz, .nonce, .data(info_byte));

    framer #(.MAX_PAYLOAD(MAX_PAYLOAD)) framer (
        .clk, .reset, .send, .header(reply_header), .busy(sending), .payload_address(sent_at),
        .payload(tells_info ? info_byte : reply_byte), .out_valid(tx_valid), .out_ready(tx_ready),
        .out_data(tx_data)
    );

    telemetry telemetry (
        .clk, .reset(begins), .frame, .junk_chunk, .chunk_bytes, .decoded, .overrun(rx_overrun),
        .replay, .seq_answered, .session_answered, .step_done, .step_cycles, .die_told,
        .mac_events(told[63:40]), .chain_events(told[79:64]), .cell_events(told[95:80]),
        .memory_fault, .link_fault, .watchdog, .freeze(judged), .address(telemetry_address),
        .data(telemetry_byte)
    );
endmodule
