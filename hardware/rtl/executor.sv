// Does what a request asks of the dies, and writes the payload of its answer.
//
// Every operation is a few instructions over the in-bus; `send` and `collect` are its two
// subroutines. After whatever reads memory, each die is asked what it found (die_status.sv).
module executor #(
    parameter int N = 96,
    parameter int NX = 123,
    parameter int ROWS = 2,
    parameter int COLUMNS = 2,
    parameter int CONTEXTS = 4,
    parameter int KAPPA = 2,
    parameter int PARITY = 1
) (
    input  logic         clk,
    input  logic         reset,
    input  logic         start,
    input  logic [7:0]   verdict,       // of the judge
    input  logic [7:0]   op,
    input  logic [31:0]  address,
    input  logic [15:0]  length,
    input  logic [127:0] opening,
    input  logic [7:0]   die_row,
    input  logic [7:0]   die_col,
    input  logic [15:0]  whole,         // rows of WRITE, frames of STEP_N
    input  logic         valid,         // the context
    input  logic         setting,
    input  logic [23:0]  steps,
    output logic         done,
    output logic         busy,
    output logic [7:0]   status,
    output logic [15:0]  answer_bytes,
    output logic [7:0]   found_die,     // whom MEM and FAULT are about
    output logic         configured,
    output logic [15:0]  hidden,
    output logic [15:0]  inputs,
    output logic [31:0]  cycles,        // of the steps, all frames
    output logic [15:0]  state_bytes,
    // The request's payload, and the reply's.
    output logic [15:0]  payload_address,
    input  logic [7:0]   payload,
    output logic         reply_write,
    output logic [15:0]  reply_address,
    output logic [7:0]   reply_data,
    // Telemetry.
    output logic [6:0]   telemetry_address,
    input  logic [7:0]   telemetry_byte,
    output logic         step_done,
    output logic [31:0]  step_cycles,
    output logic         die_told,
    output logic [95:0]  told,
    output logic         memory_fault,
    output logic         link_fault,
    output logic         watchdog,
    // The in-bus.
    output logic         out_valid,
    output logic         out_command,
    output logic [7:0]   out_data,
    output logic         out_parity,
    input  logic         bus_valid,
    input  logic         bus_command,
    input  logic [7:0]   bus_data,
    input  logic         bus_parity
`ifdef FAULT_INJECT
    , input logic        miscount       // the next step is said to have taken a cycle more
`endif
);
    localparam int SLICE_BITS = $clog2(NX + N);
    localparam logic [15:0] CLEAR_CYCLES = 16'(2 ** SLICE_BITS + 8);
    localparam logic [15:0] SILENCE_CYCLES = 16'(16 * KAPPA + 16); // an answer begins sooner

    localparam logic [4:0] IDLE = 5'd0, SEND = 5'd1, COLLECT = 5'd2, WAIT = 5'd3, FILL = 5'd4;
    localparam logic [4:0] CONFIG_ROW = 5'd5, CLEAR = 5'd6, CLEARED = 5'd7, WRITTEN = 5'd8;
    localparam logic [4:0] READ_ROW = 5'd9, ROW_READ = 5'd10, RUN_FRAME = 5'd11, RUNNING = 5'd12;
    localparam logic [4:0] ASK = 5'd13, ASKED = 5'd14, TOLD = 5'd15, FRAME_DONE = 5'd16;
    localparam logic [4:0] SEED = 5'd17, PART = 5'd18, PART_READ = 5'd19, PART_WRITTEN = 5'd20;
    localparam logic [4:0] TELL = 5'd21, FINISH = 5'd22, PART_COLLECTED = 5'd23, SENT_ROW = 5'd24;

    logic [4:0] state, then_go;

    // --- CONFIG, as it stands ---------------------------------------------------------------
    logic [7:0]  rows, columns, row_units, h_slice, x_slice;
    logic [15:0] units_left;       // of the rows that have not been told yet

    wire [7:0]  context_id = address[31:24];
    wire [7:0]  region = address[31:24];
    wire [15:0] row_bytes = region == bus::TABLES ? 16'd2 : 16'(N);
    assign state_bytes = 16'({hidden, 1'b0}) + hidden;

    // --- subroutines ------------------------------------------------------------------------
    logic        selects;
    logic [7:0]  select_row, select_col, command;
    logic [79:0] arguments;
    logic [3:0]  argument_count;
    logic [15:0] data_first, data_count, data_address;
    logic        sent, passes, first_passes, take, bad;
    logic [7:0]  data;
    logic        sending;

    dies_port #(.KAPPA(KAPPA), .PARITY(PARITY)) port (
        .clk, .reset, .send(state == SEND && !sending), .sent, .selects, .row(select_row),
        .col(select_col), .command, .arguments, .argument_count, .data_first, .data_count,
        .payload_address(data_address), .payload, .passes, .first_passes, .out_valid, .out_command,
        .out_data, .out_parity, .bus_valid, .bus_command, .bus_data, .bus_parity, .take, .bad, .data
    );
    assign payload_address = data_address;

    logic [15:0] left;             // bytes to collect, or cycles to wait
    logic [15:0] silence;          // cycles since the last one came
    logic        drops;            // the first byte is not wanted
    logic        mute;             // who was asked has not answered
    logic [15:0] reply_at;
    logic [63:0] fill;
    logic [31:0] crc;

    // --- a step -----------------------------------------------------------------------------
    logic [3:0]  phase;
    logic [1:0]  gate_unused;
    logic [15:0] index_unused;
    logic        beat_here, high_unused, index_last_unused, last_unused;
    logic        counting, late;
    logic [31:0] count, scheduled;
    logic [31:0] saturations;
    logic [15:0] frames_left;
    wire mistimed = bad || phase != phases::H || !beat_here; // an h is due in its slot alone

    sequencer #(.KAPPA(KAPPA)) sequencer (
        .clk, .reset, .start(first_passes && command == bus::START), .inputs, .hidden, .row_units,
        .rows(9'(x_slice) + 9'(h_slice)), .columns, .phase, .gate(gate_unused),
        .index(index_unused), .beat_here, .high_here(high_unused), .index_last(index_last_unused),
        .last(last_unused)
    );

    // --- what the dies found ----------------------------------------------------------------
    logic [7:0] asked_row, asked_col;
    wire  [7:0] die_number = 8'(asked_row * 8'(COLUMNS) + asked_col);
    logic       found;             // something that voids the operation
    logic       found_memory;
    logic [31:0] found_what;
    wire [7:0] all_rows = configured ? rows : 8'(ROWS);
    wire [7:0] all_columns = configured ? columns : 8'(COLUMNS);

    // --- a state ----------------------------------------------------------------------------
    logic [15:0] run;
    logic        in_cells;
    logic [7:0]  slice;
    logic [8:0]  offset;
    logic [15:0] part_left;
    logic [7:0]  held;             // the last byte that passed: half a word, if a part ended in it
    logic [1:0]  seeded;
    wire part_begins = state == SEED && seeded == 2'd0 && address[23:0] == 24'd0;
    wire part_passes = state == PART_READ || state == PART_WRITTEN;

    state_walk walk (
        .clk, .begins(part_begins), .advance(part_passes), .wanted(part_left), .hidden, .h_slice,
        .row_units, .run, .in_cells, .slice, .offset
    );
    wire half = in_cells && offset[0];
    wire [7:0] run_address = in_cells ? offset[8:1] : offset[7:0];

    // --- the reply's payload ----------------------------------------------------------------
    wire collects = (state == COLLECT || state == RUNNING) && take && !drops;
    wire into_reply = collects && (op != words::SUM || state == RUNNING) && then_go != TOLD;
    assign reply_write = into_reply || state == FILL || state == TELL;
    assign reply_address = reply_at;
    assign reply_data = state == FILL ? fill[7:0] : state == TELL ? telemetry_byte : data;
    assign telemetry_address = reply_at[6:0];

    assign step_cycles = count;
    // What a refusal says of the context; a STATE_SET that is refused leaves it invalid.
    wire stands = valid && op != words::STATE_SET;
    wire ends_set = setting && op != words::STATE_SET;
    wire [31:0] told_events = 32'(told[63:40]) + 32'(told[79:64]) + 32'(told[95:80]);

    assign done = state == FINISH;
    assign busy = state != IDLE;

    always_ff @(posedge clk) begin
        step_done <= 1'b0;
        die_told <= 1'b0;
        memory_fault <= 1'b0;
        link_fault <= 1'b0;
        watchdog <= 1'b0;
        if (reset) begin
            state <= IDLE;
            sending <= 1'b0;
            configured <= 1'b0;
            counting <= 1'b0;
            columns <= 8'd0;
            hidden <= 16'd0;
            inputs <= 16'd0;
        end else begin
            if (counting) count <= count + 32'd1;
            if (passes && op == words::STATE_SET) begin // a WRITE may pass between two parts
                held <= payload;
                crc <= checksum::next(crc, payload);
            end
            if (reply_write) reply_at <= reply_at + 16'd1;
            case (state)
                IDLE: if (start) begin
                    status <= verdict;
                    answer_bytes <= 16'd0;
                    reply_at <= 16'd0;
                    found <= 1'b0;
                    found_memory <= 1'b0;
                    found_die <= 8'hFF;
                    drops <= 1'b0;
                    mute <= 1'b0;
                    asked_row <= 8'd0;
                    asked_col <= 8'd0;
                    cycles <= 32'd0;
                    saturations <= 32'd0;
                    select_row <= die_row;
                    select_col <= die_col;
                    selects <= 1'b1;
                    data_first <= 16'd0;
                    data_count <= 16'd0;
                    frames_left <= whole;
                    seeded <= 2'd0;
                    if (verdict == words::STATE) begin
                        fill <= {8'd0, stands ? steps : 24'd0, 16'd0, ends_set ? 8'd2 : 8'(stands), 8'(configured)};
                        answer_bytes <= 16'd8;
                        left <= 16'd8;
                        state <= FILL;
                    end else if (verdict != words::OK) state <= FINISH;
                    else case (op)
                        words::CONFIG: begin
                            {rows, columns} <= {opening[7:0], opening[15:8]};
                            {hidden, inputs} <= {opening[47:32], opening[63:48]};
                            {row_units, h_slice, x_slice} <= {opening[71:64], opening[87:80], opening[103:96]};
                            units_left <= opening[47:32];
                            configured <= 1'b1;
                            // None has a part in it, until it is told so below.
                            {select_row, select_col, command} <= {bus::ANY, bus::ANY, bus::CONFIG};
                            arguments <= '0;
                            argument_count <= 4'd9;
                            {state, then_go} <= {SEND, CONFIG_ROW};
                        end
                        words::WRITE: begin
                            command <= bus::WRITE;
                            arguments <= 80'({address[15:0], region});
                            argument_count <= 4'd3;
                            data_count <= length;
                            {state, then_go} <= {SEND, WRITTEN};
                        end
                        words::READ, words::SUM: begin
                            left <= opening[15:0];
                            frames_left <= opening[15:0]; // rows
                            data_first <= address[15:0];
                            crc <= checksum::BEGIN;
                            state <= READ_ROW;
                        end
                        words::STEP, words::STEP_N: begin
                            reply_at <= 16'd8;
                            state <= RUN_FRAME;
                        end
                        words::STATE_RESET: begin
                            left <= 16'(context_id);
                            state <= CLEAR;
                        end
                        words::STATE_GET, words::STATE_SET: begin
                            reply_at <= 16'd8;
                            if (address[23:0] == 24'd0) crc <= checksum::BEGIN;
                            part_left <= op == words::STATE_GET ? opening[15:0] : length - 16'd8;
                            data_first <= 16'd8;
                            fill <= {40'd0, op == words::STATE_GET ? steps : opening[23:0]};
                            state <= address[23:0] == 24'd0 ? SEED : PART;
                        end
                        words::TELEM: begin
                            answer_bytes <= 16'd112;
                            state <= TELL;
                        end
                        default: state <= FINISH; // CLOSE
                    endcase
                end

                SEND: begin
                    sending <= !sent;
                    if (sent) state <= then_go;
                    if (first_passes && command == bus::START) begin
                        counting <= 1'b1;
                        count <= 32'd0;
                    end
                end

                COLLECT: begin
                    silence <= take ? 16'd0 : silence + 16'd1;
                    if (take) begin
                        if (bad) mute <= 1'b1;
                        drops <= 1'b0;
                        left <= left - 16'd1;
                        if (then_go == TOLD) told <= {data, told[95:8]};
                        else if (!drops) crc <= checksum::next(crc, data);
                    end
                    if (take && left == 16'd1) state <= then_go;
                    else if (silence == SILENCE_CYCLES) begin
                        mute <= 1'b1;
                        state <= then_go;
                    end
                    // Perhaps no die heard it so: it voids the answer whatever they tell.
                    if (then_go != TOLD && !found && (take ? bad : silence == SILENCE_CYCLES)) begin
                        found <= 1'b1;
                        found_die <= 8'(select_row * 8'(COLUMNS) + select_col);
                        found_what <= 32'({4'd0, phases::IDLE, 8'd1});
                        link_fault <= 1'b1;
                    end
                end

                WAIT: begin
                    left <= left - 16'd1;
                    if (left == 16'd0) state <= then_go;
                end

                FILL: begin
                    fill <= fill >> 8;
                    left <= left - 16'd1;
                    if (left == 16'd1) state <= FINISH;
                end

                // --- CONFIG, STATE_RESET ----------------------------------------------------
                CONFIG_ROW: begin
                    select_row <= asked_row;
                    arguments <= 80'({hidden, inputs, h_slice, x_slice,
                        units_left < 16'(row_units) ? units_left[7:0] : row_units, row_units, columns});
                    units_left <= units_left < 16'(row_units) ? 16'd0 : units_left - 16'(row_units);
                    asked_row <= asked_row + 8'd1;
                    frames_left <= 16'd0;
                    {state, then_go} <= {SEND, asked_row == rows - 8'd1 ? CLEAR : CONFIG_ROW};
                end
                CLEAR: begin
                    selects <= 1'b0;
                    command <= bus::CLEAR;
                    arguments <= op == words::CONFIG ? 80'(frames_left) : 80'(context_id);
                    argument_count <= 4'd1;
                    {state, then_go} <= {SEND, CLEARED};
                end
                CLEARED: begin
                    frames_left <= frames_left + 16'd1;
                    left <= CLEAR_CYCLES;
                    {state, then_go} <= {WAIT, op == words::CONFIG && frames_left != 16'(CONTEXTS - 1)
                        ? CLEAR : FINISH};
                end

                // --- WRITE, and the end of any WRITE to the dies ----------------------------
                WRITTEN: begin
                    selects <= 1'b0;
                    command <= bus::NONE;
                    argument_count <= 4'd0;
                    data_count <= 16'd0;
                    {state, then_go} <= {SEND, op == words::WRITE ? FINISH : PART_WRITTEN};
                end

                // --- READ, SUM --------------------------------------------------------------
                READ_ROW: begin
                    command <= bus::READ;
                    arguments <= 80'({row_bytes, data_first, region});
                    argument_count <= 4'd5;
                    {state, then_go} <= {SEND, SENT_ROW};
                end
                SENT_ROW: begin
                    left <= row_bytes;
                    silence <= 16'd0;
                    {state, then_go} <= {COLLECT, ROW_READ};
                end
                ROW_READ: begin
                    frames_left <= frames_left - 16'd1;
                    data_first <= data_first + 16'd1;
                    state <= frames_left == 16'd1 || mute ? ASK : READ_ROW;
                end

                // --- STEP, STEP_N -----------------------------------------------------------
                RUN_FRAME: begin
                    selects <= 1'b0;
                    command <= bus::START;
                    arguments <= 80'(context_id);
                    argument_count <= 4'd1;
                    data_count <= inputs;
                    left <= hidden;
                    late <= 1'b0;
                    {state, then_go} <= {SEND, RUNNING};
                end
                RUNNING: begin
                    if (take) begin
                        left <= left - 16'd1;
                        if (mistimed && !late) found_what <= 32'({4'd0, phases::H, 8'd1});
                        if (mistimed) late <= 1'b1;
                    end
                    if (phase != phases::IDLE) scheduled <= count + 32'd1;
                    if ((take && left == 16'd1) || (phase == phases::IDLE && count >= {scheduled[30:0], 1'b0})) begin
                        counting <= 1'b0;
                        data_first <= data_first + inputs;
                        data_count <= 16'd0;
                        {asked_row, asked_col} <= '0;
                        selects <= 1'b1;
                        if (!take) begin
                            watchdog <= 1'b1;
                            late <= 1'b1;
                            if (!late) found_what <= 32'({4'd0, phases::H, 8'd2});
                        end else begin
`ifdef FAULT_INJECT
                            count <= count + 32'd1 + 32'(miscount);
`else
                            count <= count + 32'd1;
`endif
                        end
                        state <= ASK;
                    end
                end
                FRAME_DONE: begin
                    step_done <= (op == words::STEP || op == words::STEP_N) && !found && !late;
                    cycles <= cycles + count;
                    frames_left <= frames_left - 16'd1;
                    if (frames_left != 16'd1) state <= RUN_FRAME;
                    else begin
                        answer_bytes <= reply_at;
                        reply_at <= 16'd0;
                        left <= 16'd8;
                        fill <= {saturations, cycles + count};
                        state <= FILL;
                    end
                end

                // --- what each die found ----------------------------------------------------
                ASK: begin
                    mute <= 1'b0;
                    selects <= 1'b1;
                    select_row <= asked_row;
                    select_col <= asked_col;
                    command <= bus::READ;
                    arguments <= {40'd0, 16'd12, 16'd0, bus::STATUS};
                    argument_count <= 4'd5;
                    data_count <= 16'd0;
                    {state, then_go} <= {SEND, ASKED};
                end
                ASKED: begin
                    left <= 16'd12;
                    silence <= 16'd0;
                    {state, then_go} <= {COLLECT, TOLD};
                end
                TOLD: begin
                    if (mute) begin
                        // Silence tells more than what others noticed of it.
                        link_fault <= 1'b1;
                        if (!found || !found_memory) begin
                            found <= 1'b1;
                            found_die <= die_number;
                            found_what <= 32'({4'd0, phases::IDLE, 8'd1});
                        end
                    end else begin
                        die_told <= op == words::STEP || op == words::STEP_N;
                        saturations <= saturations + told_events;
                        memory_fault <= told[0];
                        link_fault <= told[1];
                        if (told[0] && !found_memory) begin
                            {found, found_memory} <= 2'b11;
                            found_die <= die_number;
                            found_what <= {told[15:8], 8'd0, told[31:16]};
                        end else if (told[1] && !found) begin
                            found <= 1'b1;
                            found_die <= die_number;
                            found_what <= {14'd0, told[37:36], 4'd0, told[35:32], 8'd1};
                        end
                    end
                    asked_col <= asked_col == all_columns - 8'd1 ? 8'd0 : asked_col + 8'd1;
                    if (asked_col == all_columns - 8'd1) asked_row <= asked_row + 8'd1;
                    state <= asked_col == all_columns - 8'd1 && asked_row == all_rows - 8'd1
                        ? FRAME_DONE : ASK;
                end

                // --- states -----------------------------------------------------------------
                SEED: begin
                    seeded <= seeded + 2'd1;
                    crc <= checksum::next(crc, fill[7:0]);
                    fill <= fill >> 8;
                    if (seeded == 2'd3) state <= PART;
                end
                PART: begin
                    selects <= 1'b1;
                    select_row <= in_cells ? slice : op == words::STATE_GET ? 8'd0 : bus::ANY;
                    select_col <= in_cells ? columns - 8'd1 : slice;
                    command <= op == words::STATE_GET ? bus::READ : bus::WRITE;
                    arguments[23:0] <= {context_id, run_address, in_cells ? bus::CELLS : bus::HIDDEN};
                    if (op == words::STATE_GET) begin
                        arguments[39:24] <= run + 16'(half);
                        argument_count <= 4'd5;
                        data_count <= 16'd0;
                        {state, then_go} <= {SEND, PART_COLLECTED};
                        if (part_left == 16'd0) state <= ASK;
                    end else begin
                        arguments[31:24] <= held;
                        argument_count <= half ? 4'd4 : 4'd3;
                        data_count <= run;
                        {state, then_go} <= {SEND, WRITTEN};
                    end
                end
                PART_COLLECTED: begin
                    left <= run + 16'(half);
                    drops <= half;
                    silence <= 16'd0;
                    {state, then_go} <= {COLLECT, PART_READ};
                end
                PART_READ: begin
                    part_left <= part_left - run;
                    state <= part_left == run || mute ? ASK : PART;
                end
                PART_WRITTEN: begin
                    part_left <= part_left - run;
                    data_first <= data_first + run;
                    if (part_left != run) state <= PART;
                    else begin
                        if (~crc != opening[63:32]) begin
                            status <= words::STATE;
                            fill <= 64'd1; // configured; the context is invalid now
                            answer_bytes <= 16'd8;
                            reply_at <= 16'd0;
                            left <= 16'd8;
                            state <= FILL;
                        end else state <= FINISH;
                    end
                end

                TELL: if (reply_at == 16'd111) state <= FINISH;

                default: state <= IDLE; // FINISH
            endcase

            // All dies have been asked: what was found decides the answer.
            if (state == FRAME_DONE && (found || late || !(op == words::STEP || op == words::STEP_N))) begin
                reply_at <= 16'd0;
                if (found || (late && (op == words::STEP || op == words::STEP_N))) begin
                    status <= found_memory ? words::MEM : words::FAULT;
                    answer_bytes <= 16'd4;
                    left <= 16'd4;
                    fill <= 64'(found_what);
                    state <= FILL;
                end else if (op == words::STATE_GET) begin
                    answer_bytes <= reply_at;
                    left <= 16'd8;
                    fill <= {~crc, 8'd0, steps};
                    state <= FILL;
                end else if (op == words::SUM) begin
                    answer_bytes <= 16'd4;
                    left <= 16'd4;
                    fill <= {32'd0, ~crc};
                    state <= FILL;
                end else begin
                    answer_bytes <= reply_at;
                    state <= FINISH;
                end
            end
        end
    end
endmodule
